"""Faults at random, drawn from a seed, while tasks run and locations change; then everything is looked at."""

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.replicas import checks, faults
from tests.replicas.cluster import Cluster
from tests.replicas.history import LEASE
from tests.replicas.locations import Locations
from tests.replicas.replica import Replica, has_settable_clock
from tests.replicas.tasks import Tasks

IN_FLIGHT = 5
AT_ONCE = 2
_MOST_LOCATIONS = 10
_HOUR = 3600.0
_BRIEF = (0.2, LEASE / 3)  # no reason to take a task from its worker; what lies between is left out on purpose
_LONG = (LEASE * 1.4, LEASE * 2)

_KINDS = {
    "kill": 5,
    "roll": 2,
    "pause": 2,
    "long pause": 2,
    "cut": 3,
    "long cut": 1,
    "freeze": 3,
    "long freeze": 2,
    "half-close": 2,
    "delay": 2,
    "database restart": 2,
    "database stop": 1,
    "database pause": 1,
    "clock": 2,
}
_OF_DATABASE = {"database restart", "database stop", "database pause"}


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault as the seed has it.

    Attributes:
        wait: seconds before it.
        victim: number of the replica; of no meaning for the database.
        share: between the least and the greatest length.
        flag: one of two ways to do it.
    """

    wait: float
    kind: str
    victim: int
    share: float
    flag: bool


def plan(seed: int, replicas: int) -> Iterator[Planned]:
    """Yield faults without end; the same for the same seed."""
    draw = random.Random(seed)
    kinds = [kind for kind in _KINDS if kind != "clock" or has_settable_clock()]
    while True:
        kind = draw.choices(kinds, [_KINDS[kind] for kind in kinds])[0]
        yield Planned(draw.uniform(0.3, 3.0), kind, draw.randrange(replicas), draw.random(), draw.random() < 0.5)


@dataclass(slots=True)
class Storm:
    """One run.

    Attributes:
        seconds: that faults happen; what follows until all is checked is not counted.
    """

    cluster: Cluster
    seed: int
    seconds: float
    tasks: Tasks = field(init=False)
    locations: Locations = field(init=False)
    faults: "Counter[str]" = field(default_factory=Counter)
    _draw: random.Random = field(init=False)
    _busy: set[str] = field(default_factory=set)
    _is_over: bool = False

    def __post_init__(self) -> None:
        self.tasks = Tasks(self.cluster.client)
        self.locations = Locations(self.cluster)
        self._draw = random.Random(f"load of {self.seed}")

    async def run(self) -> list[str]:
        """Return what was wrong."""
        self.cluster.history.note(f"storm with seed {self.seed} for {self.seconds:.0f} s")
        load = [asyncio.create_task(self._keep_busy()) for _ in range(IN_FLIGHT)]
        load.append(asyncio.create_task(self._change_catalog()))
        watch = asyncio.create_task(self._watch())
        try:
            async with asyncio.timeout(self.seconds + 600):
                await self._blow()
            self._is_over = True
            await self.cluster.calm()
            await asyncio.gather(*load)
        finally:
            for one in (*load, watch):
                one.cancel()
            await asyncio.gather(*load, watch, return_exceptions=True)
        return await checks.problems(self.cluster, self.tasks, self.locations)

    async def _blow(self) -> None:
        """Do what is planned until the time is over, and wait for the ends of what was begun."""
        end = time.monotonic() + self.seconds
        running: set[asyncio.Task[None]] = set()
        for one in plan(self.seed, len(self.cluster.replicas)):
            await asyncio.sleep(one.wait)
            if time.monotonic() > end:
                break
            who = "database" if one.kind in _OF_DATABASE else self.cluster.replicas[one.victim].name
            if len(running) < AT_ONCE and who not in self._busy:
                task = asyncio.create_task(self._do(one, who))
                running.add(task)
                task.add_done_callback(running.discard)
        if running:
            await asyncio.gather(*running)

    async def _do(self, one: Planned, who: str) -> None:
        self._busy.add(who)
        self.faults[one.kind] += 1
        try:
            await self._fault(one, self.cluster.replicas[one.victim])
        finally:
            self._busy.discard(who)

    def _fault(self, one: Planned, replica: Replica) -> Coroutine[Any, Any, None]:
        cluster, brief, long = self.cluster, _between(_BRIEF, one.share), _between(_LONG, one.share)
        match one.kind:
            case "kill":
                return faults.kill(cluster, replica, brief)
            case "roll":
                return faults.roll(cluster, replica)
            case "pause" | "long pause":
                return faults.pause(cluster, replica, brief if one.kind == "pause" else long)
            case "cut" | "long cut":
                return faults.cut(cluster, replica, brief if one.kind == "cut" else long)
            case "freeze" | "long freeze":
                return faults.freeze(cluster, replica, brief if one.kind == "freeze" else long, is_cut=one.flag)
            case "half-close":
                return faults.half_close(cluster, replica)
            case "delay":
                return faults.slow_down(cluster, replica, 0.01 + 0.03 * one.share, 3.0)
            case "database restart":
                return faults.restart_database(cluster, "immediate" if one.flag else "fast", 0.0)
            case "database stop":
                return faults.restart_database(cluster, "immediate", long)
            case "database pause":
                return faults.pause_database(cluster, cluster.replicas, long)
            case _:
                return faults.set_clock(cluster, replica, _HOUR if one.flag else -_HOUR, 4.0)

    async def _keep_busy(self) -> None:
        while not self._is_over:
            seconds = self._draw.choice((0.1, 0.3, 0.6, 0.9))
            match self._draw.choices(("steps", "again", "files", "cancel", "slow"), (10, 3, 4, 1, 1))[0]:
                case "files":
                    await self.tasks.run_and_retry("files", {"count": 150, "failsOnce": True})
                case "cancel":
                    one = await self.tasks.start("steps", {"seconds": seconds})
                    await asyncio.sleep(seconds)
                    await self.tasks.cancel(one)
                    await self.tasks.follow(one)
                case "slow":
                    await self.tasks.run("steps", {"seconds": LEASE * 0.8})
                case template:
                    await self.tasks.run(template, {"seconds": seconds})

    async def _change_catalog(self) -> None:
        names: list[str] = []
        while not self._is_over:
            if len(names) < _MOST_LOCATIONS:
                names.append(await self.locations.add(self._draw.randint(1, 8)))
            else:
                self.locations.change(self._draw.choice(names), self._draw.randint(1, 8))
            await asyncio.sleep(self._draw.uniform(1, 3))

    async def _watch(self) -> None:
        """Complain of replicas that end by themselves, and start them again."""
        while True:
            await asyncio.sleep(0.5)
            for one in self.cluster.replicas:
                if not one.is_running and one.name not in self._busy:
                    self.cluster.history.complain(f"{one.name} (pid {one.pid}) has ended by itself")
                    with contextlib.suppress(AssertionError):
                        await faults.kill(self.cluster, one, 0)


def summary(storm: Storm) -> str:
    """Return in one line what a run did."""
    done = ", ".join(f"{count} {kind}" for kind, count in sorted(storm.faults.items()))
    faults_and_tasks = f"{storm.faults.total()} faults ({done}), {len(storm.tasks.followed)} tasks"
    return f"seed {storm.seed}, {storm.seconds:.0f} s, {faults_and_tasks}"


def _between(bounds: tuple[float, float], share: float) -> float:
    return bounds[0] + (bounds[1] - bounds[0]) * share
