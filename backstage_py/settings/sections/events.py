"""``events``: what other systems tell at ``/api/events/http/<topic>``."""

from dataclasses import dataclass
from typing import ClassVar

from backstage_py.settings import kinds
from backstage_py.settings.description import Key, key


def _secret(module: str, about: str) -> str | None:
    secret: str | None = key(f"modules.{module}.webhookSecret", kinds.TEXT, about, None, is_shown=False)
    return secret


@dataclass(frozen=True, slots=True)
class EventsSettings:
    """``events``.

    Attributes:
        topics: addresses that are open besides those of the modules below.
    """

    topics: tuple[str, ...] = key(
        "http.topics",
        kinds.TEXTS,
        "Topics to receive at /api/events/http/<topic>; without a secret of theirs, from anybody.",
        (),
    )
    github: str | None = _secret("github", "Opens the topic github for what is signed with it.")
    gitlab: str | None = _secret("gitlab", "Opens the topic gitlab for what brings it as X-Gitlab-Token.")
    azure_dev_ops: str | None = _secret(
        "azureDevOps", "Opens the topic azureDevOps for what brings it as X-Ado-Webhook-Secret."
    )
    bitbucket_cloud: str | None = _secret(
        "bitbucketCloud", "(ours) Opens the topic bitbucketCloud for what is signed with it."
    )
    bitbucket_server: str | None = _secret(
        "bitbucketServer", "(ours) Opens the topic bitbucketServer for what is signed with it."
    )
    gitea: str | None = _secret("gitea", "(ours) Opens the topic gitea for what is signed with it.")
    platform: str | None = _secret(
        "platform",
        "(ours) Opens the topic platform, for deployments and incidents that the platform's metrics count, for what "
        "brings it as X-Platform-Webhook-Secret.",
    )

    also: ClassVar = (
        Key("notifyTimeoutMs", without_effect="events wait in the database, and whoever has a provider is woken"),
        Key("useEventBus", without_effect="the database is the bus of all replicas"),
    )
