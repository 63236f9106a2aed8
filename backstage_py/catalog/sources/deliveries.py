"""What other systems deliver as events: whether it is theirs, which topics it has, and how it is known again.

Source of topics, headers and answers: the events modules of Backstage for each host. Theirs compare signatures as this
does; that an event is refused when it comes again is ours.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backstage_py.model.json import Json, JsonObject
from backstage_py.model.scm import ScmIntegration
from backstage_py.settings.sections import EventsSettings

Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Proof:
    """How a system shows that a delivery is its own.

    Attributes:
        header: that carries it.
        is_signature: of the body, HMAC-SHA-256 in hexadecimal; otherwise the secret itself.
        refusal: the answer to one without it.
    """

    header: str
    is_signature: bool
    refusal: str


_PROOFS: Mapping[str, Proof] = {
    "github": Proof("x-hub-signature-256", True, "invalid signature"),
    "gitlab": Proof("x-gitlab-token", False, "invalid token"),
    "azureDevOps": Proof("x-ado-webhook-secret", False, "invalid webhook secret"),
    "bitbucketCloud": Proof("x-hub-signature", True, "invalid signature"),
    "bitbucketServer": Proof("x-hub-signature", True, "invalid signature"),
    "gitea": Proof("x-gitea-signature", True, "invalid signature"),
    "platform": Proof("x-platform-webhook-secret", False, "invalid webhook secret"),
}
_IDS: Mapping[str, tuple[str, ...]] = {
    "github": ("x-github-delivery",),
    "gitlab": ("idempotency-key", "x-gitlab-event-uuid"),
    "bitbucketCloud": ("x-request-uuid",),
    "bitbucketServer": ("x-request-id",),
    "gitea": ("x-gitea-delivery",),
    "platform": ("idempotency-key",),
}
_KIND_HEADERS: Mapping[str, str] = {
    "github": "x-github-event",
    "bitbucketCloud": "x-event-key",
    "bitbucketServer": "x-event-key",
    "gitea": "x-gitea-event",
}
_KIND_MEMBERS: Mapping[str, tuple[str, ...]] = {
    "gitlab": ("object_kind", "event_name"),
    "azureDevOps": ("eventType",),
    "gerrit": ("type",),
}
_KIND = re.compile(r"[\w.:/-]{1,100}", re.ASCII)
"""Kinds that hosts have; whatever else an open address is told becomes no topic."""


@dataclass(frozen=True, slots=True)
class Ingress:
    """One address that receives events.

    Attributes:
        topic: its last segment.
        secrets: any of which proves a delivery; none at all lets everybody in, as the operator has said.
    """

    topic: str
    secrets: tuple[str, ...] = ()

    def refusal(self, headers: Headers, body: bytes) -> str | None:
        """Return why a delivery is not accepted, None when it is."""
        if not self.secrets:
            return None
        proof = _PROOFS[self.topic]
        given = headers.get(proof.header, "").removeprefix("sha256=").encode()
        wanted = [_signature(one, body) if proof.is_signature else one for one in self.secrets]
        matches = [hmac.compare_digest(given, one.encode()) for one in wanted]
        return None if any(matches) else proof.refusal

    def subtopic(self, headers: Headers, payload: JsonObject) -> str:
        """Return the topic with the kind of the event, such as ``github.push``; alone where there is no such word."""
        found: Json = headers.get(_KIND_HEADERS.get(self.topic, ""))
        for member in _KIND_MEMBERS.get(self.topic, ()):
            found = found or payload.get(member)
        return f"{self.topic}.{found}" if isinstance(found, str) and _KIND.fullmatch(found) else self.topic

    def keys(self, headers: Headers, body: bytes) -> Sequence[str]:
        """Return what a delivery is known by when it comes again.

        That is the id of the delivery; and the body where only that is signed, so that an id cannot be made up for it.
        """
        proof = _PROOFS.get(self.topic)
        named = next((headers[name] for name in _IDS.get(self.topic, ()) if headers.get(name)), None)
        keys = [] if named is None else [_digest(self.topic, named.encode(), b"" if self._is_signed else body)]
        return [*keys, _digest(self.topic, body)] if proof and (self._is_signed or named is None) else keys

    @property
    def _is_signed(self) -> bool:
        return bool(self.secrets) and _PROOFS[self.topic].is_signature


def of(settings: EventsSettings, integrations: Sequence[ScmIntegration]) -> Mapping[str, Ingress]:
    """Return the addresses that are open, by topic: those that are configured, and those with a secret."""
    apps = (app for one in integrations if one.type == "github" for app in one.options.get("apps") or ())
    of_apps = tuple(str(app["webhookSecret"]) for app in apps if app.get("webhookSecret"))
    secrets = {
        "github": (*of_apps, *_given(settings.github)),
        "gitlab": _given(settings.gitlab),
        "azureDevOps": _given(settings.azure_dev_ops),
        "bitbucketCloud": _given(settings.bitbucket_cloud),
        "bitbucketServer": _given(settings.bitbucket_server),
        "gitea": _given(settings.gitea),
        "platform": _given(settings.platform),
    }
    open_ = dict.fromkeys((*settings.topics, *(topic for topic, known in secrets.items() if known)))
    return {topic: Ingress(topic, secrets.get(topic, ())) for topic in open_}


def _given(secret: str | None) -> tuple[str, ...]:
    return (secret,) if secret else ()


def _signature(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _digest(*parts: str | bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.hexdigest()
