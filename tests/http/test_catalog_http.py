"""The catalog's face, asked over HTTP with what a Backstage frontend asks."""

import base64
import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from starlette.routing import Mount, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from backstage_py.catalog.authorized import AuthorizedCatalog
from backstage_py.http import application
from backstage_py.http import catalog as face
from backstage_py.http.credentials import CREDENTIALS
from backstage_py.http.streams import OpenStreams
from backstage_py.identity.principals import Credentials, UserPrincipal
from backstage_py.permissions.authority import Authority
from backstage_py.settings.sections import BackendSettings
from tests.catalog.harness import HOST, Web, World, catalog, component, documents, group
from tests.http.harness import Answer, call

PAGES = documents(
    *(component(f"c-{number:02}", owner=f"team-{'ab'[number % 2]}") for number in range(25)),
    group("team-a"),
    group("team-b"),
)


class Catalog:
    def __init__(self, world: World, app: ASGIApp) -> None:
        self.world = world
        self.app = app

    async def get(self, path: str, **headers: str) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return await call(self.app, "GET", f"/api/catalog{path}", sent)

    async def send(self, method: str, path: str, body: Any = None) -> Answer:
        headers = {"content-type": "application/json"}
        return await call(self.app, method, f"/api/catalog{path}", headers, json.dumps(body).encode())


