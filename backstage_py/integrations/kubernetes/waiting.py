"""Waiting until an object of a cluster is as somebody wants it, with what happens meanwhile told as it happens."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing

from backstage_py.errors import BackstageError, ForeignError
from backstage_py.integrations.kubernetes import pods
from backstage_py.integrations.kubernetes.api import Api, NoAnswerError
from backstage_py.integrations.kubernetes.readiness import Judge, Verdict
from backstage_py.integrations.kubernetes.refs import Ref
from backstage_py.model.json import JsonObject

Tell = Callable[[str], None]
AsyncJudge = Callable[[JsonObject | None], Awaitable[Verdict]]
_LOOK_SECONDS = 5.0
_STABLE_LOOK_SECONDS = 1.0
_NO_ANSWER_PAUSE = 1.0
_MOST_EVENTS_AT_ONCE = 8


class WaitedInVainError(ForeignError):
    """The time is over; the message says how it stood."""


class FailedError(ForeignError):
    """What was waited for will not come; the message says why."""


async def until(
    api: Api,
    ref: Ref,
    judge: Judge | AsyncJudge,
    *,
    tell: Tell,
    seconds: float,
    looks: int = 1,
    with_events: bool = True,
) -> JsonObject | None:
    """Wait for a verdict and return the object as it was then; None when it was gone.

    A cluster that does not answer is asked again until the time is over. Cancel the awaiting task to break it off.

    Args:
        api: the cluster.
        ref: the object, which need not be there yet. With a ``uid``, a later object of its name counts as gone.
        judge: says how it stands; plain or ``async``. It is asked at each change and every few seconds without one.
        tell: called with each new state, each new event of the object, and what keeps its pods from running.
        seconds: how long at most.
        looks: how often in a row, a second apart, the verdict has to be the same.
        with_events: tell what controllers say about the object.

    Raises:
        FailedError: the verdict is that it has failed, or its pods will not come up. WaitedInVainError: it took longer.
        BackstageError: the object may not be read, or its kind is not there.
    """
    watcher = _Watcher(api, await api.full(ref), judge, tell, looks, with_events=with_events)
    try:
        async with asyncio.timeout(seconds):
            return await watcher.watch()
    except TimeoutError:
        raise WaitedInVainError(f"Waited {seconds:g} seconds in vain: {watcher.stands}") from None


class _Watcher:
    def __init__(
        self, api: Api, ref: Ref, judge: Judge | AsyncJudge, tell: Tell, looks: int, *, with_events: bool
    ) -> None:
        self.stands = f"{ref} was not seen"
        self._api, self._ref, self._judge, self._tell, self._looks = api, ref, judge, tell, looks
        self._heard: dict[str, int] | None = {} if with_events else None
        self._agreeing = 0

    async def watch(self) -> JsonObject | None:
        pause = _STABLE_LOOK_SECONDS if self._looks > 1 else _LOOK_SECONDS
        while True:
            try:
                async with aclosing(self._api.watch(self._ref, look_every=pause)) as changes:
                    async for change in changes:
                        if await self._is_done(change.object):
                            return change.object
            except NoAnswerError as error:
                self._say(error.message)
                await asyncio.sleep(_NO_ANSWER_PAUSE)

    async def _is_done(self, value: JsonObject | None) -> bool:
        answer = self._judge(value)
        verdict = answer if isinstance(answer, Verdict) else await answer
        await self._tell_events(value)
        trouble = None if value is None or verdict.is_done else await pods.find(self._api, value)
        self._say(f"{self._ref}: {verdict.text}" + (f"; {trouble}" if trouble else ""))
        if verdict.has_failed or (trouble and trouble.is_final):
            why = f"; {trouble}" if trouble else ""
            raise FailedError(f"{self._ref} has failed: {verdict.text}{why}")
        self._agreeing = self._agreeing + 1 if verdict.is_done else 0
        return self._agreeing >= self._looks

    def _say(self, text: str) -> None:
        if text != self.stands:
            self.stands = text
            self._tell(text)

    async def _tell_events(self, value: JsonObject | None) -> None:
        if value is None or self._heard is None:
            return
        try:
            listed = await self._api.events(self._ref)
        except NoAnswerError:
            raise
        except BackstageError:
            self._heard = None  # these credentials may not read events
            return
        new = [one for one in listed if self._heard.get(one.uid, 0) < one.count and one.about.kind == self._ref.kind]
        self._heard.update({one.uid: one.count for one in listed})
        for one in new[-_MOST_EVENTS_AT_ONCE:]:
            self._tell(str(one))
