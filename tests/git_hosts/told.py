"""A connection that keeps what a provider tells, as the catalog would have it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from backstage_py.model import entity_ref
from backstage_py.plugin.catalog import EntityProvider, Event, Schedule


@dataclass
class Told:
    """Implements ``ProviderConnection``: the entities by reference, and what was refreshed."""

    entities: dict[str, Any] = field(default_factory=dict)
    refreshed: list[str] = field(default_factory=list)
    location_keys: set[str | None] = field(default_factory=set)
    read: Callable[[], Awaitable[None]] | None = None
    hear: Callable[[Event], Awaitable[None]] | None = None
    topics: Sequence[str] = ()

    async def apply_full(self, added: Sequence[Any], *, location_key: str | None = None) -> None:
        self.entities = {entity_ref.of(one): one for one in added}
        self.location_keys.add(location_key)

    async def apply_delta(
        self, *, added: Sequence[Any] = (), removed: Sequence[str] = (), location_key: str | None = None
    ) -> None:
        for ref in removed:
            self.entities.pop(ref, None)
        self.entities |= {entity_ref.of(one): one for one in added}
        self.location_keys.add(location_key)

    async def refresh(self, keys: Sequence[str]) -> None:
        self.refreshed += keys

    def every(self, seconds: float, refresh: Callable[[], Awaitable[None]], *, name: str = "refresh") -> None:
        raise AssertionError((seconds, refresh, name))

    def on_schedule(self, schedule: Schedule, refresh: Callable[[], Awaitable[None]], *, name: str = "refresh") -> None:
        del schedule, name
        self.read = refresh

    def on_events(self, topics: Sequence[str], handle: Callable[[Event], Awaitable[None]]) -> None:
        self.topics, self.hear = topics, handle


async def connected(provider: EntityProvider) -> Told:
    """Connect a provider and have it read once."""
    told = Told()
    await provider.connect(told)
    assert told.read
    await told.read()
    return told
