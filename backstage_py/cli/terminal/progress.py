"""A running task in the terminal: a live list of steps where there is a terminal, plain lines elsewhere."""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from backstage_py.model.json import Json, JsonObject

Clock = Callable[[], float]

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_SHOWN_LINES = 6
_SKIPPING = "Skipping because "
_MARKS = {
    "open": ("·", "dim"),
    "completed": ("✓", "green"),
    "failed": ("✗", "red"),
    "skipped": ("-", "yellow"),
    "cancelled": ("✗", "red"),
}


@dataclass(slots=True)
class StepProgress:
    """The state of a step: status, when it began, how long it took (seconds), its last log lines, why it is skipped."""

    id: str
    name: str
    status: str = "open"
    began: float | None = None
    took: float | None = None
    lines: list[str] = field(default_factory=list)
    reason: str = ""

    @property
    def outcome(self) -> str:
        """The status, and why the step is not run here, if that is why it was skipped."""
        return f"{self.status}, {self.reason}" if self.reason else self.status


class TaskDisplay(Protocol):
    """Shows the events of one task as they come."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *exc: object) -> None: ...
    def show(self, event: JsonObject) -> None:
        """Take in an event of the task's stream."""


def display(console: Console, steps: Sequence[Json], *, clock: Clock = time.monotonic) -> TaskDisplay:
    """Return the display that suits the console. ``steps`` are those of the task's spec."""
    known = [StepProgress(str(step["id"]), str(step["name"])) for step in steps]
    return LiveDisplay(console, known, clock) if console.is_terminal else PlainDisplay(console, known, clock)


class PlainDisplay:
    """One line per event, for files and CI logs."""

    def __init__(self, console: Console, steps: Sequence[StepProgress], clock: Clock) -> None:
        self._console = console
        self._steps = {step.id: step for step in steps}
        self._clock = clock

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        return

    def show(self, event: JsonObject) -> None:
        """Print the event."""
        step, lines = apply_event(self._steps, event, self._clock())
        for line in lines:
            self._print(f"    {line}")
        if step and step.status == "processing" and not step.took and _status(event) == "processing":
            self._print(f"[{self._position(step)}] {step.name} …")
        elif step and _status(event) in _MARKS:
            self._print(f"[{self._position(step)}] {step.name}: {step.outcome} ({step.took or 0:.1f} s)")

    def _position(self, step: StepProgress) -> str:
        return f"{list(self._steps).index(step.id) + 1}/{len(self._steps)}"

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class LiveDisplay:
    """The list of steps, redrawn in place, with the last log lines of the running one."""

    def __init__(self, console: Console, steps: Sequence[StepProgress], clock: Clock) -> None:
        self._steps = {step.id: step for step in steps}
        self._clock = clock
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=12, transient=False)
        self._spinners = {step.id: Spinner("dots") for step in steps}

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._live.__exit__(None, None, None)

    def show(self, event: JsonObject) -> None:
        """Take in the event; the next redraw shows it."""
        apply_event(self._steps, event, self._clock())

    def _render(self) -> RenderableType:
        table = Table.grid(padding=(0, 1))
        parts: list[RenderableType] = [table]
        for step in self._steps.values():
            running = step.status == "processing"
            mark, style = _MARKS.get(step.status, ("·", "dim"))
            took = self._clock() - step.began if running and step.began is not None else step.took
            seconds = Text(f"{took:.1f} s" if took is not None else "", style="dim")
            table.add_row(
                self._spinners[step.id] if running else Text(mark, style=style),
                Text(step.name, style="bold" if running else style if step.status == "open" else ""),
                Text("" if running or step.status == "open" else step.outcome, style=style),
                seconds,
            )
            if running or step.status == "failed":
                parts.extend(Text(f"    {line}", style="dim", no_wrap=True) for line in step.lines[-_SHOWN_LINES:])
        return Group(*parts)


def apply_event(steps: dict[str, StepProgress], event: JsonObject, now: float) -> tuple[StepProgress | None, list[str]]:
    """Apply an event to the steps and return the step it is about and the log lines it brings."""
    body = event.get("body") or {}
    step = steps.get(str(body.get("stepId")))
    if event.get("type") != "log":
        return None, []
    status = _status(event)
    lines = [line for line in _ANSI.sub("", str(body.get("message", ""))).splitlines() if line.strip()]
    if step is None:
        return None, lines
    if status == "processing" and step.began is None:
        step.began = now
    if status in _MARKS:
        step.took = now - step.began if step.began is not None else 0.0
    if status:
        step.status = status
        message = str(body.get("message", ""))
        step.reason = message.removeprefix(_SKIPPING) if status == "skipped" and message.startswith(_SKIPPING) else ""
    shown = lines if status in (None, "failed") else []
    step.lines.extend(shown)
    return step, shown


def _status(event: JsonObject) -> str | None:
    status = (event.get("body") or {}).get("status")
    return str(status) if status else None
