"""Processors, providers and kinds of other packages."""

from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from backstage_py.errors import InputError
from backstage_py.model import entity as entities
from backstage_py.model.entity_ref import EntityRef
from backstage_py.model.json import JsonObject
from backstage_py.model.location_ref import LocationRef
from backstage_py.plugin.catalog import (
    CatalogPlugins,
    CustomKind,
    ProcessingContext,
    Processor,
    ProviderConnection,
    RelationField,
)
from backstage_py.settings.sections import AllowedKind, CatalogLocation, CatalogRule
from backstage_py.storage.faults import LostError
from backstage_py.testing.catalog import process
from tests.catalog.harness import RULES, Web, catalog, component

SERVICE = CustomKind(
    kind="Service",
    api_versions=("example.com/v1",),
    schema={"type": "object", "properties": {"spec": {"type": "object", "required": ["tier"]}}},
    relations=(RelationField("owner", "ownedBy", "ownerOf", "Group"),),
)
WITH_SERVICE = (*RULES, CatalogRule((AllowedKind("Service"),)))


class Tagger(Processor):
    """Adds a tag and a relation to every component."""

    async def pre_process(self, entity: JsonObject, context: ProcessingContext) -> JsonObject:
        if entity["kind"] == "Component":
            entity["metadata"]["tags"] = ["tagged"]
        return entity

    async def post_process(self, entity: JsonObject, context: ProcessingContext) -> JsonObject:
        if entity["kind"] == "Component":
            own = EntityRef("component", "default", entity["metadata"]["name"])
            context.emit.relation(own, "watchedBy", EntityRef("user", "default", "owl"))
        return entity


class Folder(Processor):
    """Reads locations of the type ``names``: a list of names of components."""

    async def read_location(self, location: LocationRef, *, optional: bool, context: ProcessingContext) -> bool:
        if location.type != "names":
            return False
        for name in location.target.split(","):
            spec = {"type": "service", "lifecycle": "production", "owner": "team-a"}
            made = {"apiVersion": "backstage.io/v1alpha1", "kind": "Component", "metadata": {"name": name}}
            context.emit.entity({**made, "spec": spec}, location)
        return True


class Broken(Processor):
    """Fails for one entity."""

    async def post_process(self, entity: JsonObject, context: ProcessingContext) -> JsonObject:
        if entity["metadata"]["name"] == "unlucky":
            raise KeyError("luck")
        return entity


class Inventory:
    """Provides entities that are nowhere in a file."""

    name = "inventory"

    def __init__(self) -> None:
        self.connection: ProviderConnection | None = None
        self.closed = False

    async def connect(self, connection: ProviderConnection) -> None:
        self.connection = connection
        await connection.apply_full([self.machine("m-1"), self.machine("m-2")])

    async def close(self) -> None:
        self.closed = True

    @staticmethod
    def machine(name: str) -> JsonObject:
        place = {entities.MANAGED_BY: "inventory:here", entities.ORIGIN: "inventory:here"}
        return {
            "apiVersion": "backstage.io/v1alpha1",
            "kind": "Resource",
            "metadata": {"name": name, "annotations": place},
            "spec": {"type": "machine", "owner": "team-a"},
        }


async def test_a_processor_changes_entities_and_adds_relations(tmp_path: Path) -> None:
    plugins = CatalogPlugins(processors=[Tagger()])
    async with catalog(tmp_path, Web({"/a.yaml": component("a")}), plugins=plugins) as world:
        await world.register("/a.yaml")
        entity = await world.entity("component:default/a")
        assert entity["metadata"]["tags"] == ["tagged"]
        assert {"type": "watchedBy", "targetRef": "user:default/owl"} in entity["relations"]


