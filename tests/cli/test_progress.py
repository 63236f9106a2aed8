import io
from collections.abc import Iterator
from itertools import count

from rich.console import Console

from backstage_py.cli.terminal import progress

STEPS = [{"id": "a", "name": "Fetch"}, {"id": "b", "name": "Publish"}]
EVENTS = [
    {"type": "log", "body": {"message": "Starting up task with 2 steps"}},
    {"type": "log", "body": {"message": "Beginning step Fetch", "stepId": "a", "status": "processing"}},
    {"type": "log", "body": {"message": "\x1b[32minfo\x1b[39m: 3 files\n", "stepId": "a"}},
    {"type": "log", "body": {"message": "Finished step Fetch", "stepId": "a", "status": "completed"}},
    {"type": "log", "body": {"message": "Beginning step Publish", "stepId": "b", "status": "processing"}},
    {"type": "log", "body": {"message": "Error: no\n  at x", "stepId": "b", "status": "failed"}},
    {"type": "completion", "body": {"message": "Run completed with status: failed"}},
]


def shown(console: Console) -> None:
    ticks: Iterator[int] = count()
    with progress.display(console, STEPS, clock=lambda: float(next(ticks))) as display:
        for event in EVENTS:
            display.show(event)


def test_without_a_terminal_each_event_is_a_plain_line() -> None:
    out = io.StringIO()
    shown(Console(file=out, width=200))
    assert out.getvalue().splitlines() == [
        "    Starting up task with 2 steps",
        "[1/2] Fetch …",
        "    info: 3 files",
        "[1/2] Fetch: completed (2.0 s)",
        "[2/2] Publish …",
        "    Error: no",
        "      at x",
        "[2/2] Publish: failed (1.0 s)",
    ]


def test_on_a_terminal_each_step_has_its_mark_and_the_failed_one_its_log() -> None:
    out = io.StringIO()
    shown(Console(file=out, force_terminal=True, width=80, color_system=None))
    last = out.getvalue().rpartition("Fetch")[2]
    assert "completed" in last
    assert "✗ Publish failed" in last
    assert "Error: no" in last
