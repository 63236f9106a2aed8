"""Waiting where a foreign host limits the rate of requests: as long as the configuration says, and said aloud."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Self, TypeVar

from backstage_py.errors import ServiceUnavailableError, SettingsError
from backstage_py.model.json import Json
from backstage_py.settings import durations

T = TypeVar("T")

_WAIT_KEY = "scaffolder.rateLimitWait"
_STEP_WAIT = 600.0
_BETWEEN_LINES = 10.0
SHORTEST_WAIT = 1.0
"""What a limit that names no time costs at least, in seconds."""


class RateLimitedError(ServiceUnavailableError):
    """A host asks to slow down; ``wait`` is how many seconds it wants."""

    is_refusal = True

    def __init__(self, host: str, message: str, wait: float) -> None:
        super().__init__(f"{message} (rate limit exceeded). {host} may be asked again in {math.ceil(wait)} s")
        self.host = host
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Patience:
    """How long requests wait where a host limits them.

    Attributes:
        longest: seconds for one request, all its waits together; a longer one is an error at once.
        say: told every ten seconds that it waits.
        sleep: waits.
    """

    longest: float = 60.0
    say: Callable[[str], None] = lambda _: None
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    @classmethod
    def of_step(
        cls, config: Mapping[str, Json], say: Callable[[str], None], sleep: Callable[[float], Awaitable[None]]
    ) -> Self:
        """Return what ``scaffolder.rateLimitWait`` says for actions: ten minutes without it.

        Raises:
            SettingsError: it is no duration.
        """
        given = (config.get("scaffolder") or {}).get("rateLimitWait")
        try:
            return cls(_STEP_WAIT if given is None else durations.parse(given), say, sleep)
        except ValueError as error:
            raise SettingsError(_WAIT_KEY, str(error)) from error

    async def through(self, send: Callable[[], Awaitable[T]]) -> T:
        """Send a request, and again each time that its host has asked to wait.

        Raises:
            RateLimitedError: all the waits together would be too long. What ``send`` raises.
        """
        waited = 0.0
        while True:
            try:
                return await send()
            except RateLimitedError as error:
                waited += max(error.wait, SHORTEST_WAIT)
                if waited > self.longest:
                    raise error.reworded(f"{error.message}; {_WAIT_KEY} says how long a step waits") from error
                await self._wait(error)

    async def _wait(self, limited: RateLimitedError) -> None:
        left = limited.wait
        while left > 0:
            self.say(f"{limited.host} limits the rate of requests; going on in {math.ceil(left)} s")
            await self.sleep(min(left, _BETWEEN_LINES))
            left -= _BETWEEN_LINES
