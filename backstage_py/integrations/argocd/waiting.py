"""Waiting until an Application is as somebody wants it, looked at again and again by Argo CD's API."""

import asyncio
from collections.abc import Awaitable, Callable

from backstage_py.errors import ServiceUnavailableError
from backstage_py.integrations.kubernetes.readiness import Judge
from backstage_py.integrations.kubernetes.waiting import FailedError, WaitedInVainError
from backstage_py.model.json import JsonObject

Look = Callable[[], Awaitable[JsonObject | None]]
_PAUSE = 1.0


async def until(
    look: Look, judge: Judge, name: str, *, tell: Callable[[str], None], seconds: float, looks: int = 1
) -> JsonObject | None:
    """Wait for a verdict and return the Application as it was then; None when it was gone.

    Args:
        look: returns it as it is now. An Argo CD that does not answer is asked again until the time is over.
        judge: says how it stands.
        name: in what is told.
        tell: called with each new state.
        seconds: how long at most.
        looks: how often in a row, a second apart, the verdict has to be the same.

    Raises:
        FailedError: the verdict is that it has failed. WaitedInVainError: it took longer. BackstageError: of ``look``.
    """
    stands, agreeing = f"{name} was not seen", 0
    try:
        async with asyncio.timeout(seconds):
            while True:
                said, value, is_done = await _seen(look, judge, name)
                if said != stands:
                    stands = said
                    tell(said)
                agreeing = agreeing + 1 if is_done else 0
                if agreeing >= looks:
                    return value
                await asyncio.sleep(_PAUSE)
    except TimeoutError:
        raise WaitedInVainError(f"Waited {seconds:g} seconds in vain: {stands}") from None


async def _seen(look: Look, judge: Judge, name: str) -> tuple[str, JsonObject | None, bool]:
    try:
        value = await look()
    except ServiceUnavailableError as error:
        return error.message, None, False
    verdict = judge(value)
    if verdict.has_failed:
        raise FailedError(f"{name} has failed: {verdict.text}")
    return f"{name}: {verdict.text}", value, verdict.is_done
