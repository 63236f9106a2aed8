"""The end of a run: faults are over, all must come to rest, and everything is looked at."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Self

from tests.replicas.cluster import Cluster
from tests.replicas.invariants import Checker
from tests.replicas.locations import Locations, overlaps
from tests.replicas.records import Records
from tests.replicas.tasks import Tasks

REST_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Chapter:
    """What happens from now on in a cluster that others used before.

    Attributes:
        begin: seconds of the machine's monotonic clock.
        earlier: the tasks that were there.
    """

    begin: float = 0.0
    earlier: frozenset[str] = frozenset()

    @classmethod
    def begun(cls, cluster: Cluster) -> Self:
        """Begin one."""
        cluster.history.complaints.clear()
        return cls(time.monotonic(), frozenset(_records(cluster).tasks))


async def problems(
    cluster: Cluster,
    tasks: Tasks,
    locations: Locations | None = None,
    chapter: Chapter | None = None,
    *,
    shares_catalog: bool = True,
) -> list[str]:
    """Mend all, wait for rest, and return what is wrong, one sentence each; of the chapter, or of all."""
    chapter = chapter or Chapter()
    await cluster.calm()
    cluster.history.note("all is mended")
    for one in cluster.replicas:
        if not one.is_running:
            await one.start()
    await cluster.until_ready()
    unended = await _unended(cluster)
    found = [f"task {task_id} never ends" for task_id in unended]
    if not unended:
        await tasks.catch_up()
    found += await locations.problems_once_quiet() if locations else []
    records, effects = (await asyncio.to_thread(_records, cluster)).without(chapter.earlier), cluster.effects
    made = [path.name for path in cluster.shared.foreign.iterdir()]
    found += Checker(records, effects, made, cluster.history, tasks.followed).problems()
    found += overlaps(effects.since(chapter.begin), cluster.history) if shares_catalog else ()
    found += _shown_secrets(cluster, tasks)
    found += [problem async for problem in _refused_tokens(cluster)]
    return found + cluster.history.complaints


async def _unended(cluster: Cluster) -> list[str]:
    """Wait for the tasks that nobody follows, too: their creation was answered to nobody."""
    end = asyncio.get_running_loop().time() + REST_SECONDS
    while True:
        records = await asyncio.to_thread(_records, cluster)
        if not records.unended or asyncio.get_running_loop().time() > end:
            return records.unended
        await asyncio.sleep(0.5)


def _records(cluster: Cluster) -> Records:
    return Records.read(cluster.server, cluster.shared.database)


async def _refused_tokens(cluster: Cluster) -> AsyncIterator[str]:
    for one in cluster.replicas:
        token = await cluster.client.sign_in(one.url)
        for other in cluster.replicas:
            if not await cluster.client.is_known(other.url, token):
                yield f"{other.name} refuses a token of {one.name}"


def _shown_secrets(cluster: Cluster, tasks: Tasks) -> Iterator[str]:
    for replica in cluster.replicas:
        log = replica.log.read_text(errors="replace")
        for one in tasks.followed.values():
            if one.secret in log:
                yield f"the log of {replica.name} shows the secret of task {one.id}"


def report(cluster: Cluster, found: list[str]) -> str:
    """Return the problems and the history behind them, as somebody reads it who looks for the cause."""
    records = _records(cluster)
    named = {task_id for task_id in records.tasks if any(task_id in problem for problem in found)}
    lines = [(note.at, note.text) for note in cluster.history.notes]
    lines += [(one.at, str(one)) for one in cluster.effects.lines if one.more.get("task") in named]
    if any("place-" in problem or "chaos" in problem for problem in found):
        lines += [(one.at, str(one)) for one in cluster.effects.lines if "location" in one.more]
    start = min((at for at, _ in lines), default=0.0)
    told = [f"{at - start:8.2f} s  {text}" for at, text in sorted(lines)]
    events = [
        f"{task_id} {event.id} {event.type} {event.body[:200]}"
        for task_id in sorted(named)
        for event in records.events.get(task_id, [])
    ]
    return "\n".join(["", *found, "", "What happened:", *told, "", "Events of these tasks:", *events])
