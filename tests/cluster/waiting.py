"""Waiting for what a cluster does in its own time."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from tests import patience

T = TypeVar("T")


def until(is_there: Callable[[], T], what: str) -> T:
    """Return the first true value."""
    return patience.wait(is_there, what, pause=0.1)


async def pause(seconds: float = 0.5) -> None:
    """Wait a moment before a test looks again by itself."""
    await asyncio.sleep(seconds)
