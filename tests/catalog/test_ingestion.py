"""From a location to entities with relations in both directions."""

import json
from pathlib import Path
from typing import Any

import pytest

from backstage_py.catalog.sources.reading import TargetReader
from backstage_py.errors import ConflictError, InputError, NotFoundError
from backstage_py.model.location_ref import LocationRef
from backstage_py.settings.sections import AllowedKind, CatalogLocation, CatalogRule, RuleLocation
from tests.catalog.harness import HOST, RULES, Web, catalog, component, documents, group, location

GLOB = json.loads((Path(__file__).parents[1] / "golden/globs/glob-14.json").read_text(encoding="utf-8"))


def relations(entity: dict[str, object]) -> set[tuple[str, str]]:
    listed = entity["relations"]
    assert isinstance(listed, list)
    return {(one["type"], one["targetRef"]) for one in listed}


async def test_a_registered_file_brings_entities_with_relations_both_ways(tmp_path: Path) -> None:
    web = Web({"/all.yaml": documents(component("web"), group("team-a"))})
    async with catalog(tmp_path, web) as world:
        await world.register("/all.yaml")
        assert relations(await world.entity("component:default/web")) == {("ownedBy", "group:default/team-a")}
        assert relations(await world.entity("group:default/team-a")) == {("ownerOf", "component:default/web")}


async def test_the_entity_says_where_it_comes_from(tmp_path: Path) -> None:
    web = Web({"/all.yaml": location("all", "./inner.yaml"), "/inner.yaml": component("web")})
    async with catalog(tmp_path, web) as world:
        await world.register("/all.yaml")
        annotations = (await world.entity("component:default/web"))["metadata"]["annotations"]
        assert annotations["backstage.io/managed-by-location"] == f"url:{HOST}/inner.yaml"
        assert annotations["backstage.io/managed-by-origin-location"] == f"url:{HOST}/all.yaml"
        assert annotations["backstage.io/view-url"] == f"{HOST}/inner.yaml"


async def test_a_configured_file_and_a_pattern_are_read_from_this_machine(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "catalog-info.yaml").write_text(component("one"))
    (tmp_path / "two.yaml").write_text(component("two"))
    configured = (
        CatalogLocation("file", str(tmp_path / "two.yaml")),
        CatalogLocation("file", str(tmp_path / "**" / "catalog-info.yaml")),
    )
    async with catalog(tmp_path, locations=configured) as world:
        assert await world.refs() == {"component:default/one", "component:default/two"}


@pytest.mark.parametrize("case", GLOB["cases"], ids=lambda case: case["pattern"])
async def test_a_pattern_finds_the_files_of_this_machine_that_npm_s_glob_finds(
    tmp_path: Path, case: dict[str, Any]
) -> None:
    for name in GLOB["files"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(component("any"))
    for name, target in GLOB["links"].items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).symlink_to(tmp_path / target)
    content = await TargetReader(Web({})).read(
        LocationRef("file", f"{tmp_path}/{case['pattern']}"), origin="", optional=True, etag=None
    )
    found = [str(Path(file.location.target).relative_to(tmp_path)) for file in content.files]
    exact = [case["pattern"]] if case["pattern"] in GLOB["files"] else None  # a file of that name is meant itself
    assert sorted(found) == (exact or [name for name in case["selected"] if (tmp_path / name).is_file()])


async def test_a_pattern_in_a_url_finds_files_of_the_repository(tmp_path: Path) -> None:
    web = Web(
        {
            "/o/r/blob/main/a/catalog-info.yaml": component("a"),
            "/o/r/blob/main/b/c/catalog-info.yaml": component("c"),
            "/o/r/blob/main/other.yaml": component("other"),
        }
    )
    async with catalog(tmp_path, web) as world:
        await world.register("/o/r/blob/main/**/catalog-info.yaml")
        assert await world.refs() == {"component:default/a", "component:default/c"}
        annotations = (await world.entity("component:default/c"))["metadata"]["annotations"]
        assert annotations["backstage.io/managed-by-location"] == f"url:{HOST}/o/r/blob/main/b/c/catalog-info.yaml"


