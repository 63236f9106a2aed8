"""Threads of actions that were left behind: counted, reported, bounded for each action, and ended where that can be.

A thread that hangs in a foreign call costs some memory; one that computes takes time from everybody, so it is
interrupted. That is done only while it runs code of the action or of its libraries, never within Python's own modules
or the service's, where it could leave a lock behind.
"""

import os
import sysconfig
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import structlog

from backstage_py import threads
from backstage_py.errors import ServiceUnavailableError
from backstage_py.execution import stacks

MOST = 16
"""Threads of one action that may be left behind at a time."""
_GRACE_SECONDS = 0.3  # for code that is about to end
_LOOK_SECONDS, _LONGEST_LOOK_SECONDS = 0.1, 2.0
_OURS = str(Path(__file__).parents[2]) + os.sep
_PACKAGES = (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))
_PYTHON = (sysconfig.get_path("stdlib"), "<frozen")

_log = structlog.get_logger(__name__)
_lock = threading.Lock()
_news = threading.Event()
_followed: list["_Leftover"] = []
_counted: Counter[str] = Counter()


@dataclass(slots=True)
class _Leftover:
    action_id: str
    task_id: str
    job: threads.Job
    interrupt: bool
    since: float = field(default_factory=time.monotonic)
    is_counted: bool = False


def count(action_id: str | None = None) -> int:
    """Return how many threads of an action, or of all actions, are left behind at the moment."""
    return _counted.total() if action_id is None else _counted[action_id]


def check_limit(action_id: str) -> None:
    """Refuse an action that has left too many threads behind.

    Raises:
        ServiceUnavailableError: too many threads of this action have not ended.
    """
    if _counted[action_id] >= MOST:
        raise ServiceUnavailableError(
            f"Action {action_id} is not started: {_counted[action_id]} of its runs were cancelled or timed out and "
            "still have not ended. Its code blocks; give its calls timeouts, then restart the service"
        )


def follow(action_id: str, task_id: str, job: threads.Job, *, interrupt: bool = True) -> None:
    """Follow a job that nobody waits for until it has ended; ``interrupt`` it while it computes."""
    with _lock:
        _followed.append(_Leftover(action_id, task_id, job, interrupt))
        if len(_followed) == 1:
            threading.Thread(target=_follow, name="backstage-py-leftovers", daemon=True).start()
    _news.set()
    job.outcome.add_done_callback(lambda _: _news.set())


def _follow() -> None:
    """Check the threads that were left behind, less and less often, until there are none."""
    pause = _LOOK_SECONDS
    while True:
        if _news.wait(pause):
            _news.clear()
        with _lock:
            ended = [one for one in _followed if one.job.outcome.done()]
            _followed[:] = [one for one in _followed if one not in ended]
            left = list(_followed)
        for one in ended:
            _forget(one)
        if not left:
            return
        is_new = [_count_and_interrupt(one) for one in left]
        pause = _LOOK_SECONDS if any(is_new) else min(pause * 2, _LONGEST_LOOK_SECONDS)


def _count_and_interrupt(one: _Leftover) -> bool:
    """Count it and try to end it; return whether it was not counted before."""
    if time.monotonic() - one.since < _GRACE_SECONDS:
        return True
    frame = one.job.frame
    is_new = not one.is_counted
    if is_new:
        one.is_counted = True
        _counted[one.action_id] += 1
        one.job.abandon()  # counted here, so its place in the lane is free for another
        _log.warning(
            "action_left_behind",
            action=one.action_id,
            task_id=one.task_id,
            where=stacks.of_frame(frame),
            left_behind=count(),
            hint="give its calls timeouts, and look at ctx.signal in long work",
        )
    if one.interrupt and frame and _may_be_interrupted(frame):
        one.job.interrupt()
    return is_new


def _forget(one: _Leftover) -> None:
    if one.is_counted:
        _counted[one.action_id] -= 1
        _log.info("left_behind_action_ended", action=one.action_id, task_id=one.task_id, left_behind=count())


def _may_be_interrupted(frame: FrameType) -> bool:
    file = frame.f_code.co_filename
    if file.startswith(_OURS):
        return False
    return file.startswith(_PACKAGES) or not file.startswith(_PYTHON)  # packages lie within Python's folder