async def test_a_processor_that_fails_is_named_at_the_entity(tmp_path: Path) -> None:
    plugins = CatalogPlugins(processors=[Broken()])
    web = Web({"/a.yaml": component("unlucky"), "/b.yaml": component("lucky")})
    async with catalog(tmp_path, web, plugins=plugins) as world:
        registered = await world.register("/a.yaml")
        await world.register("/b.yaml")
        (problem,) = await world.problems(registered["entityRef"])
        assert "Processor Broken threw an error while postprocessing" in problem
        assert await world.has("component:default/lucky")


async def test_a_kind_of_ones_own(tmp_path: Path) -> None:
    good = "apiVersion: example.com/v1\nkind: Service\nmetadata: {name: pay}\nspec: {tier: gold, owner: team-a}\n"
    bad = "apiVersion: example.com/v1\nkind: Service\nmetadata: {name: free}\nspec: {owner: team-a}\n"
    plugins = CatalogPlugins(processors=[SERVICE])
    web = Web({"/good.yaml": good, "/bad.yaml": bad})
    async with catalog(tmp_path, web, plugins=plugins, rules=WITH_SERVICE) as world:
        await world.register("/good.yaml")
        registered = await world.register("/bad.yaml")
        assert (await world.entity("service:default/pay"))["relations"] == [
            {"type": "ownedBy", "targetRef": "group:default/team-a"}
        ]
        (problem,) = await world.problems(registered["entityRef"])
        assert "/spec 'tier' is a required property" in problem


async def test_a_location_type_of_ones_own(tmp_path: Path) -> None:
    plugins = CatalogPlugins(processors=[Folder()])
    async with catalog(tmp_path, plugins=plugins, locations=(CatalogLocation("names", "one,two"),)) as world:
        assert await world.refs() == {"component:default/one", "component:default/two"}


async def test_a_location_type_that_nobody_knows(tmp_path: Path) -> None:
    async with catalog(tmp_path, locations=(CatalogLocation("names", "one,two"),)) as world:
        (text,) = await world.service.reader.all(None)
        assert b"InputError: No processor was able to handle reading of names:one,two" in text


async def test_a_provider_brings_and_takes_entities(tmp_path: Path) -> None:
    inventory = Inventory()
    async with catalog(tmp_path, plugins=CatalogPlugins(providers=[inventory])) as world:
        assert await world.refs() == {"resource:default/m-1", "resource:default/m-2"}
        assert inventory.connection
        await inventory.connection.apply_delta(added=[inventory.machine("m-3")], removed=["resource:default/m-1"])
        await world.rest()
        assert await world.refs() == {"resource:default/m-2", "resource:default/m-3"}
        await inventory.connection.apply_full([inventory.machine("m-2")])
        await world.rest()
        assert await world.refs() == {"resource:default/m-2"}
    assert inventory.closed


async def test_what_a_provider_that_is_gone_brought_is_removed(tmp_path: Path) -> None:
    async with catalog(tmp_path, plugins=CatalogPlugins(providers=[Inventory()])) as world:
        assert await world.has("resource:default/m-1")
    async with catalog(tmp_path) as world:
        assert await world.refs() == set()


async def test_a_change_is_announced_by_refresh_keys(tmp_path: Path) -> None:
    inventory = Inventory()
    web = Web({"/a.yaml": component("a")})
    async with catalog(tmp_path, web, plugins=CatalogPlugins(providers=[inventory])) as world:
        await world.register("/a.yaml")
        web.pages["/a.yaml"] = component("b")
        assert inventory.connection
        await inventory.connection.refresh(["url:https://host.example/a.yaml"])
        await world.until("component:default/b")


class Given:
    """Gives what it was made with, or fails as it was told to."""

    name = "acme"

    def __init__(self, *added: dict[str, Any], error: Exception | None = None) -> None:
        self.added = added
        self.error = error
        self.refused = ""

    async def connect(self, connection: ProviderConnection) -> None:
        if self.error:
            raise self.error
        try:
            await connection.apply_full(self.added)
        except InputError as error:
            self.refused = error.message

    async def close(self) -> None:
        return


