"""Whoever was refused an entity that another source has gets it as soon as it is free, not an interval later."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from backstage_py.model import entity as entities
from backstage_py.model.json import JsonObject
from backstage_py.plugin.catalog import CatalogPlugins, ProviderConnection
from tests.catalog.harness import HOST, Web, World, catalog, component, documents
from tests.effort import EXAMPLES
from tests.storage.postgres import Postgres, postgres

pytestmark = pytest.mark.xdist_group(__name__)

A = "component:default/a"
HOUR = 3600.0
RENAMES = max(6, EXAMPLES // 10)


class Source:
    """A provider that gives what a test says."""

    name = "source"

    async def connect(self, connection: ProviderConnection) -> None:
        self.to = connection

    async def close(self) -> None:
        return


def given(path: str, name: str) -> JsonObject:
    """Return a location of a provider."""
    place = f"url:{HOST}{path}"
    annotations = {entities.MANAGED_BY: place, entities.ORIGIN: place}
    return {
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "Location",
        "metadata": {"name": name, "annotations": annotations},
        "spec": {"type": "url", "target": HOST + path},
    }


OLD, NEW = given("/old.yaml", "old"), given("/new.yaml", "new")
DIRECT = {**given("/direct.yaml", "a"), "kind": "Component", "spec": {"type": "x", "lifecycle": "y", "owner": "direct"}}


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


@pytest.fixture
def web() -> Web:
    return Web({"/old.yaml": component("a", owner="old"), "/new.yaml": component("a", owner="new")})


@contextlib.asynccontextmanager
async def provided(folder: Path, web: Web, **settings: Any) -> AsyncIterator[tuple[World, ProviderConnection]]:
    source = Source()
    plugins = CatalogPlugins([], [source])
    async with catalog(folder, web, plugins=plugins, processing_interval=HOUR, **settings) as world:
        yield world, source.to


async def owner(world: World) -> Any:
    await world.rest()
    return (await world.entity(A))["spec"]["owner"]


async def test_a_location_that_is_deleted_leaves_its_entities_to_those_who_were_refused(
    tmp_path: Path, web: Web
) -> None:
    async with catalog(tmp_path, web, processing_interval=HOUR) as world:
        first = await world.register("/old.yaml")
        second = await world.register("/new.yaml")
        assert await owner(world) == "old"
        (problem,) = await world.problems(second["entityRef"])
        assert problem.startswith("ConflictError")
        await world.service.delete_location(first["id"])
        assert await owner(world) == "new"
        assert await world.problems(second["entityRef"]) == []


async def test_a_file_that_no_longer_names_an_entity_leaves_it_to_another(tmp_path: Path, web: Web) -> None:
    web.pages["/new.yaml"] = documents(component("a", owner="new"), component("b", owner="new"))
    web.pages["/third.yaml"] = component("b", owner="third")
    async with catalog(tmp_path, web, processing_interval=HOUR) as world:
        first = await world.register("/old.yaml")
        third = await world.register("/third.yaml")
        second = await world.register("/new.yaml")
        assert len(await world.problems(second["entityRef"])) == 2
        web.pages["/old.yaml"] = component("other")
        await world.refresh(first["entityRef"])
        assert await owner(world) == "new"
        (problem,) = await world.problems(second["entityRef"])
        assert "Entity component:default/b is already" in problem
        await world.service.delete_location(third["id"])
        await world.rest()
        assert await world.problems(second["entityRef"]) == []
        assert (await world.entity("component:default/b"))["spec"]["owner"] == "new"


async def test_an_entity_that_is_deleted_comes_back_from_who_had_it(tmp_path: Path, web: Web) -> None:
    async with catalog(tmp_path, web, processing_interval=HOUR) as world:
        await world.register("/old.yaml")
        await world.register("/new.yaml")
        await world.service.remove_entity((await world.entity(A))["metadata"]["uid"])
        assert await owner(world) == "old"


async def test_an_orphan_that_is_named_again_is_none_any_more(tmp_path: Path, web: Web) -> None:
    both = documents(component("a"), component("b"))
    web.pages["/old.yaml"] = both
    async with catalog(tmp_path, web, processing_interval=HOUR, orphan_strategy="keep") as world:
        registered = await world.register("/old.yaml")
        web.pages["/old.yaml"] = component("b")
        await world.refresh(registered["entityRef"])
        assert (await world.entity(A))["metadata"]["annotations"]["backstage.io/orphan"] == "true"
        web.pages["/old.yaml"] = both
        await world.refresh(registered["entityRef"])
        assert "backstage.io/orphan" not in (await world.entity(A))["metadata"]["annotations"]


@pytest.mark.parametrize("between", ["processed", "at once", "together"])
async def test_a_provider_that_moves_a_location(tmp_path: Path, web: Web, between: str) -> None:
    async with provided(tmp_path, web) as (world, to):
        await to.apply_full([OLD])
        assert await owner(world) == "old"
        if between != "together":
            await to.apply_full([OLD, NEW])
        if between == "processed":
            await world.rest()
            assert (await world.problems("location:default/new"))[0].startswith("ConflictError")
        await to.apply_full([NEW])
        assert await owner(world) == "new"
        await to.apply_delta(added=[OLD], removed=["location:default/new"])
        assert await owner(world) == "old"
        assert await world.refs() == {"location:default/old", A}


@pytest.mark.parametrize("kind", ["full", "delta"])
async def test_a_provider_gives_itself_what_a_location_of_it_brought(tmp_path: Path, web: Web, kind: str) -> None:
    async with provided(tmp_path, web) as (world, to):
        await to.apply_full([OLD])
        assert await owner(world) == "old"
        if kind == "full":
            await to.apply_full([DIRECT], location_key="own")
        else:
            await to.apply_delta(added=[DIRECT], removed=["location:default/old"], location_key="own")
        assert await owner(world) == "direct"
        assert await world.refs() == {A}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.thorough
async def test_renames_lose_nothing_between_replicas(tmp_path: Path, kind: str, server: Postgres) -> None:
    """Each reading may see the old name, both, or the new one, wherever processing is by then."""
    many = [component(f"c-{number}") for number in range(20)]
    web = Web({f"/{owner}.yaml": documents(component("a", owner=owner), *many) for owner in ("old", "new")})
    url = server.new_database("renames") if kind == "postgresql" else None
    async with (
        provided(tmp_path, web, database_url=url) as (world, to),
        catalog(tmp_path, web, database_url=url, processing_interval=HOUR) as other,
    ):
        before, after = OLD, NEW
        await to.apply_full([before])
        await world.until("component:default/c-19")
        for number in range(RENAMES):
            await asyncio.sleep(0.002 * (number % 7))
            await to.apply_full([before, after])
            await asyncio.sleep(0.003 * (number % 11))
            await to.apply_full([after])
            before, after = after, before
            if number % 5 == 0:
                await asyncio.gather(world.rest(), other.rest())
                assert len(await other.refs()) == 22, f"after {number + 1} renames"
        await asyncio.gather(world.rest(), other.rest())
        assert len(await other.refs()) == 22
