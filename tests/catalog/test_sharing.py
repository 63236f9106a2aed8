"""When a process lets go of what it has leased. Time passes without waiting: see ``Hourglass``."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any

import pytest

from backstage_py import background
from backstage_py.catalog.sharing import Leases
from backstage_py.storage.catalog.lease import Lease
from backstage_py.storage.catalog.leases import LeaseStore
from backstage_py.storage.database import Database
from backstage_py.storage.faults import LostError

SECONDS = 20.0


class Hourglass(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer instead of waiting for it."""

    def __init__(self) -> None:
        self.now = 0.0
        loop = self

        class Selector(selectors.DefaultSelector):  # type: ignore[misc,valid-type,unused-ignore]  # chosen by the platform
            def select(self, timeout: float | None = None) -> Any:
                if found := super().select(0 if timeout is not None else None):
                    return found
                loop.now += timeout or 0.0
                return found

        super().__init__(Selector())

    def time(self) -> float:
        return self.now


class Store(LeaseStore):
    """Leases as a server far away gives them: every answer is as the test wants it."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, SECONDS)
        self.given: dict[int, float] = {}
        self.is_away: Callable[[], bool] = lambda: False
        self.ended: list[int] = []

    async def take(self, name: str) -> Lease | None:
        lease = Lease(name, len(self.given) + 1)
        self.given[lease.token] = _now() + SECONDS
        return lease

    async def renew(self, held: Iterable[Lease]) -> set[int]:
        await asyncio.sleep(0.01)
        if self.is_away():
            raise LostError("nobody answers", may_be_done=True)
        tokens = {lease.token for lease in held if self.given[lease.token] > _now()}
        self.given |= dict.fromkeys(tokens, _now() + SECONDS)
        return tokens

    async def give_back(self, lease: Lease) -> None:
        self.ended.append(lease.token)

    async def end_dead(self) -> None:
        await asyncio.sleep(0)


def _now() -> float:
    return asyncio.get_running_loop().time()


def passes(folder: Path, story: Callable[[Leases, Store], Coroutine[Any, Any, None]]) -> None:
    """Play a story with the leases of a process."""

    async def run() -> None:
        async with Database(f"sqlite:///{folder}/leases.sqlite").running() as database:
            store = Store(database)
            leases = Leases(database, store)
            async with leases.running():
                await story(leases, store)

    with asyncio.Runner(loop_factory=Hourglass) as runner:
        runner.run(run())


@pytest.mark.parametrize("away_from", [0.0, 3.0, 4.9, 5.1, 9.0])
def test_work_has_ended_before_its_lease_is_anybody_elses(tmp_path: Path, away_from: float) -> None:
    async def story(leases: Leases, store: Store) -> None:
        store.is_away = lambda: _now() > away_from
        ended: list[tuple[float, float]] = []

        async def work(lease: Lease) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append((_now(), store.given[lease.token]))

        async with background.running(leases.keep("provider/x", work)):
            await asyncio.sleep(60)
        assert len(ended) > 1
        assert all(now < free for now, free in ended)

    passes(tmp_path, story)


def test_a_lease_that_is_given_up_slowly_costs_no_other_one(tmp_path: Path) -> None:
    async def story(leases: Leases, store: Store) -> None:
        async def closes_slowly(lease: Lease) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                store.ended.append(-lease.token)
                await asyncio.sleep(100)

        async def stays(lease: Lease) -> None:
            del lease
            await asyncio.Event().wait()

        async with background.running(leases.keep("provider/slow", closes_slowly), leases.keep("processing/1", stays)):
            await asyncio.sleep(1)
            store.given[1] = 0.0  # somebody ended it
            await asyncio.sleep(90)
            assert store.ended == [-1]

    passes(tmp_path, story)
