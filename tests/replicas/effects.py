"""What actions and catalog plugins noted outside, whatever became of their process."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Effect:
    """A line: when, by which process, and what.

    Attributes:
        at: seconds of the machine's monotonic clock.
        more: the rest, e.g. task and step.
    """

    at: float
    pid: int
    replica: str
    what: str
    more: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        rest = " ".join(f"{name}={value}" for name, value in self.more.items())
        return f"{self.replica} (pid {self.pid}) {self.what} {rest}"


@dataclass(frozen=True, slots=True)
class Effects:
    """All lines, in the order of their time."""

    lines: Sequence[Effect]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what is there by now."""
        texts = path.read_text().splitlines() if path.exists() else []
        found = [_effect(json.loads(text)) for text in texts]
        return cls(sorted(found, key=lambda one: one.at))

    def since(self, moment: float) -> "Effects":
        """Return those from a moment on."""
        return Effects([one for one in self.lines if one.at >= moment])

    def of_task(self, task_id: str, what: str | None = None) -> list[Effect]:
        """Return those of a task."""
        return [one for one in self.lines if one.more.get("task") == task_id and what in {None, one.what}]

    def of_step(self, task_id: str, what: str) -> dict[str, list[Effect]]:
        """Return those of one kind by their step."""
        found: dict[str, list[Effect]] = {}
        for one in self.of_task(task_id, what):
            found.setdefault(one.more["step"], []).append(one)
        return found

    def spans(self, begin: str, end: str) -> "Iterator[Span]":
        """Yield what a process began and ended at a location; without an end when there is none."""
        opened: dict[tuple[int, str], Effect] = {}
        for one in self.lines:
            key = one.pid, str(one.more.get("location"))
            if one.what == begin:
                if key in opened:
                    yield Span(opened[key], None)
                opened[key] = one
            elif one.what == end and key in opened:
                yield Span(opened.pop(key), one)
        yield from (Span(one, None) for one in opened.values())


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of work at a location."""

    begin: Effect
    end: Effect | None

    @property
    def location(self) -> str:
        """Of what."""
        return str(self.begin.more["location"])


def _effect(line: dict[str, Any]) -> Effect:
    return Effect(line.pop("at"), line.pop("pid"), line.pop("replica"), line.pop("what"), line)
