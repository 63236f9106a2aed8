"""A repository as a source of the catalog: what GitHub says about it, and whether the configuration wants it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Self

from backstage_py.js import regex
from backstage_py.model import entity as entities
from backstage_py.model import entity_ref
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.location_ref import LocationRef
from backstage_py.settings.sections.github_providers import GithubSettings


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository.

    Attributes:
        url: of its page.
        default_branch: None for an empty repository.
        text: of the catalog file where GitHub was asked for one, None when there is none or it is no text.
        has_file: whether there is one.
    """

    owner: str
    name: str
    url: str
    default_branch: str | None
    topics: tuple[str, ...] = ()
    is_archived: bool = False
    is_fork: bool = False
    visibility: str = "public"
    has_file: bool = True
    text: str | None = None

    @classmethod
    def of_query(cls, node: JsonObject, owner: str) -> Self:
        """Return the repository of an answer to ``queries``."""
        file = node.get("catalogInfoFile") or {}
        return cls(
            owner,
            node["name"],
            node["url"],
            (node.get("defaultBranchRef") or {}).get("name"),
            tuple(one["topic"]["name"] for one in node["repositoryTopics"]["nodes"]),
            is_archived=node["isArchived"],
            is_fork=node["isFork"],
            visibility=node["visibility"].lower(),
            has_file=file.get("__typename") == "Blob" and file.get("text") != "",  # an empty one is none
            text=file.get("text"),
        )

    @classmethod
    def of_event(cls, told: JsonObject) -> Self:
        """Return the repository of an event's ``repository``."""
        return cls(
            told["owner"]["login"],
            told["name"],
            told["html_url"],
            told.get("default_branch"),
            tuple(told.get("topics") or ()),
            is_archived=bool(told.get("archived")),
            is_fork=bool(told.get("fork")),
            visibility=str(told.get("visibility") or ("private" if told.get("private") else "public")).lower(),
        )

    def called(self, name: str) -> "Repository":
        """Return the repository as it was under another name."""
        return replace(self, name=name, url=f"{self.url.rpartition('/')[0]}/{name}")

    def of_owner(self, login: str) -> "Repository":
        """Return the repository as it was another owner's."""
        host = self.url.rpartition("/")[0].rpartition("/")[0]
        return replace(self, owner=login, url=f"{host}/{login}/{self.name}")


class Wanted:
    """Which repositories are wanted, and where their catalog files are.

    Args:
        settings: of the provider.
    """

    def __init__(self, settings: GithubSettings) -> None:
        self._settings = settings
        self._name = _whole(settings.repository)
        self.path = settings.catalog_path.removeprefix("/")

    def has(self, repository: Repository) -> bool:
        """Return whether the filters let a repository in."""
        asked = self._settings
        return (
            (asked.allow_archived or not repository.is_archived)
            and (asked.allow_forks or not repository.is_fork)
            and self._name(repository.name)
            and self._fits_topics(repository.topics)
            and (not asked.visibility or repository.visibility in {one.lower() for one in asked.visibility})
            and bool(repository.default_branch)
        )

    def _fits_topics(self, topics: Sequence[str]) -> bool:
        asked = self._settings
        return not {*topics} & {*asked.no_topics} and (not asked.topics or bool({*topics} & {*asked.topics}))

    def branch(self, repository: Repository) -> str:
        """Return the branch that is read."""
        return self._settings.branch or repository.default_branch or "-"

    def target(self, repository: Repository) -> str:
        """Return the URL of the catalog file, or the pattern of several."""
        return f"{repository.url}/blob/{self.branch(repository)}/{self.path}"

    def location(self, repository: Repository) -> JsonObject:
        """Return the entity that stands for it."""
        return entities.location_entity(LocationRef("url", self.target(repository)), presence="optional")

    def ref(self, repository: Repository) -> str:
        """Return that entity's reference."""
        return entity_ref.of(self.location(repository))


def _whole(pattern: str | None) -> Callable[[str], bool]:
    if pattern is None:
        return lambda _: True
    start = "" if pattern.startswith("^") else "^"
    end = "" if pattern.endswith("$") else "$"
    return regex.tester(f"{start}{pattern}{end}")


def named(told: Json, *path: str) -> str | None:
    """Return a text that is deep in an event, None when it is not there."""
    for part in path:
        told = told.get(part) if isinstance(told, dict) else None
    return told if isinstance(told, str) else None
