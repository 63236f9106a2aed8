"""Times without a database server: known when they begin and end, survived by trying again.

Who asks for an answer waits for a little while only, counted from the moment at which the outage began, so that
requests do not pile up. Who must not give up, such as the journal of a running task, waits for minutes, also for others
that hold a lock for longer than the server lets us wait for it. All that is done on behalf of a task waits so
(``patience``), whichever store its actions reach through whatever service.
"""

import math
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_random_exponential

from backstage_py.errors import ServiceUnavailableError
from backstage_py.storage.faults import BusyError, InterferenceError, LostError
from backstage_py.storage.transaction import T

_log = structlog.get_logger(__name__)
_LITTLE_WHILE = 2.0  # seconds
_SAY_EVERY = 10.0
_MOST_INTERFERENCES = 5
_WAIT = wait_random_exponential(multiplier=0.05, max=1.0)
_patient: ContextVar[bool] = ContextVar("patient", default=False)


@contextmanager
def patience() -> Iterator[None]:
    """Let whatever the block asks of a database, also through tasks that it starts, wait as a running task does."""
    before = _patient.set(True)
    try:
        yield
    finally:
        _patient.reset(before)


def is_patient() -> bool:
    """Return whether ``patience`` is in force here."""
    return _patient.get()


class Outages:
    """Whether a server is out of reach, and what to do meanwhile. Its parts may be used from any thread.

    Attributes:
        back_at: when the last outage ended, in seconds of the monotonic clock: whoever was silent before that time
            may have had no chance to speak.
        back: called on the watching thread when an outage has ended.
    """

    def __init__(self) -> None:
        self.back_at = -math.inf
        self.back: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._began: float | None = None
        self._why = ""
        self._said = 0.0
        self._waiting = 0
        self._is_patient = True

    @property
    def is_on(self) -> bool:
        """Whether the server is known to be out of reach."""
        return self._began is not None

    def began(self, why: str) -> None:
        """Take note that the server does not answer; said again, it says so in the log now and then."""
        now = time.monotonic()
        with self._lock:
            first = self._began is None
            if first:
                self._began, self._why = now, why
            elif now - self._said < _SAY_EVERY:
                return
            self._said = now
            seconds = now - (self._began or now)
        if first:
            _log.warning("database_lost", problem=why)
        else:
            _log.warning("database_awaited", seconds=round(seconds), waiting=self._waiting, problem=why)

    def ended(self) -> None:
        """Take note that the server answers."""
        with self._lock:
            began, self._began = self._began, None
            if began is None:
                return
            self.back_at = time.monotonic()
        _log.info("database_back", seconds=round(self.back_at - began, 1))
        for function in self.back:
            function()

    def end_patience(self) -> None:
        """Let nobody wait for longer than a little while from now on: the process ends."""
        self._is_patient = False

    async def survive(
        self,
        attempt: Callable[[], Awaitable[T]],
        *,
        is_repeatable: bool = True,
        patience: float | None = None,
        waits_if: tuple[type[Exception], ...] = (BusyError,),
    ) -> T:
        """Return what an attempt returns, made again while its fault is the way to the server.

        Args:
            attempt: what to do.
            is_repeatable: it may be made again when nobody knows whether the last one was carried out.
            patience: seconds of waiting; None for the little while.
            waits_if: the faults besides a lost server that are waited for with patience.
        """
        helps_again = partial(
            _helps_again, is_repeatable=is_repeatable, waits_if=(InterferenceError,) if patience is None else waits_if
        )
        try:
            return await self._try(attempt)
        except ServiceUnavailableError as error:
            if not helps_again(error):
                raise
        self._waiting += 1
        try:
            return await AsyncRetrying(
                retry=retry_if_exception(helps_again),
                wait=_WAIT,
                stop=lambda state: self._is_enough(state, patience),
                reraise=True,
            )(self._try, attempt)
        finally:
            self._waiting -= 1

    async def _try(self, attempt: Callable[[], Awaitable[T]]) -> T:
        if self._began is not None:
            raise LostError(self._why, may_be_done=False)
        return await attempt()

    def _is_enough(self, state: RetryCallState, patience: float | None) -> bool:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, InterferenceError):
            return state.attempt_number >= _MOST_INTERFERENCES
        waited = state.seconds_since_start or 0.0
        if patience is not None and self._is_patient:
            return waited >= patience
        began = self._began
        return max(waited, time.monotonic() - began if began else 0.0) >= _LITTLE_WHILE


def _helps_again(error: BaseException, *, is_repeatable: bool, waits_if: tuple[type[Exception], ...]) -> bool:
    if isinstance(error, LostError):
        return is_repeatable or not error.may_be_done
    return isinstance(error, waits_if)
