"""The event loop of long-running commands: uvloop where it is installed."""

import asyncio
import sys
from collections.abc import Coroutine
from importlib.util import find_spec
from typing import Any, TypeVar

T = TypeVar("T")
_TURN = 0.001  # seconds that a thread computes before the event loop may go on; Python's own 0.005 is felt by others


def run_loop(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end."""
    sys.setswitchinterval(_TURN)
    if find_spec("uvloop") is None:
        return asyncio.run(main)
    import uvloop

    return uvloop.run(main)
