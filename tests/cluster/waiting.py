"""Waiting for what a cluster does in its own time."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_PATIENCE = 90.0  # of a machine under load; nothing is asserted about it


def until(is_there: Callable[[], T], what: str) -> T:
    """Return the first true value."""
    give_up = time.monotonic() + _PATIENCE
    while not (found := is_there()):
        assert time.monotonic() < give_up, f"waited in vain until {what}"
        time.sleep(0.1)
    return found


async def pause(seconds: float = 0.5) -> None:
    """Wait a moment before a test looks again by itself."""
    await asyncio.sleep(seconds)
