"""Moments as this project stores and shows them: milliseconds since 1970, ISO 8601 with ``Z`` on the wire."""

import time
from datetime import UTC, datetime
from functools import lru_cache


def now() -> int:
    """Return the current time in milliseconds."""
    return time.time_ns() // 1_000_000


def iso(milliseconds: int) -> str:
    """Return ``2026-01-31T12:00:00.000Z``."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{_to_the_second(seconds)}.{rest:03d}Z"


def parsed(text: str) -> int:
    """Return the milliseconds of a day or a moment in ISO 8601, in UTC where nothing else is said.

    Raises:
        ValueError, OverflowError: it is none.
    """
    found = datetime.fromisoformat(text)
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)


@lru_cache(maxsize=64)  # what is shown together happened close together
def _to_the_second(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"
