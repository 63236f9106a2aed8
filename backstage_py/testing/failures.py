"""What a failing test shows: one error, with the lines of the test and of the action, and none of what lies between."""

import asyncio
import concurrent.futures
import threading
import types
from pathlib import Path

import backstage_py

_INTERNAL = tuple(
    f"{Path(module.__file__).parent}/"
    for module in (backstage_py, asyncio, concurrent.futures)
    if module.__file__ is not None
)
_FILES = frozenset({threading.__file__, __file__})


def trimmed(error: Exception) -> Exception:
    """Return the error of an action with the frames of authors alone; what it was made of is its context, not shown."""
    cause = error.__cause__
    frames = _frames((cause or error).__traceback__) or _frames(error.__traceback__)
    error.__cause__, error.__context__, error.__suppress_context__ = None, cause, True
    return error.with_traceback(frames)


def _frames(traceback: types.TracebackType | None) -> types.TracebackType | None:
    """Return a traceback without frames of this package and of what runs it."""
    kept: list[types.TracebackType] = []
    while traceback is not None:
        name = traceback.tb_frame.f_code.co_filename
        if not name.startswith(_INTERNAL) and name not in _FILES and not name.startswith("<frozen"):
            kept.append(traceback)
        traceback = traceback.tb_next
    found: types.TracebackType | None = None
    for one in reversed(kept):
        found = types.TracebackType(found, one.tb_frame, one.tb_lasti, one.tb_lineno)
    return found
