"""The interface behind all git hosts, in the words that they share; the rest is said in each host's own."""

import re
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from backstage_py.errors import NotFoundError
from backstage_py.integrations.git import GitCredentials
from backstage_py.model.json import Json, JsonObject

_PROVISIONAL = "Being made by the scaffolder ({})"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRepository:
    """A repository to create.

    Attributes:
        description: the one that people shall read in the end.
        of_group: its owner is an organization, group or project, and no person.
        options: what else the host's API is told, in its words.
    """

    description: str = ""
    of_group: bool = True
    options: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request to merge one branch into another.

    Attributes:
        branch: what is proposed, and ``owner`` the owner of the fork that has it; None for the repository itself.
        target: the branch that it is proposed to.
        commit: hash of the newest commit of ``branch``, made by this task; None when that is not known.
        options: what else the host's API is told, in its words.
    """

    branch: str
    target: str
    title: str
    description: str | None = None
    commit: str | None = None
    owner: str | None = None
    options: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Where events go; ``events`` and ``options`` in the host's words."""

    url: str
    events: tuple[str, ...]
    secret: str | None = field(default=None, repr=False)
    options: JsonObject = field(default_factory=dict)


class Forge(Protocol):
    """A repository's place on a git host, and the right to change it; the repository need not be there yet.

    What is returned is what the host's API says of the thing. ``find…`` return None when there is no such thing, and
    are only asked when an earlier run of the same step may have made one.
    """

    @property
    def host(self) -> str:
        """As in URLs, with its port if it has one."""

    @property
    def label(self) -> str:
        """Owner and name as people write them, such as ``acme/shop``."""

    @property
    def git_credentials(self) -> GitCredentials:
        """With what git pushes."""

    async def create(self, new: NewRepository, marker: str) -> Json:
        """Create the repository and leave the marker on it, as its ``provisional`` description where it has one."""

    async def find(self, marker: str) -> Json:
        """Return the repository if it has the marker: one that merely has the name is somebody else's."""

    async def settle(self, new: NewRepository) -> None:
        """Give the repository, which is this task's, the description that was wanted. Again without harm."""

    async def open_request(self, request: Request) -> Json:
        """Open a request to merge."""

    async def find_request(self, request: Request) -> Json:
        """Return the request to merge that has this branch, with this commit where that is known."""

    async def protect(self, branch: str, rules: Mapping[str, Json]) -> None:
        """Protect a branch, in the host's words. Again without harm."""

    async def add_webhook(self, hook: Webhook) -> Json:
        """Have events sent somewhere."""

    async def find_webhook(self, hook: Webhook) -> Json:
        """Return a webhook that is as wanted; its secret, which no host shows, is set once more."""


def provisional(marker: str) -> str:
    """Return the description of a repository until it is known to be this task's: a person reads who is at work."""
    return _PROVISIONAL.format(marker)


async def marked(reading: Awaitable[Json], marker: str) -> Json:
    """Return what is read if its description has the marker; None when it has not, or there is nothing."""
    try:
        found = await reading
    except NotFoundError:
        return None
    return found if found and has(found.get("description"), marker) else None


def has(description: Json, marker: str) -> bool:
    """Say whether a thing's description has the marker, as a word of its own."""
    word = rf"(?<![\w-]){re.escape(marker)}(?![\w-])"
    return isinstance(description, str) and re.search(word, description) is not None
