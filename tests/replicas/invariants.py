"""What holds of tasks whatever happened to processes, to the database and to the path between them.

- Each task ends, as its steps say; one completion for each attempt that ended it, and nothing behind it.
- What a client was sent, through whichever replicas and reconnects, is what is stored: in order, without a gap.
- A step that was recorded as finished does not run again, and its log is whole.
- An idempotent step has its effect once, and so has one that ``ctx.effect`` guards. A plain one is repeated only if its
  process was killed, or was silent for longer than its lease. What a checkpoint kept, every later run gets.
- Secrets are gone when a task has ended, and nobody was ever shown them.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tests.replicas.effects import Effect, Effects
from tests.replicas.history import History
from tests.replicas.records import Event, Records, Row
from tests.replicas.tasks import Followed

_LINES = 4


@dataclass(frozen=True, slots=True)
class Checker:
    """Compares what is stored, what was seen and what was counted.

    Attributes:
        made: the names of what the foreign system has, each with the id of its task in front.
    """

    records: Records
    effects: Effects
    made: Sequence[str]
    history: History
    followed: Mapping[str, Followed]

    def problems(self) -> Iterator[str]:
        """Yield one sentence for each thing that is wrong."""
        missing = self.followed.keys() - self.records.tasks.keys()
        yield from (f"task {task_id} was created and is not there" for task_id in sorted(missing))
        for task in self.records.tasks.values():
            events = self.records.events.get(task.id, [])
            one = self.followed.get(task.id)
            found = (
                *self._end(task, events, one),
                *(self._stream(events, one) if one else ()),
                *self._steps(task, events),
                *self._repeats(task),
                *self._secrets(task, events, one),
            )
            yield from (f"task {task.id} ({task.template}): {problem}" for problem in found)

    def _end(self, task: Row, events: Sequence[Event], one: Followed | None) -> Iterator[str]:
        expected = {"completed"}
        if one and one.is_cancelled:
            expected = {"completed", "failed", "cancelled"}
        elif task.fails_once and not (one and one.retries):
            expected = {"failed"}
        if task.status not in expected:
            yield f"its status is {task.status}: {_last_error(events)}"
        types = [event.type for event in events if event.type != "cancelled"]
        if types.count("completion") != 1 or types[-1] != "completion":
            yield f"its events are {Counter(types)} and end with {types[-1:]}"

    @staticmethod
    def _stream(events: Sequence[Event], one: Followed) -> Iterator[str]:
        seen = [int(event["id"]) for event in one.seen]
        if seen != sorted(set(seen)):
            yield f"a client saw events twice or out of order: {_out_of_order(seen)}"
        stored = {event.id for event in _newest_run(events)}
        if gap := stored - set(seen) - {event.id for event in events if event.type == "cancelled"}:
            yield f"a client missed the events {sorted(gap)}"
        ends = {int(event["id"]) for event in one.seen if event["type"] in {"completion", "cancelled"}}
        if more := set(seen) - {event.id for event in events} - (ends if one.retries else set()):
            yield f"a client saw the events {sorted(more)}, which are not stored"

    def _steps(self, task: Row, events: Sequence[Event]) -> Iterator[str]:
        finished: set[str] = set()
        lines: dict[str, list[str]] = {}
        for event in events:
            step, message = event.step, event.message
            if event.type == "recovered" and (task.starts_over or task.fails_once):
                finished.clear()
            if step is None:
                continue
            if message.startswith("Beginning step"):
                if step in finished:
                    yield f"step {step} ran again after it had finished"
                lines[step] = []
            elif message.startswith("Finished step"):
                finished.add(step)
                said = lines.get(step, [])
                if said and said != [str(number) for number in range(_LINES)]:
                    yield f"the log of step {step} has the lines {said}"
            elif "line " in message:
                lines.setdefault(step, []).append(message.partition("line ")[2].split()[0])

    def _repeats(self, task: Row) -> Iterator[str]:
        for step, found in self.effects.of_step(task.id, "plain").items():
            if problem := self._repeat(found):
                yield f"plain step {step} {problem}"
        for step, found in self.effects.of_step(task.id, "made").items():
            if problem := self._repeat(found):
                yield f"checkpoint of step {step} {problem}"
        for step, found in self.effects.of_step(task.id, "kept").items():
            if len({one.more["value"] for one in found}) > 1:
                yield f"checkpoint of step {step} had several values: {_told(found)}"
        if task.status == "completed" and task.template == "steps":
            if missing := {"one", "kept", "two"} - {one.more["step"] for one in self.effects.of_task(task.id)}:
                yield f"it completed without the effects of {sorted(missing)}"
            for step in ("once", "guarded"):
                things = [name for name in self.made if name.startswith(f"{task.id} {step}")]
                if len(things) != 1:
                    yield f"its step {step} made {len(things)} things: {_told(self.effects.of_task(task.id))}"

    def _repeat(self, found: Sequence[Effect]) -> str | None:
        """Say which repeat has no excuse."""
        for earlier, later in pairwise(found):
            if not self._is_excused(earlier, later):
                return f"was repeated without cause: {_told((earlier, later))}"
        return None

    def _is_excused(self, earlier: Effect, later: Effect) -> bool:
        """Say whether the first was lost, or the second comes from a process that did not know that it had lost it."""
        process, other = (self.history.processes[one.pid] for one in (earlier, later))
        if process.is_excused(earlier.at, later.at):
            return True
        return any(low <= later.at and high >= earlier.at for low, high in other.silences())

    @staticmethod
    def _secrets(task: Row, events: Sequence[Event], one: Followed | None) -> Iterator[str]:
        if task.has_secrets:
            yield "its secrets are still stored"
        if task.leftovers:
            yield f"it left {task.leftovers}"
        if one and any(one.secret in event.body for event in events):
            yield "its secret is in its events"


def _newest_run(events: Sequence[Event]) -> Sequence[Event]:
    """Return what a client is sure to see: the events of a task that starts over begin anew."""
    for index in range(len(events) - 1, -1, -1):
        if events[index].type == "recovered" and "startOver" in events[index].body:
            return events[index + 1 :]
    return events


def _last_error(events: Sequence[Event]) -> Any:
    return json.loads(events[-1].body).get("error") if events else None


def _out_of_order(ids: Sequence[int]) -> list[tuple[int, int]]:
    return [(one, other) for one, other in pairwise(ids) if other <= one]


def _told(effects: Iterable[Effect]) -> str:
    return "; ".join(f"{one.at:.2f} {one}" for one in effects)
