"""A Job with its session: made, opened by its pod, and gone at the end, whatever happens in between."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from backstage_py.execution.messages import FromHandler, Nothing
from backstage_py.metrics.executors import POD_START, PODS_PENDING, PODS_RUNNING
from backstage_py.scaffolder.executors.kubernetes import job as jobs
from backstage_py.scaffolder.executors.kubernetes.fleet import Fleet, Watched
from backstage_py.scaffolder.executors.kubernetes.job import Call, Door
from backstage_py.scaffolder.executors.kubernetes.reasons import LOST, Failure, Reason, Waiting
from backstage_py.scaffolder.executors.kubernetes.sessions import Session, Sessions
from backstage_py.scaffolder.executors.kubernetes.workspace import SentWorkspace
from backstage_py.settings.sections.kubernetes_executor import KubernetesExecutorSettings

_log = structlog.get_logger(__name__)
_TICK = 2.0
_LAST_WORDS = 5.0
_TOLD_EVERY = 30.0

Tell = Callable[[str], None]
Take = Callable[[FromHandler, int], Coroutine[Any, Any, None]]


class PodFailed(Exception):  # noqa: N818  # what happened to it
    """Nothing more comes from a pod."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.words)
        self.failure = failure

    @property
    def is_lost(self) -> bool:
        """Whether nothing that the step did ended it."""
        return self.failure.reason in LOST


