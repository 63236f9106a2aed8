"""A task: its specification, its status, its events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

import orjson

from backstage_py.model import json, times
from backstage_py.model.entity_filter import Filter
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.platform_event import PlatformEvent

STALE_MESSAGE = "This task was marked as stale as it exceeded its timeout"


class TaskStatus(StrEnum):
    """The states that Backstage knows; ``cancelled`` and ``skipped`` are accepted in filters and never set."""

    OPEN = "open"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


ENDED = (TaskStatus.CANCELLED, TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.SKIPPED)


class EventType(StrEnum):
    """The types of events in a task's stream."""

    LOG = "log"
    COMPLETION = "completion"
    CANCELLED = "cancelled"
    RECOVERED = "recovered"


@dataclass(frozen=True)
class Task:
    """A task as stored. ``spec_text`` is its specification as JSON text, which answers hand through unparsed."""

    id: str
    spec_text: str
    status: str
    created_at: int
    last_heartbeat_at: int | None
    created_by: str | None
    starts_over: bool

    @cached_property
    def spec(self) -> JsonObject:
        """The specification: ``apiVersion, steps, output, parameters, user, templateInfo``."""
        spec: JsonObject = orjson.loads(self.spec_text)  # our own text: its numbers are in their final form
        return spec


AttemptKey = tuple[str, int]
"""What an attempt is known by: the task's id and the number of the claim."""


@dataclass(slots=True)
class Recorded:
    """How far a run has come with recording its moves.

    Attributes:
        moves: how many are recorded.
        newest_event: the id of the task's newest event, 0 for none; None when somebody else may have added one.
        erases_secrets: the next move takes the secrets out of the store.
    """

    moves: int = 0
    newest_event: int | None = None
    erases_secrets: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to run a task. Who holds an older ``number`` than the task's has lost it."""

    task: Task
    number: int
    secrets: Mapping[str, str] = field(repr=False)
    secrets_lost: bool
    cancel_requested: bool
    recorded: Recorded = field(default_factory=Recorded, compare=False, repr=False)

    @property
    def id(self) -> str:
        """The task's id."""
        return self.task.id

    @property
    def key(self) -> AttemptKey:
        """What the attempt is known by."""
        return self.task.id, self.number


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event that is about to be stored; ``body`` is redacted JSON text."""

    type: EventType
    body: str
    created_at: int


def new_event(type: EventType, body: Mapping[str, Json]) -> NewEvent:  # noqa: A002  # its name on the wire
    """Make an event of a JSON body."""
    return NewEvent(type, json.text(dict(body)), times.now())


@dataclass(frozen=True, slots=True)
class TaskEvent:
    """A stored event. Ids are integers that grow over all tasks, with gaps."""

    id: int
    task_id: str
    type: str
    body: str
    created_at: int

    def as_json_text(self, *, recoverable: bool) -> str:
        """Return the event as clients see it; ``recoverable`` says that the template starts over after a crash."""
        return (
            f'{{"id":{self.id},"isTaskRecoverable":{"true" if recoverable else "false"},"taskId":"{self.task_id}",'
            f'"body":{self.body},"type":"{self.type}","createdAt":"{times.iso(self.created_at)}"}}'
        )


@dataclass(frozen=True, slots=True)
class StepResult:
    """A step that ended: its outputs, or ``{name, message}`` of its error.

    Attributes:
        attempt: the number of the claim under which it ended; None when it has just ended, or ended before that was
            recorded.
        events: what the step did that the platform is measured by; recorded with the result.
    """

    position: int
    failed: bool
    result: JsonObject
    attempt: int | None = None
    events: Sequence[PlatformEvent] = ()


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """What ``GET /v2/tasks`` asks for.

    Attributes:
        order: holds ``(column, descending)``.
        visible: what the caller may see, a filter over ``created_by``; None for all.
    """

    created_by: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    order: tuple[tuple[str, bool], ...] = ()
    limit: int | None = None
    offset: int | None = None
    visible: Filter | None = None


class ClaimLost(Exception):  # noqa: N818  # a fact about the run, not a fault
    """Another worker has the task by now, or it has ended: the run must stop and write nothing more."""


@dataclass(frozen=True, slots=True)
class Transition:
    """What one move of a run writes, all of it or nothing.

    Attributes:
        events: in their order.
        steps: the steps that ended with this move.
        end: the task's final status; secrets are erased with it.
        keep_progress: step results and the snapshot stay after the end, for a retry that goes on from them.
    """

    events: Sequence[NewEvent] = ()
    steps: Sequence[StepResult] = ()
    end: TaskStatus | None = None
    keep_progress: bool = False
