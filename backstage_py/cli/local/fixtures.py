"""What stands in for the world in a run on an author's machine: mocks of actions, entities, answers of Backstage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from backstage_py.model.json import Json, JsonObject


@dataclass(frozen=True, slots=True)
class Mock:
    """What an action does instead of what it does.

    Attributes:
        output: by name, as later steps see it.
        log: lines of the step.
        fail: the step fails with this message, after it has logged and written.
        files: written into the workspace, by path.
    """

    output: JsonObject = field(default_factory=dict)
    log: tuple[str, ...] = ()
    fail: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What ``http:backstage:request`` gets.

    Attributes:
        method: in capitals, None for any.
        path: of the request, with its query; ``*`` stands for anything.
    """

    method: str | None
    path: str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Json = None


@dataclass(frozen=True, slots=True)
class Fixtures:
    """All of it.

    Attributes:
        mocks: by the id of a step, or else of an action.
        entities: the catalog; None lets a dry run make examples of what is asked for.
        answers: the first that fits is given; None where requests are not answered but explained.
        repositories: what the sandbox's git host has before the run: texts of files by path, by ``owner/name``.
        shared: the mocks that came from a file of their own, which may be for other templates.
    """

    mocks: Mapping[str, Mock] = field(default_factory=dict)
    entities: Sequence[JsonObject] | None = None
    answers: Sequence[Answer] | None = None
    repositories: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    shared: frozenset[str] = frozenset()