@dataclass(slots=True)
class Surroundings:
    """What pods are made with."""

    settings: KubernetesExecutorSettings
    fleet: Fleet
    sessions: Sessions
    url: str = ""
    _ending: set["asyncio.Task[None]"] = field(default_factory=set)

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Do what nobody waits for, and finish it before the process ends."""
        task = asyncio.create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def settled(self) -> None:
        """Wait for what was begun with ``later``."""
        await asyncio.gather(*self._ending, return_exceptions=True)


class Pod:
    """One Job and its session.

    Args:
        around: what it is made with.
        call: what it is for first.
        workspace: what it gets; None for one that waits for its first call.
        tell: says in the step's log why it waits.
    """

    def __init__(self, around: Surroundings, call: Call, workspace: SentWorkspace | None, tell: Tell) -> None:
        settings = around.settings
        self._is_idle = workspace is None
        self._around = around
        self._call = call
        self._tell = tell
        self._take: Take = _nothing
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.failed.add_done_callback(lambda done: None if done.cancelled() else done.exception())
        seconds = settings.pending + (3 if self._is_idle else 1) * settings.deadline + settings.silence
        self.session = Session(call.key, seconds, workspace, self._taken, self._broken)
        self.session.silence = settings.silence
        self._watching = around.fleet.watching(call.name)
        self._watched: Watched = self._watching.__enter__()
        self._is_running = self._is_over = False
        around.sessions.add(self.session)
        if not self._is_idle:
            PODS_PENDING.inc()
        self._following = asyncio.create_task(self._follow())

    @classmethod
    def idle(cls, around: Surroundings, call: Call) -> "Pod":
        """Return one that waits for its first call."""
        return cls(around, call, None, lambda _: None)

    def adopt(self, call: Call, workspace: SentWorkspace) -> None:
        """Give one that has waited its first call; what the cluster shows of it says so from then on."""
        self._is_idle = False
        self._is_running = True
        self.session.workspace = workspace
        PODS_RUNNING.inc()
        POD_START.observe(0.0, "warm")
        self._around.later(self._around.fleet.relabel(self._call.name, call))

    @property
    def why(self) -> str:
        """What went wrong, if something did."""
        error = self.failed.exception() if self.failed.done() and not self.failed.cancelled() else None
        return str(error or "")

    @property
    def is_usable(self) -> bool:
        """Whether a further call may be given to it."""
        return not (self._is_over or self.failed.done() or self.session.is_closed)

    def listen(self, take: Take, tell: Tell) -> None:
        """Give what the pod says to a call from now on."""
        self._take, self._tell = take, tell

    def end(self, *, kill: bool) -> None:
        """Want nothing more of it: it ends by itself, or is deleted when it is to be killed."""
        if self._is_over:
            return
        self._is_over = True
        self._following.cancel()
        if not self._is_idle:
            (PODS_RUNNING if self._is_running else PODS_PENDING).inc(amount=-1)
        self._watching.__exit__(None, None, None)
        self._around.later(self._last_words(kill=kill))

    async def _follow(self) -> None:
        """Make the Job, and look after it until nobody wants it."""
        begun, told, told_at, away = time.monotonic(), "", 0.0, ""
        silent_at: float | None = None  # when that was seen first: we may have stood still ourselves
        fleet, settings, watched = self._around.fleet, self._around.settings, self._watched
        door = Door(f"{self._around.url}/{self.session.key}", self.session.ticket)
        submitting = asyncio.create_task(
            fleet.submit(jobs.manifest(self._call, door, settings), watched, lambda: not self._is_over)
        )
        opening = asyncio.create_task(self._opened(begun))
        try:
            while not self.failed.done():
                watched.news.clear()
                state, now = watched.state, time.monotonic()
                if isinstance(state, Failure):
                    self._fail(state)
                    break
                if watched.ended:
                    await fleet.explain(watched)
                    continue
                if not self._is_running:
                    if now - begun > settings.pending:
                        words = f"Its pod did not begin within {settings.pending:g} s"
                        why = told or "nobody says why"
                        self._fail(Failure(Reason.PENDING, f"{words} (scaffolder.executor.kubernetes): {why}"))
                        break
                    if (
                        isinstance(state, Waiting)
                        and state.words
                        and state.words != told
                        and (not told or now - told_at > _TOLD_EVERY)
                    ):
                        told, told_at = state.words, now
                        self._tell(told)
                    if watched.uid and not watched.has_pod and now - begun > _TICK:
                        await fleet.look(watched)
                elif now - self.session.heard_at <= settings.silence:
                    silent_at = None
                    if watched.away and watched.away != away:
                        self._tell(_away(watched.away, settings.silence))
                    away = watched.away
                elif silent_at is None:
                    silent_at = now
                elif now - silent_at >= _TICK:
                    self._fail(_silent(watched.away, settings.silence))
                    break
                await self._news()
        finally:
            submitting.cancel()
            opening.cancel()

    async def _news(self) -> None:
        try:
            async with asyncio.timeout(_TICK):
                await self._watched.news.wait()
        except TimeoutError:
            pass

    async def _opened(self, begun: float) -> None:
        await self.session.opened.wait()
        was_pending = not (self._is_idle or self._is_running)
        self._is_running = True
        if not was_pending:
            return
        PODS_PENDING.inc(amount=-1)
        PODS_RUNNING.inc()
        POD_START.observe(time.monotonic() - begun, "cold")

    def _fail(self, failure: Failure) -> None:
        if failure.is_well and not self.session.has_given:  # as a kubelet says that was started again just then
            failure = Failure(Reason.START, "Its pod ended before it had asked for the step")
        if not self.failed.done():
            self.failed.set_exception(PodFailed(failure))

    async def _taken(self, message: FromHandler, size: int) -> None:
        await self._take(message, size)

    def _broken(self, why: str) -> None:
        self._fail(Failure(Reason.ENDED, f"Its pod sent what makes no sense: {why}"))

    async def _last_words(self, *, kill: bool) -> None:
        """Let it end in peace, or delete it, then close its session."""
        if not kill and self.session.opened.is_set():
            await self.session.say(Nothing(is_over=True))
            await self.session.delivered(_LAST_WORDS)
        self._around.sessions.drop(self.session)
        if kill or not self.session.opened.is_set():
            await self._around.fleet.delete_surely(self._call.name, self._watched.uid)


def next_try(call: Call) -> Call:
    """Return the call for a pod in place of one that was lost."""
    return replace(call, retry=call.retry + 1)


def _away(pod: str, silence: float) -> str:
    return (
        f"The cluster does not hear from the node of its pod {pod} any more; the step goes on as long as the pod "
        f"says something at least every {silence:g} s"
    )


def _silent(away: str, silence: float) -> Failure:
    """Return what it means that nothing was heard for so long, of a pod whose node is away if that is named."""
    if away:
        words = f"Its pod {away} has said nothing for {silence:g} s, and the cluster does not hear from its node"
        return Failure(Reason.NODE_LOST, words)
    return Failure(Reason.SILENT, f"Its pod has said nothing for {silence:g} s; its node may be gone")


async def _nothing(_message: FromHandler, _size: int) -> None:
    """Take nothing: no call runs."""