async def test_configured_locations_that_are_gone_take_their_entities_along(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(component("a"))
    async with catalog(tmp_path, locations=(CatalogLocation("file", str(tmp_path / "a.yaml")),)) as world:
        assert await world.has("component:default/a")
    async with catalog(tmp_path) as world:
        assert await world.refs() == set()


async def test_a_location_is_registered_once(tmp_path: Path) -> None:
    web = Web({"/a.yaml": component("a")})
    async with catalog(tmp_path, web) as world:
        first = await world.register("/a.yaml")
        with pytest.raises(ConflictError, match=r"^Location url:https://host.example/a.yaml already exists$"):
            await world.register("/a.yaml")
        again = await world.service.register("url", f"{HOST}/a.yaml", on_conflict="refresh")
        assert again.location == first


async def test_a_location_that_leads_elsewhere_keeps_its_entity(tmp_path: Path) -> None:
    web = Web({"/a.yaml": component("a"), "/b.yaml": component("b")})
    async with catalog(tmp_path, web) as world:
        registered = await world.register("/a.yaml")
        before = await world.entity(registered["entityRef"])
        await world.service.update_location(registered["id"], "url", f"{HOST}/b.yaml")
        await world.rest()
        assert await world.refs() == {"component:default/b"}
        after = await world.entity(registered["entityRef"])
        assert after["metadata"]["name"] == before["metadata"]["name"]
        assert after["spec"]["target"] == f"{HOST}/b.yaml"


async def test_only_urls_may_be_registered(tmp_path: Path) -> None:
    async with catalog(tmp_path) as world:
        with pytest.raises(InputError, match=r'^Registered locations must be of an allowed type \["url"\]$'):
            await world.service.register("file", "/etc/passwd")


async def test_a_file_target_of_a_url_location_is_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.yaml"
    secret.write_text(component("secret"))
    text = location("sly", str(secret)).replace("spec:\n", "spec:\n  type: file\n")
    async with catalog(tmp_path, Web({"/sly.yaml": text})) as world:
        await world.register("/sly.yaml")
        assert not await world.has("component:default/secret")
        assert await world.problems("location:default/sly") == [
            'InputError: Registered locations must be of an allowed type ["url"]'
        ]


@pytest.mark.thorough
async def test_a_kind_that_no_rule_allows_is_refused_with_all_of_its_file(tmp_path: Path) -> None:
    rules = (CatalogRule((AllowedKind("Component"), AllowedKind("Location"))),)
    web = Web({"/all.yaml": documents(component("web"), group("team-a"))})
    async with catalog(tmp_path, web, rules=rules) as world:
        registered = await world.register("/all.yaml")
        assert await world.refs() == set()
        (problem,) = await world.problems(registered["entityRef"])
        assert problem == (
            "NotAllowedError: Entity group:default/team-a at url:https://host.example/all.yaml, originated at "
            "url:https://host.example/all.yaml, is not of an allowed kind for that location"
        )


@pytest.mark.thorough(sample=2)
@pytest.mark.parametrize(
    ("rule", "allowed"),
    [
        (RuleLocation("url", pattern=f"{HOST}/teams/*.yaml"), True),
        (RuleLocation("url", pattern=f"{HOST}/**"), True),
        (RuleLocation("url", pattern=f"{HOST}/*.yaml"), False),
        (RuleLocation("url", exact=f"{HOST}/teams/a.yaml"), True),
        (RuleLocation("url", exact=f"{HOST}/teams/b.yaml"), False),
        (RuleLocation("file"), False),
    ],
)
async def test_a_rule_holds_for_its_locations(tmp_path: Path, rule: RuleLocation, allowed: bool) -> None:
    rules = (CatalogRule((AllowedKind("Group"),), (rule,)), CatalogRule((AllowedKind("Location"),)))
    async with catalog(tmp_path, Web({"/teams/a.yaml": group("team-a")}), rules=rules) as world:
        await world.register("/teams/a.yaml")
        assert await world.has("group:default/team-a") is allowed


async def test_a_preview_stores_nothing(tmp_path: Path) -> None:
    web = Web({"/all.yaml": location("all", "./web.yaml"), "/web.yaml": component("web")})
    async with catalog(tmp_path, web) as world:
        shown = (await world.service.preview("url", f"{HOST}/all.yaml")).as_json()
        assert shown["exists"] is False
        assert [one["kind"] for one in shown["entities"]] == ["Location", "Location", "Component"]
        assert "uid" not in shown["entities"][2]["metadata"]
        await world.rest()
        assert await world.refs() == set()


@pytest.mark.thorough
async def test_the_location_of_an_entity_is_found(tmp_path: Path) -> None:
    web = Web({"/all.yaml": location("all", "./web.yaml"), "/web.yaml": component("web")})
    async with catalog(tmp_path, web) as world:
        registered = await world.register("/all.yaml")
        assert (await world.service.location_of("component:default/web")).as_json() == registered
        with pytest.raises(NotFoundError, match=r"^found no entity for ref component:default/nope$"):
            await world.service.location_of("component:default/nope")


async def test_placeholders_are_replaced_from_the_same_place(tmp_path: Path) -> None:
    text = (
        "apiVersion: backstage.io/v1alpha1\nkind: API\nmetadata: {name: pets}\n"
        "spec: {type: openapi, lifecycle: production, owner: o, definition: {$text: ./pets.json}}\n"
    )
    web = Web({"/apis/api.yaml": text, "/apis/pets.json": '{"openapi": "3.0.0"}'})
    async with catalog(tmp_path, web) as world:
        await world.register("/apis/api.yaml")
        assert (await world.entity("api:default/pets"))["spec"]["definition"] == '{"openapi": "3.0.0"}'
        web.pages["/apis/pets.json"] = '{"openapi": "3.1.0"}'
        await world.refresh("api:default/pets")
        assert (await world.entity("api:default/pets"))["spec"]["definition"] == '{"openapi": "3.1.0"}'


async def test_an_openapi_placeholder_takes_in_what_it_refers_to(tmp_path: Path) -> None:
    text = (
        "apiVersion: backstage.io/v1alpha1\nkind: API\nmetadata: {name: pets}\n"
        "spec: {type: openapi, lifecycle: production, owner: o, definition: {$openapi: ./pets.yaml}}\n"
    )
    web = Web(
        {
            "/api.yaml": text,
            "/pets.yaml": "components:\n  schemas:\n    Pet:\n      $ref: './parts.yaml#/Pet'\n",
            "/parts.yaml": "Pet:\n  type: object\n",
        }
    )
    async with catalog(tmp_path, web) as world:
        await world.register("/api.yaml")
        definition = (await world.entity("api:default/pets"))["spec"]["definition"]
        assert "type: object" in definition
        assert "$ref" not in definition


async def test_a_placeholder_of_a_file_cannot_leave_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "catalog"
    folder.mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    for name, target in (("up", "../secret.txt"), ("link", "./link.txt")):
        text = component(name).replace(f"  name: {name}\n", f"  name: {name}\n  description: {{$text: {target}}}\n")
        (folder / f"{name}.yaml").write_text(text)
    configured = tuple(CatalogLocation("file", str(folder / f"{name}.yaml")) for name in ("up", "link"))
    async with catalog(tmp_path, locations=configured, rules=RULES) as world:
        texts = await world.service.reader.all(None)
        assert not any(b'"secret"' in text for text in texts)
        locations = [ref for ref in [t.decode() for t in texts] if "is outside of" in ref]
        assert len(locations) == 2


@pytest.mark.thorough
@pytest.mark.parametrize("pattern", ["{one,two}/catalog-info.yaml", "%7Bone,two%7D/catalog-info.yaml", "[ot]*/*.yaml"])
async def test_a_pattern_may_be_any_that_backstage_searches_for(tmp_path: Path, pattern: str) -> None:
    root = "/acme/shop/blob/main"
    pages: dict[str, str | bytes] = {
        f"{root}/{folder}/catalog-info.yaml": component(folder) for folder in ("one", "two", "x")
    }
    async with catalog(tmp_path, Web(pages)) as world:
        await world.register(f"{root}/{pattern}")
        assert await world.refs() == {"component:default/one", "component:default/two"}
