"""How long a test waits for what has to come: until it is there, or until nothing but a fault can keep it away.

A machine under load gives a process no processor for seconds, so a short bound fails what is sound. Nothing is asserted
about this one: a test that is about time has its clock injected.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

SECONDS = 120.0

T = TypeVar("T")


def bounded() -> asyncio.Timeout:
    """Return a context that ends what hangs."""
    return asyncio.timeout(SECONDS)


async def until(is_there: Callable[[], T], what: str = "it happens") -> T:
    """Return the first true value, for what has no way to tell."""

    async def ask() -> T:
        return is_there()

    return await until_answered(ask, what)


async def until_answered(ask: Callable[[], Awaitable[T]], what: str = "it happens") -> T:
    """Return the first true answer."""
    give_up = time.monotonic() + SECONDS
    while not (found := await ask()):
        assert time.monotonic() < give_up, f"waited in vain until {what}"
        await asyncio.sleep(0.01)
    return found


def wait(is_there: Callable[[], T], what: str = "it happens", pause: float = 0.05) -> T:
    """Do the same where no loop runs."""
    give_up = time.monotonic() + SECONDS
    while not (found := is_there()):
        assert time.monotonic() < give_up, f"waited in vain until {what}"
        time.sleep(pause)
    return found
