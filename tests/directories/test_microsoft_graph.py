"""People and teams of Entra ID: the requests of Backstage's module, and what it makes of the same answers."""

from pathlib import Path
from typing import Any

import pytest

from backstage_py.catalog.organisations import microsoft_graph, microsoft_graph_org
from backstage_py.errors import BackstageError, ForeignError, SettingsError
from backstage_py.plugin.catalog import OrganisationTransformer
from backstage_py.plugin.organisations import Transformers
from backstage_py.settings.sections.directories import MicrosoftGraphOrg
from tests.directories import api_host, graph_world, record
from tests.directories.api_host import Answer, ApiHost, Asked
from tests.directories.configured import section
from tests.directories.site import organisation

RECORDED = record.table("microsoft-graph")


async def _read(config: Any, *transformers: OrganisationTransformer) -> list[Any]:
    org = section(MicrosoftGraphOrg, config)
    return await microsoft_graph_org.read("default", org, Transformers(transformers, "microsoftGraphOrg", "default"))


@pytest.mark.parametrize("name", [name for name, one in RECORDED.items() if not one["errors"]])
async def test_requests_and_entities_are_those_of_backstage(name: str) -> None:
    async with api_host.serve(graph_world.handle) as host:
        found = await _read(graph_world.config(host.url, name))
        assert graph_world.requests(host) == RECORDED[name]["requests"]
    assert record.in_order(found) == RECORDED[name]["entities"]


async def test_a_refusal_is_told_in_the_words_of_graph() -> None:
    async with api_host.serve(graph_world.handle) as host:
        with pytest.raises(BackstageError) as caught:
            await _read(graph_world.config(host.url, "not allowed"))
    assert str(caught.value) == RECORDED["not allowed"]["errors"][0]
    assert caught.value.status == 403


async def test_a_wrong_secret_is_named_and_kept() -> None:
    async with api_host.serve(graph_world.handle) as host:
        config = {**graph_world.config(host.url, "defaults"), "clientSecret": "not-the-right-one"}
        with pytest.raises(BackstageError, match="AADSTS7000215: Invalid client secret provided") as caught:
            await _read(config)
    assert "look at tenantId, clientId and clientSecret" in str(caught.value)
    assert "Trace ID" not in str(caught.value)
    assert "not-the-right-one" not in str(caught.value)


async def test_the_token_goes_to_no_other_host() -> None:
    def leading_away(host: ApiHost, asked: Asked) -> Answer:
        status, body, *_ = graph_world.handle(host, asked)
        if isinstance(body, dict) and "@odata.nextLink" in body:
            body["@odata.nextLink"] = body["@odata.nextLink"].replace("127.0.0.1", "localhost")
        return status, body

    async with api_host.serve(leading_away) as host:
        with pytest.raises(BackstageError, match=r"The next page of .*/v1\.0/users is elsewhere: http://localhost:\d+"):
            await _read(graph_world.config(host.url, "defaults"))


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ({"value": [], "@odata.nextLink": "<host>/v1.0/users?$skiptoken=1"}, "the same page again and again"),
        ({"value": {"id": "u1"}}, "something else than a list"),
        ([{"id": "u1"}], "something else than a list"),
    ],
)
async def test_a_list_without_end_or_of_another_shape_makes_the_reading_fail(page: Any, said: str) -> None:
    def false(host: ApiHost, asked: Asked) -> Answer:
        if asked.path != "/v1.0/users":
            return graph_world.handle(host, asked)
        if isinstance(page, dict) and "@odata.nextLink" in page:
            return 200, {**page, "@odata.nextLink": page["@odata.nextLink"].replace("<host>", host.url)}
        return 200, page

    async with api_host.serve(false) as host:
        with pytest.raises(ForeignError, match=said):
            await _read(graph_world.config(host.url, "defaults"))
        assert len([one for one in host.asked if one.path == "/v1.0/users"]) < 3


class _Renamed(OrganisationTransformer):
    providers = ("microsoftGraphOrg",)

    def group(self, group: Any, record: Any) -> Any:
        group["metadata"]["name"] = f"x-{record['id']}"
        return group if record["id"] != "g5" else None

    def organisation(self, group: Any, record: Any) -> Any:
        return None


async def test_a_plugin_renames_groups_and_leaves_the_organisation_out() -> None:
    async with api_host.serve(graph_world.handle) as host:
        found = await _read(graph_world.config(host.url, "defaults"), _Renamed())
    groups = {one["metadata"]["name"]: one["spec"] for one in found if one["kind"] == "Group"}
    assert sorted(groups) == ["x-g1", "x-g2", "x-g3"]
    assert groups["x-g1"]["children"] == ["group:default/x-g2", "group:default/x-g3"]
    assert "parent" not in groups["x-g1"]


@pytest.mark.parametrize(
    ("text", "name"), [(" A  b__c__", "a_b_c"), ("Ü", ""), ("a.B-c_1@x", "a.b-c_1_x"), ("\ufeffx\u00a0", "x")]
)
def test_names_become_names_of_entities(text: str, name: str) -> None:
    assert microsoft_graph.named(text) == name


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"user": {"filter": "a"}, "userGroupMember": {"search": "b"}}, "user.filter or userGroupMember, not both"),
        ({"clientSecret": None}, "clientSecret"),
        ({"queryMode": "fast"}, "basic, advanced"),
    ],
)
def test_what_cannot_be_meant_is_refused(config: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        section(MicrosoftGraphOrg, {"tenantId": "t", "clientId": "c", "clientSecret": "s", **config})


async def test_a_tenant_comes_into_the_catalog(tmp_path: Path) -> None:
    async with api_host.serve(graph_world.handle) as host:
        config = {"microsoftGraphOrg": {"main": graph_world.config(host.url, "defaults")}}
        groups, users, problem = await organisation(tmp_path, config)
    assert problem is None
    assert groups == [f"group:default/{name}" for name in ("all", "api", "example_co", "lonely", "web_team")]
    assert users[:1] == ["user:default/ada_example.com"]
