"""Time as actions see it: the machine's, or a test's."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What time it is, and waiting."""

    def now(self) -> datetime:
        """Return the time, in UTC."""

    def monotonic(self) -> float:
        """Return seconds that only grow, for measuring."""

    async def sleep(self, seconds: float) -> None:
        """Wait; ``seconds`` may be a fraction."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the time, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that only grow, for measuring."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)
