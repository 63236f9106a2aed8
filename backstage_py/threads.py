"""The one place that owns threads for blocking work, with a bound for each kind of it.

A lane runs functions of one kind in at most ``limit`` threads; the rest wait in order. The kinds are apart so that one
which hangs takes no thread from another, and so that nothing deadlocks: a function may wait for a lane below its own,
never for its own or one above.

==================  ======  ===============================================================================
lane                limit   what runs there
==================  ======  ===============================================================================
``ACTIONS``         64      actions that run in this process and block as they like (``in_thread``); 48 for each
``action_helpers``  8       what one action hands to ``asyncio.to_thread``; a lane for each call of one
``LIBRARIES``       32      what libraries hand to the service's event loop, such as name look-ups
``remote_call``     16      clients of foreign systems, a lane for each system, so that one that hangs hurts itself
``file_work``       16      files: copying, unpacking, removing
``offload``         4       pure computation; more would not be faster, since Python code takes turns
``render``          2       computation with what others wrote or sent; it is ended after some time
==================  ======  ===============================================================================

Why not anyio's worker threads: its limiter belongs to one event loop, while actions have loops of their own; work that
is abandoned there gives its place back although its thread goes on; and its threads are no daemons, so one that hangs
keeps the process from ending. The database has threads of its own, one for each connection.
"""

import asyncio
import contextvars
import ctypes
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, ParamSpec, TypeVar

from backstage_py.errors import InputError

_IDLE_SECONDS = 30.0
_READING_SECONDS = 30.0
_SMALL = 16 * 1024  # what is read in a few milliseconds at most
P = ParamSpec("P")
T = TypeVar("T")

_lock = threading.Lock()
_idle: list["_Thread"] = []


class Abandoned(BaseException):
    """Raised within a thread whose result nobody waits for any more, wherever its code is at that moment."""


class Job:
    """One function in a lane.

    Attributes:
        owner: whose share of the lane it takes.
        outcome: what the function returned or raised; cancelling it takes a waiting job out of its lane.
        begun: done when a job that had to wait for a thread has got one; None when it did not have to wait.
    """

    def __init__(self, lane: "Lane", function: Callable[[], Any], owner: str) -> None:
        self.outcome: Future[Any] = Future()
        self.begun: Future[None] | None = None
        self.has_place = False  # guarded by the module's lock
        self.owner = owner
        self._lane = lane
        self._function = function
        self._variables = contextvars.copy_context()
        self._lock = threading.Lock()
        self._thread: int | None = None
        self._is_interrupted = False

    def run(self) -> bool:
        """Run the function on this thread; return whether the thread can be used again."""
        if not self.outcome.set_running_or_notify_cancel():
            return True
        self._thread = threading.get_ident()
        if self.begun and self.begun.set_running_or_notify_cancel():
            self.begun.set_result(None)
        try:
            self.outcome.set_result(self._variables.run(self._function))
        except BaseException as error:  # noqa: BLE001  # raised where the result is awaited
            self.outcome.set_exception(error)
        with self._lock:
            self._thread = None
            return not self._is_interrupted

    def abandon(self) -> None:
        """Give its place in the lane to the next: nobody waits for it, and it may never end."""
        if following := self._lane.release(self):
            _start(following)

    def interrupt(self) -> None:
        """Raise ``Abandoned`` in the thread as soon as it runs Python code; a call into C is not cut short."""
        with self._lock:
            if self._thread is not None:
                self._is_interrupted = True
                thread, raised = ctypes.c_ulong(self._thread), ctypes.py_object(Abandoned)
                ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, raised)


class Lane:
    """Runs functions of one kind, ``limit`` at a time; what comes then waits in order. Usable from any thread.

    Args:
        limit: functions that run at a time.
        share: how many of them for one owner, so that one whose functions never end leaves places to others.
    """

    def __init__(self, limit: int, share: int | None = None) -> None:
        self.limit = limit
        self.share = share or limit
        self._running = 0
        self._running_for: Counter[str] = Counter()
        self._waiting: OrderedDict[Job, None] = OrderedDict()

    def start(self, function: Callable[[], Any], *, owner: str = "") -> Job:
        """Run a function with the caller's context variables, as soon as the lane has a place for its owner."""
        job = Job(self, function, owner)
        with _lock:
            has_place = job.has_place = self._running < self.limit and self._has_share(owner)
            if has_place:
                self._running += 1
                self._running_for[owner] += 1
            else:
                job.begun = Future()
                self._waiting[job] = None
        if has_place:
            _start(job)
        else:
            job.outcome.add_done_callback(partial(self._forget, job))
        return job

    def run(self, function: Callable[[], T]) -> "asyncio.Future[T]":
        """Do as ``start`` and return a future of the running loop.

        Cancelling it drops a function that waits; one that runs goes on to its end, and its result is dropped.
        """
        return asyncio.wrap_future(self.start(function).outcome)

    def release(self, job: Job) -> Job | None:
        """Take the place of a job that ended or was abandoned; return the job that has the place now."""
        with _lock:
            if not job.has_place:
                return None
            job.has_place = False
            self._running_for -= Counter([job.owner])
            following = next((one for one in self._waiting if self._has_share(one.owner)), None)
            if following is None:
                self._running -= 1
                return None
            del self._waiting[following]
            self._running_for[following.owner] += 1
            following.has_place = True
            return following

    def _has_share(self, owner: str) -> bool:
        return self._running_for[owner] < self.share

    def _forget(self, job: Job, _outcome: "Future[Any]") -> None:
        with _lock:
            self._waiting.pop(job, None)


