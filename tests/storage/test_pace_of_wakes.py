"""How often a process tells the others what it committed: at once when it is rare, put together when it is not."""

import time
from collections.abc import Iterator

import pytest

from backstage_py import background
from backstage_py.storage.database import Database
from backstage_py.storage.wakes.pace import AT_ONCE, PER_SECOND, Pace
from tests import patience
from tests.storage.postgres import Postgres, postgres

pytestmark = pytest.mark.xdist_group(__name__)

WRITES = 300


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


def test_a_few_go_at_once_and_more_at_a_rate() -> None:
    pace, now, waits = Pace(), 1000.0, []
    for _ in range(AT_ONCE + 20):
        waits.append(pace.wait(now))
        now += waits[-1]
    assert waits[:AT_ONCE] == [0.0] * AT_ONCE
    assert waits[AT_ONCE:] == pytest.approx([1 / PER_SECOND] * 20)


def test_who_was_silent_may_again_tell_some_at_once() -> None:
    pace = Pace()
    for _ in range(AT_ONCE):
        pace.wait(0.0)
    assert pace.wait(0.0) > 0
    later = 1.0
    assert [pace.wait(later) for _ in range(AT_ONCE)] == [0.0] * AT_ONCE


async def test_what_tells_others_goes_on_when_it_dies(server: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the system refuses to wait, which it did below ``libfaketime``."""
    url = server.new_database("dies")
    fails, loop = [True], "database.notifications"

    def wait(_self: Pace, _now: float) -> float:
        if fails:
            fails.clear()
            raise OSError(22, "Invalid argument")
        return 0.0

    monkeypatch.setattr(Pace, "wait", wait)
    with server.connect("dies") as listener:
        listener.execute("LISTEN backstage_py_wake")
        async with Database(url).running() as database:
            await database.write(lambda t: t.wake("lost"))
            await patience.until(lambda: [one for one in background.loops() if one.name == loop and one.deaths])
            await database.write(lambda t: t.wake("told"))
            [told] = listener.notifies(timeout=patience.SECONDS, stop_after=1)
    assert told.payload.split("\n")[1:] == ["told"]


async def test_many_commits_reach_other_processes_in_few_notifications(server: Postgres) -> None:
    url = server.new_database("pace")
    with server.connect("pace") as listener:
        listener.execute("LISTEN backstage_py_wake")
        began = time.monotonic()
        async with Database(url).running() as database:
            for number in range(WRITES):
                await database.write(lambda t, n=number: t.wake(f"topic-{n}"))  # type: ignore[misc]
        seconds = time.monotonic() - began
        told: list[list[str]] = []
        for one in listener.notifies(timeout=patience.SECONDS):
            told.append(one.payload.split("\n")[1:])
            if len({topic for topics in told for topic in topics}) == WRITES:
                break
    assert {topic for topics in told for topic in topics} == {f"topic-{number}" for number in range(WRITES)}
    assert len(told) <= AT_ONCE + seconds * PER_SECOND + 2
