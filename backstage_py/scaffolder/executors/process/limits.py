"""What the process of a task's actions may use, and how its end is told."""

import signal
from collections.abc import Mapping

from backstage_py import disk
from backstage_py.execution.keeper import SIGNALLED, TOO_MANY, TOO_MUCH_MEMORY
from backstage_py.settings.sections import ProcessSettings

_KEY = "scaffolder.executor.process"


def as_sent(settings: ProcessSettings) -> Mapping[str, int]:
    """Return the limits as the keeper reads them."""
    return {
        "core": 0,
        "memory": settings.memory_bytes,
        "cpu": settings.cpu_seconds,
        "open_files": settings.open_files,
        "tree": settings.processes,
    }


def told(action_id: str, status: int | None, settings: ProcessSettings) -> str:
    """Return what a step says when its process ended in the middle of it.

    Args:
        action_id: what ran.
        status: the keeper's; below zero when the keeper itself was ended by a signal, None when nobody knows.
        settings: its bounds.
    """
    return f"The process of action {action_id} {_end(status, settings)}"


def _end(status: int | None, settings: ProcessSettings) -> str:
    if status == TOO_MUCH_MEMORY:
        return f"needs more memory than {disk.amount(settings.memory_bytes)} ({_KEY}.memoryBytes)"
    if status == TOO_MANY:
        return f"has more than {settings.processes} processes at once ({_KEY}.processes)"
    if status is None or status < 0:
        return "was ended from outside"
    if status <= SIGNALLED:
        return f"ended by itself in the middle of the step, with status {status}; an action returns or raises instead"
    number = status - SIGNALLED
    if number == signal.SIGXCPU:
        return f"needs more than {settings.cpu_seconds} seconds of CPU time ({_KEY}.cpuSeconds)"
    if number == signal.SIGKILL:
        return "was killed (signal 9); if nobody did that by hand, the machine or its container is out of memory"
    return f"crashed ({_name(number)})"


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
