"""What is done for providers: readings by a schedule, events, and their state."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from backstage_py.errors import ServiceUnavailableError
from backstage_py.model import entity as entities
from backstage_py.model.json import JsonObject
from backstage_py.plugin.catalog import CatalogPlugins, Event, ProviderConnection, Schedule, parse_schedule
from backstage_py.storage.catalog.events import EventStore
from tests import patience
from tests.catalog.harness import World, catalog

SOON = {"frequency": {"milliseconds": 50}, "timeout": "PT10S"}


class Register:
    """A provider of components that a test names; it fails while ``problem`` is set."""

    name = "register"

    def __init__(self, schedule: JsonObject, names: list[str], problem: Exception | None = None) -> None:
        self.schedule = parse_schedule(schedule)
        self.names = names
        self.problem = problem
        self.rounds = 0
        self.heard: list[str] = []
        self.is_slow = False

    async def connect(self, connection: ProviderConnection) -> None:
        self.connection = connection
        connection.on_schedule(self.schedule, self.read)
        connection.on_events(["shelf.changed"], self.hear)

    async def read(self) -> None:
        self.rounds += 1
        if self.is_slow:
            await asyncio.Event().wait()
        if self.problem:
            raise self.problem
        await self.connection.apply_full([made(name) for name in self.names])

    async def hear(self, event: Event) -> None:
        self.heard.append(event.payload["name"])
        if event.payload["name"] == "unreadable":
            raise KeyError("name")
        await self.connection.apply_delta(added=[made(event.payload["name"])])

    async def close(self) -> None:
        return


def made(name: str) -> JsonObject:
    where = {entities.MANAGED_BY: "url:https://register.example/", entities.ORIGIN: "url:https://register.example/"}
    spec = {"type": "service", "lifecycle": "production", "owner": "team-a"}
    meta = {"name": name, "annotations": where}
    return {"apiVersion": "backstage.io/v1alpha1", "kind": "Component", "metadata": meta, "spec": spec}


async def state(world: World, **wanted: Any) -> JsonObject:
    """Return the state of the provider as soon as it has these values."""

    async def reached() -> JsonObject:
        found = [one for one in await world.service.providers() if one["name"] == Register.name]
        return found[0] if found and wanted.items() <= found[0].items() else {}

    return await patience.until_answered(reached, f"the state of the provider has {wanted}")


async def test_a_source_that_fails_keeps_what_it_gave_and_says_why(tmp_path: Path) -> None:
    register = Register(SOON, ["one", "two"])
    async with catalog(tmp_path, plugins=CatalogPlugins(providers=[register])) as world:
        await world.until("component:default/two")
        assert (await state(world, level="info", entities=2))["succeededAt"]

        register.problem = ServiceUnavailableError("register.example does not answer")
        failed = await state(world, level="error")
        assert failed["message"] == "register.example does not answer; what it gave before stays"
        assert await world.has("component:default/one")

        register.problem, register.names = None, ["one"]
        await state(world, level="info", entities=1)
        await world.rest()
        assert not await world.has("component:default/two")


async def test_a_source_that_does_not_answer_is_asked_by_its_schedule(tmp_path: Path) -> None:
    register = Register({"frequency": "1h", "timeout": "1m"}, [], ServiceUnavailableError("it does not answer"))
    async with catalog(tmp_path, plugins=CatalogPlugins(providers=[register])) as world:
        await state(world, level="error")
        await asyncio.sleep(0.2)
        assert register.rounds == 1


async def test_a_service_starts_while_a_source_does_not_answer(tmp_path: Path) -> None:
    class Unreachable(Register):
        async def connect(self, connection: ProviderConnection) -> None:
            raise ServiceUnavailableError("register.example does not answer")

    async with catalog(tmp_path, plugins=CatalogPlugins(providers=[Unreachable(SOON, [])])) as world:
        assert (await state(world, level="error"))["failures"] == 1


async def test_what_a_plugin_gave_stays_while_it_cannot_be_loaded_and_goes_with_it(tmp_path: Path) -> None:
    register = Register(SOON, ["one"])
    async with catalog(tmp_path, plugins=CatalogPlugins(providers=[register])) as world:
        await world.until("component:default/one")
    async with catalog(tmp_path, plugins=CatalogPlugins(has_failed=True)) as world:
        assert await world.has("component:default/one")
    async with catalog(tmp_path) as world:
        assert not await world.has("component:default/one")


async def test_a_reading_that_takes_too_long_is_broken_off(tmp_path: Path) -> None:
    register = Register({"frequency": "50 ms", "timeout": {"milliseconds": 100}}, ["one"])
    register.is_slow = True
    async with catalog(tmp_path, plugins=CatalogPlugins(providers=[register])) as world:
        assert "longer than 0.1 seconds" in (await state(world, level="error"))["message"]
        register.is_slow = False
        await world.until("component:default/one")


async def test_a_schedule_by_hand_or_by_the_clock_does_not_read_at_once(tmp_path: Path) -> None:
    yearly = Register({"frequency": {"cron": "0 0 1 1 *"}, "timeout": "1m"}, ["one"])
    by_hand = Register({"frequency": {"trigger": "manual"}, "timeout": "1m"}, ["two"])
    by_hand.name = "by-hand"
    async with catalog(tmp_path, plugins=CatalogPlugins(providers=[yearly, by_hand])):
        await asyncio.sleep(0.2)
        assert [yearly.rounds, by_hand.rounds] == [0, 0]


async def test_a_shorter_schedule_holds_after_a_restart(tmp_path: Path) -> None:
    register = Register({"frequency": "10h", "timeout": "1m"}, ["one"])
    async with catalog(tmp_path, plugins=CatalogPlugins(providers=[register])) as world:
        await world.until("component:default/one")
    register = Register(SOON, ["one", "two"])
    async with catalog(tmp_path, plugins=CatalogPlugins(providers=[register])) as world:
        await world.until("component:default/two")


async def test_a_provider_hears_of_events_also_of_those_that_came_while_it_was_away(tmp_path: Path) -> None:
    register = Register({"frequency": "1h", "timeout": "1m"}, [])
    async with catalog(tmp_path, plugins=CatalogPlugins(providers=[register])) as world:
        events = EventStore(world.database)
        await events.publish("shelf.emptied", {"name": "nobody-listens"}, {})
        await events.publish("shelf.changed", {"name": "unreadable"}, {})
        await events.publish("shelf.changed", {"name": "one"}, {})
        await world.until("component:default/one")
    async with catalog(tmp_path) as world:
        await EventStore(world.database).publish("shelf.changed", {"name": "two"}, {})
    later = Register({"frequency": "1h", "timeout": "1m"}, [])
    async with catalog(tmp_path, plugins=CatalogPlugins(providers=[later])) as world:
        await world.until("component:default/two")
        assert [register.heard, later.heard] == [["unreadable", "one"], ["two"]]
        await state(world, events=3)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"frequency": {"minutes": 30}, "timeout": "PT3M"}, Schedule(1800, timeout=180)),
        ({"frequency": "PT1H", "timeout": "2m", "initialDelay": "15 s"}, Schedule(3600, timeout=120, initial_delay=15)),
        ({"frequency": "P1DT2H", "timeout": {"hours": 1}, "scope": "local"}, Schedule(93600, timeout=3600)),
        ({"frequency": {"cron": "*/5 * * * *"}, "timeout": "1m"}, Schedule(cron="*/5 * * * *", timeout=60)),
        ({"frequency": {"cron": "30 0 9 * * mon-fri"}, "timeout": "1m"}, Schedule(None, "30 0 9 * * mon-fri", 60)),
        ({"frequency": {"cron": "@daily"}, "timeout": "1m"}, Schedule(cron="@daily", timeout=60)),
        ({"frequency": {"trigger": "manual"}, "timeout": "1m"}, Schedule(timeout=60)),
    ],
)
def test_schedules_in_all_forms_that_backstage_takes(given: JsonObject, wanted: Schedule) -> None:
    assert parse_schedule(given) == wanted


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("1h", "expected an object with frequency and timeout, found the text '1h'"),
        ({"frequency": "1h"}, "there is no timeout"),
        ({"timeout": "1h"}, "there is no frequency"),
        ({"frequency": 30, "timeout": "1h"}, "frequency: a plain number has no unit"),
        ({"frequency": {"minutes": 0}, "timeout": "1h"}, "frequency: must be longer than nothing"),
        (
            {"frequency": {"cron": "61 * * * *"}, "timeout": "1h"},
            "frequency: '61 \\* \\* \\* \\*' is no cron expression",
        ),
        ({"frequency": "1h", "timeout": "1h", "scope": "here"}, "scope: expected one of global, local"),
    ],
)
def test_a_schedule_that_is_none_is_refused_in_words(given: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_schedule(given)
