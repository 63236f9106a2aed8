"""Warm pods: started before anybody needs them, given to one task each, and replaced.

They are Jobs like all others, with a session that waits for its first call; each belongs to the process that made it.
When that is gone they find nobody who answers, and end by themselves.
"""

import asyncio
import time
from dataclasses import dataclass, field
from itertools import count
from uuid import uuid4

import structlog

from backstage_py.metrics.executors import PODS_WARM
from backstage_py.scaffolder.executors.kubernetes.job import Call
from backstage_py.scaffolder.executors.kubernetes.pod import Pod, Surroundings

_log = structlog.get_logger(__name__)
_LOOK = 1.0
_PAUSE = 10.0


@dataclass(slots=True)
class Pool:
    """The warm pods of a process; ``keep`` is to be run.

    Attributes:
        around: what they are made with.
    """

    around: Surroundings
    _idle: list[tuple[float, Pod]] = field(default_factory=list)
    _wanted: asyncio.Event = field(default_factory=asyncio.Event)
    _name: str = field(default_factory=lambda: f"warm-{uuid4()}")
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    @property
    def ready(self) -> int:
        """How many wait that have loaded their plugins."""
        return sum(pod.is_usable and pod.session.asked.is_set() for _, pod in self._idle)

    def take(self, image: str) -> Pod | None:
        """Return a pod of this image that waits for a call, or one that has begun to load its plugins."""
        if image != self.around.settings.image:
            return None
        found = [one for one in self._idle if one[1].is_usable and one[1].session.opened.is_set()]
        if not found:
            return None
        taken = next((one for one in found if one[1].session.asked.is_set()), found[0])
        self._idle.remove(taken)
        self._wanted.set()
        return taken[1]

    async def keep(self) -> None:
        """Have as many as are wanted, for ever; end them at the end."""
        try:
            while True:
                has_failed = self._tidy()
                PODS_WARM.set(self.ready)
                if has_failed:
                    await asyncio.sleep(_PAUSE)
                while len(self._idle) < self.around.settings.warm:
                    self._idle.append((time.monotonic(), Pod.idle(self.around, self._call())))
                self._wanted.clear()
                try:
                    async with asyncio.timeout(_LOOK):
                        await self._wanted.wait()
                except TimeoutError:
                    pass
        finally:
            PODS_WARM.set(0)
            for _, pod in self._idle:
                pod.end(kill=True)
            self._idle.clear()

    def _tidy(self) -> bool:
        """Drop those that are of no use any more; return whether one has failed."""
        has_failed = False
        now = time.monotonic()
        for since, pod in list(self._idle):
            is_old = now - since > self.around.settings.deadline
            if pod.is_usable and not is_old:
                continue
            if not pod.is_usable:
                has_failed = True
                _log.warning("warm_pod_failed", problem=pod.why)
            pod.end(kill=True)
            self._idle.remove((since, pod))
        return has_failed

    def _call(self) -> Call:
        """Return what a warm pod is for: no task yet."""
        return Call(self._name, 0, next(self._numbers), "", seconds=2 * self.around.settings.deadline)
