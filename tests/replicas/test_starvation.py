"""Load excuses a replica exactly for the time in which it waited for a processor, and only when that was long."""

from collections.abc import Sequence

import pytest

from tests.replicas.history import History, Process
from tests.replicas.starvation import Starvation

PID = 4711


@pytest.mark.parametrize(
    ("waited", "impaired"),
    [
        ([0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.2], [(100.0, 101.5)]),
        ([0, 0.2, 0.4, 0.4, 0.6, 0.8, 0.8], []),  # each for too short a time
        ([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.6], []),  # it got most of what it wanted
        ([0, 0.2, 0.4, 0.6, 0.8, None], [(100.0, 101.0)]),
    ],
)
def test_only_a_long_wait_for_a_processor_counts(
    waited: Sequence[float | None], impaired: Sequence[tuple[float, float]]
) -> None:
    history = History(processes={PID: Process(PID, "replica-1")})
    looks = iter(waited)
    starvation = Starvation(history, lambda _: next(looks))
    for number in range(len(waited)):
        starvation.look([PID], 100 + number / 4)
    assert history.processes[PID].impaired == impaired
