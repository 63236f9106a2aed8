"""What a worker process tells the service that started it: that it has started, and which of its loops fail.

The worker's standard input is one end of a pair of sockets: its end says that the service is gone, and a line of JSON
on it, a list of names, that other loops fail than before. The first line, of an empty list, comes once signals are
handled.
"""

import asyncio
import os
from collections.abc import Callable, Sequence

from backstage_py import background
from backstage_py.model import json

_LOOK_SECONDS = 0.5


def take(standard_input: int) -> int:
    """Return a descriptor of the service's socket that no child of this process inherits; its place is empty then."""
    kept = os.dup(standard_input)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, standard_input)
    os.close(nothing)
    os.set_blocking(kept, False)
    return kept


async def tell(service: int) -> None:
    """Write the names of the loops that fail here, at once and whenever they are others."""
    said: Sequence[str] | None = None
    while True:
        if (found := background.failing()) != said and _is_written(service, f"{json.text(found)}\n"):
            said = found
        await asyncio.sleep(_LOOK_SECONDS)


def _is_written(service: int, line: str) -> bool:
    try:
        os.write(service, line.encode())
    except OSError:  # the service is busy, or it is gone, which is noticed elsewhere
        return False
    return True


async def hear(lines: asyncio.StreamReader, failing: Callable[[Sequence[str]], None]) -> None:
    """Hand on what a worker tells until it has ended."""
    try:
        async for line in lines:
            failing([str(name) for name in json.parse(line.decode())])
    except ConnectionResetError:  # it was killed
        return
