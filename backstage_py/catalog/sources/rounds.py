"""What is done for a provider while it is connected: its readings by a schedule, and the events that it hears of."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from backstage_py.catalog.outages import OF_DATABASE, pause
from backstage_py.plugin.catalog import Event
from backstage_py.settings.schedules import Schedule
from backstage_py.storage.catalog.events import EVENTS, EventStore
from backstage_py.storage.catalog.lease import Lease, LeaseLostError
from backstage_py.storage.catalog.providers import ProviderStore
from backstage_py.storage.catalog.schedules import ScheduleStore
from backstage_py.storage.wakes.hub import WakeHub

_LOOK_SECONDS = 60.0
_SKEW_SECONDS = 1.0  # between two looks at a clock, and the clocks of two machines
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rounds:
    """Something that is repeated.

    Attributes:
        key: of the schedule.
        provider: whose it is.
        schedule: when.
        refresh: what.
    """

    key: str
    provider: str
    schedule: Schedule
    refresh: Callable[[], Awaitable[None]]

    async def repeat(self, schedules: ScheduleStore, states: ProviderStore, lease: Lease) -> None:
        """Do it when it is due, by the database's clock and for all processes; a round that fails waits for the next.

        Only an outage of the database begins a round anew; one of what the provider reads is a round that failed.

        Raises:
            LeaseLostError: the provider is another process's by now.
        """
        await asyncio.sleep(self.schedule.initial_delay)
        while True:
            try:
                wait = await self._wait(schedules, lease)
                if wait > 0:
                    await asyncio.sleep(min(wait, _LOOK_SECONDS))
                    continue
                begun = time.monotonic()
                await states.begun(self.provider)
                await states.ended(self.provider, await self._problem())
                await schedules.done(lease, self.key, self._until_next(time.monotonic() - begun))
            except OF_DATABASE as error:
                await pause(error)

    async def _wait(self, schedules: ScheduleStore, lease: Lease) -> float:
        """Return for how many seconds to wait; a schedule that has become shorter holds at once."""
        left = await schedules.seconds_until(self.key)
        period = self.schedule.seconds_from(datetime.now().astimezone())
        if period is None:
            return _LOOK_SECONDS
        if left is None and self.schedule.cron is None:
            return 0.0
        if left is None or left > period + _SKEW_SECONDS:
            await schedules.done(lease, self.key, period)
            return period
        return left

    def _until_next(self, taken: float) -> float:
        period = self.schedule.seconds_from(datetime.now().astimezone())
        if period is None or self.schedule.cron is not None:
            return period or 0.0
        return max(period - taken, 0.0)

    async def _problem(self) -> str | None:
        """Do it once, and return what went wrong."""
        try:
            async with asyncio.timeout(self.schedule.timeout):
                await self.refresh()
        except (LeaseLostError, *OF_DATABASE):
            raise
        except TimeoutError:
            _log.warning("provider_refresh_broken_off", provider=self.key, seconds=self.schedule.timeout)
            return f"It took longer than {self.schedule.timeout or 0:g} seconds, see 'schedule.timeout'"
        except Exception as error:  # noqa: BLE001  # the edge of a plugin, which may fail in any way; its next time comes
            _log.exception("provider_refresh_failed", provider=self.key)
            return str(error) or type(error).__name__
        return None


async def listen(
    wakes: WakeHub,
    events: EventStore,
    states: ProviderStore,
    provider: str,
    topics: frozenset[str],
    handle: Callable[[Event], Awaitable[None]],
) -> None:
    """Hand a provider the events of its topics, one after the other, beginning behind the one that it heard of last.

    Raises:
        LeaseLostError: the provider is another process's by now.
    """
    with wakes.subscribe(EVENTS) as wake:
        seen: int | None = None
        while True:
            try:
                seen = await states.seen_event(provider) if seen is None else seen
                for event in await events.after(seen, topics):
                    await _handled(Event(event.topic, event.payload, event.metadata), provider, handle)
                    await states.saw(provider, event.id)
                    seen = event.id
                    wake.set_from_any_thread()  # there may be more than came at once
                await wake.wait(_LOOK_SECONDS)
            except OF_DATABASE as error:
                await pause(error)


async def _handled(event: Event, provider: str, handle: Callable[[Event], Awaitable[None]]) -> None:
    try:
        await handle(event)
    except (LeaseLostError, *OF_DATABASE):
        raise
    except Exception:  # noqa: BLE001  # the edge of a plugin, which may fail in any way; the next event comes
        _log.exception("provider_event_failed", provider=provider, topic=event.topic)
