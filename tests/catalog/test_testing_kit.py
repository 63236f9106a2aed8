"""The test kit for catalog plugins, used as an author uses it."""

from backstage_py.model.json import JsonObject
from backstage_py.plugin.catalog import ProcessingContext, Processor
from backstage_py.testing.catalog import LOCATION, process


class Shout(Processor):
    """Writes titles in capitals."""

    async def pre_process(self, entity: JsonObject, context: ProcessingContext) -> JsonObject:
        metadata = entity["metadata"]
        return {**entity, "metadata": {**metadata, "title": metadata["name"].upper()}}


def component(**spec: object) -> JsonObject:
    needed = {"type": "service", "lifecycle": "production", "owner": "team-a"}
    return {
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "Component",
        "metadata": {"name": "web"},
        "spec": {**needed, **spec},
    }


async def test_the_entity_comes_out_as_the_catalog_has_it() -> None:
    result = await process(component(dependsOn=["resource:db"]), processors=[Shout()])
    assert result.problems == []
    assert result.entity["metadata"]["title"] == "WEB"
    assert result.entity["metadata"]["annotations"]["backstage.io/managed-by-location"] == LOCATION
    assert ("component:default/web", "dependsOn", "resource:default/db") in result.relations
    assert ("group:default/team-a", "ownerOf", "component:default/web") in result.relations


async def test_problems_are_listed() -> None:
    (problem,) = (await process(component(owner=""))).problems
    assert "/spec/owner must NOT have fewer than 1 characters - limit: 1" in problem


async def test_files_are_the_tests_own() -> None:
    place = {"targets": ["./more.yaml"]}
    location = {"apiVersion": "backstage.io/v1alpha1", "kind": "Location", "metadata": {"name": "l"}, "spec": place}
    more = "apiVersion: backstage.io/v1alpha1\nkind: Domain\nmetadata: {name: d}\nspec: {owner: o}\n"
    result = await process(location, files={"https://host.example/more.yaml": more})
    assert [one["kind"] for one in result.brought] == ["Domain"]
