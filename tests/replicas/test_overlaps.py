"""Two that have a provider connected at once are reported, unless the earlier stood still and then ended at once."""

import pytest

from tests.replicas.effects import Effect, Effects
from tests.replicas.history import History, Process
from tests.replicas.locations import overlaps

OLD, NEW = 1, 2


def seen(*lines: tuple[float, int, str], since: float = 0.0) -> Effects:
    more = {"location": "chaos", "since": since}
    return Effects([Effect(at, pid, f"replica-{pid}", what, more) for at, pid, what in lines])


@pytest.mark.parametrize(
    ("effects", "reported"),
    [
        (seen((0, OLD, "connected"), (9, OLD, "closed"), (9.5, NEW, "connected")), 0),
        (seen((0, OLD, "connected"), (9.5, NEW, "connected"), (9.6, OLD, "closed")), 1),
        (
            seen(
                (0, OLD, "connected"), (9, NEW, "connected"), (9.4, OLD, "stood still"), (9.5, OLD, "closed"), since=8
            ),
            0,
        ),
        (
            seen((0, OLD, "connected"), (9, NEW, "connected"), (9.4, OLD, "stood still"), (11, OLD, "closed"), since=8),
            1,
        ),
        (
            seen(
                (0, OLD, "connected"), (7, NEW, "connected"), (9.4, OLD, "stood still"), (9.5, OLD, "closed"), since=8
            ),
            1,
        ),
        (
            seen(
                (0, OLD, "connected"), (9, NEW, "connected"), (9.4, NEW, "stood still"), (9.5, OLD, "closed"), since=8
            ),
            1,
        ),
        (seen((0, OLD, "connected"), (5, OLD, "connected"), (6, OLD, "closed"), (9, NEW, "connected")), 1),
    ],
)
def test_only_a_process_that_could_not_know_is_excused(effects: Effects, reported: int) -> None:
    history = History(processes={pid: Process(pid, f"replica-{pid}") for pid in (OLD, NEW)})
    assert len(list(overlaps(effects, history))) == reported
