"""Processors, providers and kinds of other packages."""

from pathlib import Path

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
