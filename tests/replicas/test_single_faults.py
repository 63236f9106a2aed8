"""One fault at a time, among three replicas with tasks under way. What holds behind each stands in ``invariants``."""

import asyncio

import pytest

from tests.replicas import faults
from tests.replicas.history import LEASE
from tests.replicas.replica import has_settable_clock
from tests.replicas.stage import Stage

pytestmark = [
    pytest.mark.xdist_group("replicas"),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(900),
]

BRIEF, LONG = LEASE / 3, LEASE * 1.6


@pytest.mark.thorough
async def test_tasks_of_a_killed_replica_go_on_elsewhere(stage: Stage) -> None:
    await stage.under_way()
    await faults.kill(stage.cluster, stage.busiest(), 0)


@pytest.mark.thorough
async def test_a_replica_that_was_silent_beyond_its_lease_finds_its_tasks_taken_and_touches_nothing(
    stage: Stage,
) -> None:
    await stage.under_way()
    asleep, shut_off, _ = stage.cluster.replicas
    await asyncio.gather(
        faults.pause(stage.cluster, asleep, LONG),
        faults.freeze(stage.cluster, shut_off, LONG, is_cut=False),
    )


async def test_what_is_brief_repeats_nothing(stage: Stage) -> None:
    await stage.under_way()
    first, second, third = stage.cluster.replicas
    await asyncio.gather(
        faults.pause(stage.cluster, first, BRIEF),
        faults.freeze(stage.cluster, second, BRIEF, is_cut=False),
        faults.freeze(stage.cluster, third, BRIEF, is_cut=True),
    )
    await stage.ended()
    assert not stage.repeats()


@pytest.mark.thorough
async def test_cut_half_closed_and_slow_connections_repeat_nothing(stage: Stage) -> None:
    await stage.under_way()
    first, second, third = stage.cluster.replicas
    await asyncio.gather(
        faults.cut(stage.cluster, first, BRIEF),
        faults.half_close(stage.cluster, second),
        faults.slow_down(stage.cluster, third, 0.05, BRIEF),
    )
    await stage.ended()
    assert not stage.repeats()


@pytest.mark.thorough
async def test_a_restart_in_good_order_repeats_nothing(stage: Stage) -> None:
    await stage.under_way()
    await faults.roll(stage.cluster, stage.busiest())
    await stage.ended()
    assert not stage.repeats()


@pytest.mark.thorough
async def test_restarts_of_the_database_repeat_nothing(stage: Stage) -> None:
    await stage.under_way()
    await faults.restart_database(stage.cluster, "immediate", 0.5)
    await faults.restart_database(stage.cluster, "fast", 0.0)
    await stage.ended()
    assert not stage.repeats()


@pytest.mark.thorough
async def test_a_database_that_is_gone_for_longer_than_a_lease_is_waited_for(stage: Stage) -> None:
    await stage.under_way()
    await faults.restart_database(stage.cluster, "immediate", LONG)
    await stage.ended()
    assert not stage.repeats()


@pytest.mark.thorough
async def test_a_database_that_takes_connections_and_never_answers_is_waited_for(stage: Stage) -> None:
    await stage.under_way()
    await faults.pause_database(stage.cluster, stage.cluster.replicas, LONG)
    await stage.ended()
    assert not stage.repeats()


@pytest.mark.thorough
@pytest.mark.skipif(not has_settable_clock(), reason="libfaketime is missing (Debian: libfaketime)")
async def test_clocks_that_are_set_repeat_nothing(stage: Stage) -> None:
    first, second, _ = stage.cluster.replicas
    await stage.under_way()
    first.set_clock(3600)
    second.set_clock(-3600)
    await stage.ended()
    assert not stage.repeats()


@pytest.mark.thorough
async def test_a_task_that_starts_over_does_so_for_a_killed_replica_only(stage: Stage) -> None:
    await stage.under_way("again")
    await faults.roll(stage.cluster, stage.busiest())
    await faults.cut(stage.cluster, stage.busiest(), 0.3)
    await stage.ended()
    assert not stage.repeats()
    await stage.under_way("again")
    await faults.kill(stage.cluster, stage.busiest(), 0)


@pytest.mark.thorough
async def test_tasks_that_fail_behind_many_files_and_are_retried_at_once_have_all_files_of_one_run(
    stage: Stage,
) -> None:
    values = {"count": 300, "failsOnce": True}
    await asyncio.gather(*(stage.tasks.run_and_retry("files", values) for _ in range(3)))
