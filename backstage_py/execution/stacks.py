"""Where code is or was, in one line for a log: files, lines and functions, innermost first, and no values."""

import traceback
from types import FrameType

_SHOWN = 6


def of_frame(frame: FrameType | None) -> str:
    """Return the innermost places of a running thread."""
    return _line(traceback.extract_stack(frame) if frame else [])


def of_error(error: BaseException) -> str:
    """Return the innermost places through which an exception came."""
    return _line(traceback.extract_tb(error.__traceback__))


def _line(found: list[traceback.FrameSummary]) -> str:
    return " < ".join(f"{one.filename}:{one.lineno} {one.name}" for one in reversed(found[-_SHOWN:]))