@pytest.mark.parametrize(
    ("entity", "says"),
    [
        (
            {"apiVersion": "v1", "kind": "Component", "metadata": {"name": "x"}},
            "The entity component:default/x of the provider acme lacks the annotation backstage.io/managed-by-location",
        ),
        ({"kind": "Component"}, "The provider acme gave what is no entity: "),
    ],
)
async def test_a_provider_is_told_at_once_what_could_never_appear(
    tmp_path: Path, entity: dict[str, Any], says: str
) -> None:
    provider = Given(entity)
    async with catalog(tmp_path, plugins=CatalogPlugins([], [provider])):
        assert provider.refused.startswith(says)


async def test_a_provider_that_fails_stops_nobody_else(tmp_path: Path) -> None:
    failing = Given(error=RuntimeError("its database is down"))
    with capture_logs() as logs:
        async with catalog(tmp_path, Web({"/c.yaml": component("c")}), plugins=CatalogPlugins([], [failing])) as world:
            await world.register("/c.yaml")
            assert await world.has("component:default/c")
    assert [one["provider"] for one in logs if one["event"] == "provider_connect_failed"] == ["acme"]


class Interrupted(Given):
    """Loses the database once while it is connected."""

    def __init__(self) -> None:
        super().__init__(error=LostError("nobody answers", may_be_done=True))
        self.told: list[str] = []

    async def connect(self, connection: ProviderConnection) -> None:
        self.told.append("connect")
        if len(self.told) == 1:
            await super().connect(connection)

    async def close(self) -> None:
        self.told.append("close")


async def test_a_provider_is_closed_before_it_is_connected_again(tmp_path: Path) -> None:
    provider = Interrupted()
    async with catalog(tmp_path, plugins=CatalogPlugins([], [provider])):
        assert provider.told == ["connect", "close", "connect"]


class Forgetful(Processor):
    async def pre_process(self, entity: dict[str, Any], context: ProcessingContext) -> dict[str, Any]:
        return None  # type: ignore[return-value]  # the mistake that is tested


class Mistaken(Processor):
    async def post_process(self, entity: dict[str, Any], context: ProcessingContext) -> dict[str, Any]:
        return {"x": entity["nope"]}


@pytest.mark.parametrize(
    ("processor", "says"),
    [
        (Forgetful(), "Processor Forgetful threw an error while preprocessing; caused by Error: pre_process must"),
        (Mistaken(), "Processor Mistaken threw an error while postprocessing; caused by Error: KeyError: 'nope'"),
    ],
)
async def test_a_mistake_in_a_processor_names_it_and_its_place(processor: Processor, says: str) -> None:
    with capture_logs() as logs:
        result = await process(component_entity(), processors=[processor])
    (problem,) = result.problems
    assert problem.startswith(f"InputError: {says}")
    assert [one["processor"] for one in logs if one["event"] == "processor_failed"] == [processor.name]


def component_entity() -> dict[str, Any]:
    spec = {"type": "service", "lifecycle": "x", "owner": "team-a"}
    return {"apiVersion": "backstage.io/v1alpha1", "kind": "Component", "metadata": {"name": "c"}, "spec": spec}


async def test_a_pattern_of_a_custom_kind_is_javascripts_and_bounded() -> None:
    spec = {"properties": {"name": {"pattern": r"^a\sb$"}, "slow": {"pattern": "^(?=(a+)+b)x"}}}
    kind = CustomKind("Service", ("example.com/v1",), {"properties": {"spec": spec}})

    def service(**spec: str) -> dict[str, Any]:
        return {"apiVersion": "example.com/v1", "kind": "Service", "metadata": {"name": "s"}, "spec": spec}

    assert await kind.validate_kind(service(name="a\u00a0b"))
    with pytest.raises(ValueError, match=r"^/spec/name 'ab' does not match"):
        await kind.validate_kind(service(name="ab"))
    with pytest.raises(ValueError, match="The limit of 200,000 steps"):
        await kind.validate_kind(service(slow="a" * 60))
