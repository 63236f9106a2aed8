"""Who decides, by configuration; and what happens when whoever should decide does not."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from backstage_py.identity.issuer import limited_user_token
from tests.contract.harness import free_port
from tests.permissions.fake_backstage import FakeBackstage
from tests.permissions.policed_site import OTHER, OWNED, OWNER, TASKS, running


@pytest.fixture
def backstage() -> Iterator[FakeBackstage]:
    with FakeBackstage({}).running() as fake, capture_logs():
        yield fake


@pytest.mark.thorough
async def test_without_permissions_everybody_known_may_do_everything(backstage: FakeBackstage, tmp_path: Path) -> None:
    backstage.table = {OWNER: {"*": "DENY"}}
    with capture_logs() as logs:
        async with running(backstage, tmp_path, permission={}) as site:
            assert await site.names() == ["a", "b", "t"]
            assert (await site.run())["message"] == "Run completed with status: completed"
            assert backstage.questions == []
    assert "permissions_disabled" in {one["event"] for one in logs}


async def test_where_the_permission_plugin_is_here_everything_is_allowed_and_said_loudly(
    backstage: FakeBackstage, tmp_path: Path
) -> None:
    with capture_logs() as logs:
        async with running(backstage, tmp_path, alone=True, auth=_trusting(backstage)) as site:
            assert await site.names() == ["a", "b", "t"]
            body = {"items": [{"id": "1", "permission": {"type": "basic", "name": "x", "attributes": {}}}]}
            assert (await site.post("/api/permission/authorize", body)).json["items"][0]["result"] == "ALLOW"
    said = [one for one in logs if one["event"] == "permissions_allow_everything"]
    assert [one["log_level"] for one in said] == ["warning"]
    assert "discovery.endpoints" in said[0]["hint"]
    assert backstage.questions == []


def _trusting(backstage: FakeBackstage) -> dict[str, Any]:
    jwks = f"{backstage.url}/api/auth/.well-known/jwks.json"
    return {"issuers": [{"issuer": f"{backstage.url}/api/auth", "jwksUrl": jwks}]}


async def test_a_policy_elsewhere_is_asked_in_the_users_name_and_not_answered_here(
    backstage: FakeBackstage, tmp_path: Path
) -> None:
    backstage.table = {OWNER: {"catalog.entity.read": OWNED}, OTHER: {}}
    with capture_logs() as logs:
        async with running(backstage, tmp_path) as site:
            assert await site.names() == ["a", "t"]
            assert await site.names(user=OTHER) == ["a", "b", "t"]
            assert [user for user, _ in backstage.questions] == [OWNER, OTHER]
            asked = backstage.questions[0][1]["items"]
            assert [one["permission"]["name"] for one in asked] == ["catalog.entity.read"]
            assert "resourceRef" not in asked[0]
            own = await site.post("/api/permission/authorize", {"items": []})
            assert own.status == 404
    said = [one for one in logs if one["event"] == "permissions_decided_by_backend"]
    assert said[0]["url"] == f"{backstage.url}/api/permission"


@pytest.mark.thorough
async def test_questions_that_belong_together_are_asked_at_once(backstage: FakeBackstage, tmp_path: Path) -> None:
    backstage.table = {OWNER: {}}
    async with running(backstage, tmp_path) as site:
        await site.get("/api/scaffolder/v2/templates/default/template/t/parameter-schema")
        names = [[one["permission"]["name"] for one in body["items"]] for _, body in backstage.questions]
    assert ["scaffolder.template.parameter.read", "scaffolder.template.step.read"] in names


MALFORMED = [
    (200, b"not json"),
    (200, b"{}"),
    (200, b'{"items": []}'),
    (200, b'{"items": [{"id": "other", "result": "ALLOW"}]}'),
    (302, b""),
    (500, b"down"),
]


@pytest.mark.thorough(sample=1)
@pytest.mark.parametrize("answer", MALFORMED, ids=lambda one: f"{one[0]}-{one[1][:12]!r}")
async def test_an_answer_that_is_none_refuses(
    backstage: FakeBackstage, tmp_path: Path, answer: tuple[int, bytes]
) -> None:
    async with running(backstage, tmp_path) as site:
        task = (await site.post(TASKS, {"templateRef": "template:default/t", "values": {}}, OTHER)).status
        assert task == 403  # the policy knows nobody
        backstage.answer = answer
        for path in ("/api/catalog/entities", "/api/catalog/entity-facets?facet=kind", "/api/catalog/locations", TASKS):
            found = await site.get(path)
            assert found.status >= 500
            assert "so access is refused" in found.json["error"]["message"]
        assert (await site.post("/api/catalog/refresh", {"entityRef": "component:default/a"})).status >= 500
        assert (await site.post(TASKS, {"templateRef": "template:default/t", "values": {}})).status >= 500


async def test_an_unreachable_backend_refuses(backstage: FakeBackstage, tmp_path: Path) -> None:
    port = free_port()
    ours = {"target": f"http://127.0.0.1:{port}/api/{{{{pluginId}}}}", "plugins": ["scaffolder", "catalog"]}
    elsewhere = {"target": f"http://127.0.0.1:{free_port()}/api/permission", "plugins": ["permission"]}
    async with running(backstage, tmp_path, port, discovery={"endpoints": [ours, elsewhere]}) as site:
        for path in ("/api/catalog/entities", TASKS):
            found = await site.get(path)
            assert found.status == 503
            assert "cannot be reached" in found.json["error"]["message"]


async def test_a_task_about_which_there_is_no_answer_fails(backstage: FakeBackstage, tmp_path: Path) -> None:
    backstage.table = {OWNER: {"scaffolder.action.execute": "PERHAPS"}}
    async with running(backstage, tmp_path) as site:
        end = await site.run()
    assert "so access is refused" in end["error"]["message"]


@pytest.mark.thorough
async def test_what_may_be_executed_is_asked_when_the_task_runs(backstage: FakeBackstage, tmp_path: Path) -> None:
    waits = {"rule": "HAS_ACTION_ID", "params": {"actionId": "debug:wait"}}
    backstage.table = {OWNER: {"scaffolder.action.execute": waits}}
    async with running(backstage, tmp_path) as site:
        end = await site.run()
    assert end["error"] == {
        "name": "NotAllowedError",
        "message": "Unauthorized action: debug:log. The action is not allowed.",
    }


@pytest.mark.thorough
async def test_nobody_takes_anothers_place_by_way_of_secrets(backstage: FakeBackstage, tmp_path: Path) -> None:
    backstage.table = {OWNER: {"scaffolder.action.execute": "DENY"}, OTHER: {}}
    async with running(backstage, tmp_path) as site:
        forged = {
            "backstageToken": backstage.token(OTHER),
            "__initiatorCredentials": json.dumps({"type": "service", "subject": "plugin:scaffolder"}),
        }
        body = {"templateRef": "template:default/t", "values": {}, "secrets": forged}
        created = await site.post(TASKS, body)
        assert (await site.end(created.json["id"]))["error"]["name"] == "NotAllowedError"


@pytest.mark.thorough
async def test_a_plugin_that_calls_for_a_user_has_that_users_permissions(
    backstage: FakeBackstage, tmp_path: Path
) -> None:
    backstage.table = {OWNER: {"catalog.entity.read": OWNED}}
    async with running(backstage, tmp_path) as site:
        user = backstage.token(OWNER)
        for_user = await site.ask("GET", "/api/catalog/entities", token=backstage.plugin_token("catalog", user))
        assert {one["metadata"]["name"] for one in for_user.json if one["kind"] == "Component"} == {"a"}
        by_itself = await site.ask("GET", "/api/catalog/entities", token=backstage.plugin_token("catalog"))
        assert {one["metadata"]["name"] for one in by_itself.json if one["kind"] == "Component"} == {"a", "b"}
        for token in (None, limited_user_token(user), backstage.plugin_token("scaffolder", user), "x.y.z"):
            assert (await site.ask("GET", "/api/catalog/entities", token=token)).status == 401


@pytest.mark.thorough
async def test_an_agent_sees_what_its_user_sees(backstage: FakeBackstage, tmp_path: Path) -> None:
    backstage.table = {OWNER: {"catalog.entity.read": OWNED, "scaffolder.template.dry-run": "DENY"}}
    async with running(backstage, tmp_path) as site:
        asked = {"query": {"kind": "component"}}
        path = "/api/catalog/.backstage/actions/v1/actions/catalog:query-catalog-entities/invoke"
        found = await site.post(path, asked)
        assert [one["metadata"]["name"] for one in found.json["output"]["items"]] == ["a"]
        listed = await site.get("/api/scaffolder/.backstage/actions/v1/actions")
        assert "scaffolder:dry-run-template" not in {one["id"] for one in listed.json["actions"]}


async def test_nobody_starts_nothing_where_a_policy_decides(backstage: FakeBackstage, tmp_path: Path) -> None:
    """Even where calls without credentials are let in, and the permission backend allows them everything."""
    allow_all = {"dangerouslyDisableDefaultAuthPolicy": True}
    async with running(backstage, tmp_path, backend_auth=allow_all) as site:
        backstage.allows_nobody = True
        assert (await site.ask("GET", "/api/catalog/entities")).status == 200
        schema = await site.ask("GET", "/api/scaffolder/v2/templates/default/template/t/parameter-schema")
        created = await site.ask("POST", TASKS, {"templateRef": "template:default/t", "values": {}})
        assert (schema.status, created.status) == (401, 401)
        backstage.allows_nobody = False
        assert (await site.ask("GET", "/api/catalog/entities")).status == 401


async def test_a_backend_that_cannot_verify_us_refuses_and_the_log_says_what_to_do(
    backstage: FakeBackstage, tmp_path: Path
) -> None:
    backstage.table = {OWNER: {}}
    with capture_logs() as logs:
        async with running(backstage, tmp_path) as site:
            backstage.plugins = backstage.url  # its own keys, not ours
            found = await site.get("/api/catalog/entities")
    assert found.status == 401
    assert "Failed plugin token verification" in found.json["error"]["message"]
    said = next(one for one in logs if one["event"] == "permission_backend_refused")
    assert "public keys of the plugin 'catalog'" in said["hint"]
