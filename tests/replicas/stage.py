"""What a test of one fault acts on: tasks that are under way, and the look at everything behind it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.replicas import checks
from tests.replicas.checks import Chapter
from tests.replicas.cluster import Cluster
from tests.replicas.effects import Effect
from tests.replicas.locations import Locations
from tests.replicas.replica import Replica
from tests.replicas.tasks import Followed, Tasks

_TASKS = 6


@dataclass(slots=True)
class Stage:
    """A chapter of a cluster's history.

    Attributes:
        locations: looked at in the end when a test has made some.
    """

    cluster: Cluster
    chapter: Chapter
    tasks: Tasks = field(init=False)
    locations: Locations | None = None
    _following: "list[asyncio.Task[None]]" = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tasks = Tasks(self.cluster.client)

    async def under_way(self, template: str = "steps", seconds: float = 0.6, *, effects: int = 1) -> Sequence[Followed]:
        """Return tasks once each of them is at work and has had some effects, spread over the replicas."""
        started = [await self.tasks.start(template, {"seconds": seconds}) for _ in range(_TASKS)]
        self._following += [asyncio.create_task(self.tasks.follow(one)) for one in started]
        while not all(len(self.cluster.effects.of_task(one.id)) >= effects for one in started):  # noqa: ASYNC110  # other processes' work
            await asyncio.sleep(0.05)
        return started

    def busiest(self) -> Replica:
        """Return the replica that had the last effect of a task of this chapter."""
        lines = [one for one in self.cluster.effects.since(self.chapter.begin).lines if "task" in one.more]
        return next(one for one in self.cluster.replicas if one.name == lines[-1].replica)

    async def ended(self) -> None:
        """Return when all tasks that are under way have ended."""
        await asyncio.gather(*self._following)

    def repeats(self) -> list[Effect]:
        """Return the effects of plain steps that were there before."""
        found = []
        for task_id in self.tasks.followed:
            for effects in self.cluster.effects.of_step(task_id, "plain").values():
                found += effects[1:]
        return found

    async def check(self, *, shares_catalog: bool = True) -> None:
        """Look at everything; fail with the history when something is wrong."""
        await self.ended()
        found = await checks.problems(
            self.cluster, self.tasks, self.locations, self.chapter, shares_catalog=shares_catalog
        )
        assert not found, checks.report(self.cluster, found)