class _Thread:
    """A thread and the queue through which it gets its next job; a daemon, so it never keeps the process alive."""

    def __init__(self) -> None:
        self.jobs: SimpleQueue[Job] = SimpleQueue()
        threading.Thread(target=self._work, name="backstage-py-work", daemon=True).start()

    def _work(self) -> None:
        try:
            while self._take_one():
                pass
        except Abandoned:
            pass  # it came when the function was about to end; the job had given its place back before

    def _take_one(self) -> bool:
        try:
            job: Job | None = self.jobs.get(timeout=_IDLE_SECONDS)
        except Empty:
            with _lock:
                if self in _idle:
                    _idle.remove(self)
                    return False
            return True  # a job was promised to this thread in that very moment
        while job:
            is_reusable = job.run()
            job = job._lane.release(job)  # noqa: SLF001  # of this module
            if not is_reusable:
                if job:
                    _start(job)
                return False
        with _lock:
            _idle.append(self)
        return True


def _start(job: Job) -> None:
    """Run a job that has its place, in a thread that is free or new."""
    with _lock:
        thread = _idle.pop() if _idle else None
    try:
        (thread or _Thread()).jobs.put(job)
    except RuntimeError as error:  # the system has no thread for us
        if job.outcome.set_running_or_notify_cancel():
            job.outcome.set_exception(error)
        job.abandon()


ACTIONS = Lane(64, share=48)
LIBRARIES = Lane(32)
_HELPERS, _CALLS = 8, 16
_files = Lane(16)
_computation = Lane(4)
_rendering = Lane(2)
_systems: dict[str, Lane] = {}


def is_on_a_loop() -> bool:
    """Say whether the caller runs on an event loop, where nothing may be waited for but by ``await``."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def idle() -> int:
    """Return how many threads wait for work."""
    with _lock:
        return len(_idle)


def action_helpers() -> "Executor":
    """Return what an event loop of one call of an action runs ``asyncio.to_thread`` with."""
    return Executor(Lane(_HELPERS))


def offload(function: Callable[P, T], /, *args: P.args, **named: P.kwargs) -> "asyncio.Future[T]":
    """Compute off the event loop: parse, render, check. The function waits for nothing and nobody."""
    return _computation.run(partial(function, *args, **named))


async def render(function: Callable[[], T], *, seconds: float) -> T:
    """Compute off the event loop what somebody else wrote, for so long at most; the wait for a thread not counted.

    Raises:
        TimeoutError: it took longer. It is interrupted, as it is when nobody waits for it any more.
    """
    job = _rendering.start(function)
    try:
        if job.begun:
            await asyncio.wrap_future(job.begun)
        async with asyncio.timeout(seconds):
            result: T = await asyncio.wrap_future(job.outcome)
            return result
    except (TimeoutError, asyncio.CancelledError):
        job.outcome.cancel()
        job.interrupt()
        job.abandon()
        raise


async def render_large(size: int, function: Callable[P, T], /, *args: P.args, **named: P.kwargs) -> T:
    """Compute with what a caller sent: at once when it is small, else as ``render`` does.

    Args:
        size: characters or bytes of it.
        function: what to call.
        args: for it.
        named: for it.

    Raises:
        InputError: it took too long.
    """
    if size <= _SMALL:
        return function(*args, **named)
    try:
        return await render(partial(function, *args, **named), seconds=_READING_SECONDS)
    except TimeoutError:
        raise InputError(f"It takes longer than {_READING_SECONDS:g} seconds to read this; send less") from None


def file_work(function: Callable[P, T], /, *args: P.args, **named: P.kwargs) -> "asyncio.Future[T]":
    """Read and write files off the event loop."""
    return _files.run(partial(function, *args, **named))


def remote_call(system: str, function: Callable[P, T], /, *args: P.args, **named: P.kwargs) -> "asyncio.Future[T]":
    """Call the blocking client of a foreign system off the event loop; the client must have a timeout.

    Args:
        system: one of a few names, such as ``vault``.
        function: what to call.
        args: for it.
        named: for it.
    """
    lane = _systems.get(system) or _systems.setdefault(system, Lane(_CALLS))
    return lane.run(partial(function, *args, **named))


class Executor(ThreadPoolExecutor):
    """A lane as an event loop's default executor.

    Args:
        lane: where functions run.

    Attributes:
        jobs: those that have not ended.
    """

    def __init__(self, lane: Lane = LIBRARIES) -> None:
        super().__init__(max_workers=1)  # it never starts that one: a loop insists on the class, not on its threads
        self._lane = lane
        self.jobs: set[Job] = set()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run a function."""
        job = self._lane.start(partial(fn, *args, **kwargs))
        self.jobs.add(job)
        job.outcome.add_done_callback(lambda _: self.jobs.discard(job))
        return job.outcome