def signed_in(app: ASGIApp) -> ASGIApp:
    """Stand where the barrier stands: a user calls."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        scope[CREDENTIALS] = Credentials(UserPrincipal("user:default/ada"))
        await app(scope, receive, send)

    return answer


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Catalog]:
    async with catalog(tmp_path, Web({"/all.yaml": PAGES})) as world:
        await world.register("/all.yaml")
        authorized = AuthorizedCatalog(world.service, Authority())
        routes = [Mount(face.PREFIX, app=signed_in(Router(list(face.routes(authorized)), redirect_slashes=False)))]
        yield Catalog(world, application.create(routes, BackendSettings("http://here"), OpenStreams()))


def names(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.body
    items = answer.json["items"] if isinstance(answer.json, dict) else answer.json
    return [item["metadata"]["name"] for item in items]


async def test_pages_lead_forward_and_back_again(site: Catalog) -> None:
    first = await site.get("/entities/by-query?filter=kind=component&orderField=metadata.name,desc&limit=10")
    assert names(first) == [f"c-{number:02}" for number in range(24, 14, -1)]
    assert first.json["totalItems"] == 25
    assert set(first.json["pageInfo"]) == {"nextCursor"}
    second = await site.get(f"/entities/by-query?limit=10&cursor={quote(first.json['pageInfo']['nextCursor'])}")
    assert names(second) == [f"c-{number:02}" for number in range(14, 4, -1)]
    assert set(second.json["pageInfo"]) == {"nextCursor", "prevCursor"}
    third = await site.get(f"/entities/by-query?limit=10&cursor={quote(second.json['pageInfo']['nextCursor'])}")
    assert names(third) == [f"c-{number:02}" for number in range(4, -1, -1)]
    assert set(third.json["pageInfo"]) == {"prevCursor"}
    back = await site.get(f"/entities/by-query?limit=10&cursor={quote(second.json['pageInfo']['prevCursor'])}")
    assert names(back) == names(first)
    assert set(back.json["pageInfo"]) == {"nextCursor"}


@pytest.mark.thorough
async def test_counting_needs_no_items(site: Catalog) -> None:
    answer = await site.get("/entities/by-query?limit=0&filter=kind=component,relations.ownedBy=group:default/team-a")
    assert answer.json == {"items": [], "totalItems": 13, "pageInfo": {}}
    answer = await site.get("/entities/by-query?limit=1&filter=kind=component&totalItems=exclude")
    assert answer.json["totalItems"] == 0


async def test_a_count_follows_every_change(site: Catalog) -> None:
    query = "/entities/by-query?limit=0&filter=kind=component"
    assert (await site.get(query)).json["totalItems"] == 25
    site.world.web.pages["/all.yaml"] = documents(component("only"))
    await site.world.refresh("component:default/c-00")
    assert (await site.get(query)).json["totalItems"] == 1
    assert (await site.get("/entity-facets?facet=kind")).json["facets"]["kind"] == [
        {"value": "Component", "count": 1},
        {"value": "Location", "count": 1},
    ]


async def test_all_entities_packed_are_the_same_as_plain(site: Catalog) -> None:
    plain = await site.get("/entities?filter=kind=component")
    packed = await site.get("/entities?filter=kind=component", accept_encoding="gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    site.world.web.pages["/all.yaml"] = documents(component("only"))
    await site.world.refresh("component:default/c-00")
    again = await site.get("/entities?filter=kind=component", accept_encoding="gzip")
    assert [one["metadata"]["name"] for one in json.loads(gzip.decompress(again.body))] == ["only"]


async def test_a_list_by_offset_says_where_it_goes_on(site: Catalog) -> None:
    answer = await site.get("/entities?filter=kind=component&order=asc:metadata.name&limit=10&offset=10")
    assert names(answer) == [f"c-{number:02}" for number in range(10, 20)]
    link = answer.headers["link"]
    assert link.startswith("</entities?filter=kind%3Dcomponent&order=asc%3Ametadata.name&limit=10&after=")
    assert link.endswith('>; rel="next"')
    answer = await site.get(link[1:].partition(">")[0])
    assert names(answer) == [f"c-{number:02}" for number in range(20, 25)]
    assert "link" not in answer.headers


async def test_references_are_answered_in_order(site: Catalog) -> None:
    prefix = "component:default"
    refs = [f"{prefix}/c-03", f"{prefix}/nope", "Component:DEFAULT/C-03", "c-01", f"{prefix}/c-01"]
    answer = await site.send("POST", "/entities/by-refs", {"entityRefs": refs, "fields": ["metadata.name"]})
    three = {"metadata": {"name": "c-03"}}
    assert answer.json["items"] == [three, None, three, None, {"metadata": {"name": "c-01"}}]


async def test_fields_with_dots_in_their_names_are_found(site: Catalog) -> None:
    name = "metadata.annotations.backstage.io/managed-by-location"
    answer = await site.get(f"/entities?filter=metadata.name=c-00&fields={name},spec.nope,relations")
    assert answer.json == [
        {
            "metadata": {"annotations": {"backstage.io/managed-by-location": f"url:{HOST}/all.yaml"}},
            "relations": [{"type": "ownedBy", "targetRef": "group:default/team-a"}],
        }
    ]


async def test_answers_that_are_handed_through_have_no_etag_and_others_do(site: Catalog) -> None:
    for path in ("/entities/by-name/component/default/c-00", "/entities?fields=kind", "/entities/by-query?fields=kind"):
        assert "etag" not in (await site.get(path)).headers
    facets = await site.get("/entity-facets?facet=kind")
    again = await site.get("/entity-facets?facet=kind", if_none_match=facets.headers["etag"])
    assert again.status == 304


@pytest.mark.thorough
async def test_an_entity_is_validated_as_if_read_from_the_location_of_the_request(site: Catalog) -> None:
    missing, there = f"url:{HOST}/missing/c.yaml", f"url:{HOST}/there/c.yaml"
    site.world.web.pages["/there/text.txt"] = "hello"
    metadata = {"name": "v", "description": {"$text": "./text.txt"}}
    entity = {
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "Component",
        "spec": {"type": "service", "lifecycle": "x", "owner": "o"},
    }
    for location, other, status in ((there, missing, 200), (missing, there, 400)):
        annotations = dict.fromkeys(
            ("backstage.io/managed-by-location", "backstage.io/managed-by-origin-location"), other
        )
        given = {**entity, "metadata": {**metadata, "annotations": annotations}}
        answer = await site.send("POST", "/validate-entity", {"entity": given, "location": location})
        assert answer.status == status


@pytest.mark.thorough
async def test_a_location_is_registered_changed_and_forgotten(site: Catalog) -> None:
    site.world.web.pages["/new.yaml"] = component("new")
    created = await site.send("POST", "/locations", {"type": "url", "target": f"{HOST}/new.yaml"})
    assert created.status == 201
    location = created.json["location"]
    await site.world.rest()
    changed = await site.send("PUT", f"/locations/{location['id']}", {"type": "url", "target": f"{HOST}/newer.yaml"})
    assert changed.json == {**location, "target": f"{HOST}/newer.yaml"}
    query = {"query": {"target": {"$hasPrefix": f"{HOST}/NEW"}}, "limit": 5}
    found = await site.send("POST", "/locations/by-query", query)
    assert found.json == {"items": [changed.json], "totalItems": 1, "pageInfo": {}}
    assert (await call(site.app, "DELETE", f"/api/catalog/locations/{location['id']}")).status == 204
    assert (await site.get(f"/locations/{location['id']}")).status == 404


async def test_locations_come_by_pages(site: Catalog) -> None:
    for number in range(4):
        await site.world.service.register("url", f"{HOST}/{number}.yaml")
    first = await site.send("POST", "/locations/by-query", {"limit": 3})
    assert (len(first.json["items"]), first.json["totalItems"]) == (3, 5)
    rest = await site.send("POST", "/locations/by-query", {"cursor": first.json["pageInfo"]["nextCursor"]})
    assert (len(rest.json["items"]), rest.json["pageInfo"]) == (2, {})


async def test_a_read_only_catalog_refuses_changes(tmp_path: Path) -> None:
    async with catalog(tmp_path, read_only=True) as world:
        authorized = AuthorizedCatalog(world.service, Authority())
        routes = [Mount(face.PREFIX, app=Router(list(face.routes(authorized))))]
        app = application.create(routes, BackendSettings("http://here"), OpenStreams())
        answer = await Catalog(world, app).send("POST", "/locations", {"type": "url", "target": f"{HOST}/a.yaml"})
        assert (answer.status, answer.json["error"]["name"]) == (403, "NotAllowedError")


async def test_actions_are_listed_and_invoked(site: Catalog) -> None:
    listed = (await site.get("/.backstage/actions/v1/actions")).json["actions"]
    assert len({one["id"] for one in listed}) == 7

    async def invoke(name: str, given: Any) -> Answer:
        return await site.send("POST", f"/.backstage/actions/v1/actions/catalog:{name}/invoke", given)

    found = await invoke("query-catalog-entities", {"query": {"kind": "group"}, "fields": ["metadata.name"]})
    assert found.json["output"] == {
        "items": [{"metadata": {"name": "team-a"}}, {"metadata": {"name": "team-b"}}],
        "totalItems": 2,
        "hasMoreEntities": False,
    }
    one = await invoke("get-catalog-entity", {"name": "c-00"})
    assert one.json["output"]["metadata"]["name"] == "c-00"
    invalid = await invoke("validate-entity", {"entity": component("a b")})
    assert invalid.json["output"]["isValid"] is False
    assert (await invoke("refresh-catalog-entity", {"name": "nope"})).status == 400
    assert "### Component" in (await invoke("get-catalog-model-description", {})).json["output"]["description"]
    registered = await invoke("register-entity", {"locationUrl": f"{HOST}/x.yaml"})
    gone = await invoke("unregister-entity", {"type": {"locationId": registered.json["output"]["locationId"]}})
    assert gone.json == {"output": {}}
    assert (await invoke("nope", {})).status == 404


HUGE = [2**53, 2**63 - 1, 2**63, 10**30]


@pytest.mark.thorough
@pytest.mark.parametrize("number", HUGE)
async def test_a_limit_beyond_what_a_database_counts_means_everything(site: Catalog, number: int) -> None:
    for path in (f"/entities?limit={number}", f"/entities/by-query?limit={number}"):
        assert len(names(await site.get(path))) == len(names(await site.get("/entities")))
    for body in ({"limit": number}, {"limit": float(number)}):
        assert len(names(await site.send("POST", "/entities/by-query", body))) == len(
            names(await site.get("/entities"))
        )
        assert (await site.send("POST", "/locations/by-query", body)).json["totalItems"] == 1
    for path in (f"/entities?offset={number}", f"/entities/by-query?offset={number}"):
        assert names(await site.get(path)) == []
    assert names(await site.send("POST", "/entities/by-query", {"offset": number})) == []


@pytest.mark.thorough
@pytest.mark.parametrize("body", [{"limit": -1}, {"offset": -1}, {"limit": -(10**40)}, {"offset": -0.5}])
async def test_a_negative_page_is_refused(site: Catalog, body: dict[str, float]) -> None:
    answer = await site.send("POST", "/entities/by-query", body)
    [name] = body
    assert (answer.status, answer.json["error"]["message"]) == (400, f"request/body/{name} must be >= 0")


async def test_entities_by_reference_need_a_body(site: Catalog) -> None:
    answer = await call(site.app, "POST", "/api/catalog/entities/by-refs")
    assert answer.status == 400
    assert "did you remember to specify an application/json content type?" in answer.json["error"]["message"]


@pytest.mark.parametrize(
    "position",
    [["9" * 30], [1e300], ["c-01", "9" * 30], [[]], [None], []],
    ids=str,
)
async def test_a_cursor_with_an_impossible_position_is_malformed(site: Catalog, position: list[Any]) -> None:
    cursor = {"orderFields": [], "isPrevious": False, "orderFieldValues": position, "totalItems": 1}
    text = quote(base64.b64encode(json.dumps(cursor).encode()).decode())
    answer = await site.get(f"/entities/by-query?cursor={text}")
    assert (answer.status, answer.json["error"]["name"]) == (400, "InputError")


async def test_a_cursor_that_is_no_json_is_refused_in_the_words_of_node(site: Catalog) -> None:
    answer = await site.get("/entities/by-query?cursor=11111111-2222-3333-4444-555555555555")
    shown = "\ufffd]u\ufffd]u\ufffdm\ufffd\ufffd"
    problem = f"Malformed cursor: SyntaxError: Unexpected token '\ufffd', \"{shown}\"... is not valid JSON"
    assert (answer.status, answer.json["error"]["message"]) == (400, problem)


@pytest.mark.thorough(sample=8)
@pytest.mark.parametrize("window", [{"offset": -1}, {"limit": -1}, {"limit": 0}, {"limit": "x"}, {"offset": []}, [], 5])
async def test_a_page_behind_an_impossible_place_is_malformed(site: Catalog, window: Any) -> None:
    text = quote(base64.b64encode(json.dumps(window).encode()).decode())
    answer = await site.get(f"/entities?after={text}")
    assert (answer.status, answer.json["error"]["name"]) == (400, "InputError")
