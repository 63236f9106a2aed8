"""The policy is asked wherever an action starts, and a right that is lost ends what it allowed."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Router
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from backstage_py.errors import AuthenticationError
from backstage_py.http import scaffolder as scaffolder_face
from backstage_py.http.credentials import CREDENTIALS
from backstage_py.identity.principals import Credentials, UserPrincipal
from tests import patience
from tests.http.harness import Answer, call
from tests.permissions.fake_backstage import FakeBackstage
from tests.permissions.policed_site import OTHER, OWNER, Site, running

EXECUTE = "scaffolder.action.execute"
VERSIONS = ["v1", "v2"]


@pytest.fixture
def backstage() -> Iterator[FakeBackstage]:
    with FakeBackstage({}).running() as fake, capture_logs():
        yield fake


async def invoke(site: Site, action: str, given: Any, token: str, version: str = "v1") -> Answer:
    plugin = action.partition(":")[0]
    path = f"/api/{plugin}/.backstage/actions/{version}/actions/{action}/invoke"
    return await site.ask("POST", path, {"input": given} if version == "v2" else given, token)


def refused(answer: Answer, action: str = "debug:log") -> bool:
    said = f"Unauthorized action: {action}. The action is not allowed."
    return answer.status == 403 and answer.json["error"] == {"name": "NotAllowedError", "message": said}


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_user_who_may_not_execute_invokes_nothing(
    backstage: FakeBackstage, tmp_path: Path, version: str
) -> None:
    """CVE-2026-106495: an action was invoked without asking the policy."""
    backstage.table = {OWNER: {EXECUTE: "DENY"}, OTHER: {}}
    async with running(backstage, tmp_path) as site:
        for action, given in (("debug:log", {"message": "hi"}), ("fs:delete", {"files": ["x"]})):
            answer = await invoke(site, f"backstage-py:{action}", given, backstage.token(OWNER), version)
            assert refused(answer, action)
        allowed = await invoke(site, "backstage-py:debug:log", {"message": "hi"}, backstage.token(OTHER), version)
        assert allowed.status == 200


async def test_a_plugin_that_acts_for_a_user_invokes_what_that_user_may(
    backstage: FakeBackstage, tmp_path: Path
) -> None:
    backstage.table = {OWNER: {EXECUTE: "DENY"}}
    async with running(backstage, tmp_path) as site:
        for_user = backstage.plugin_token("backstage-py", backstage.token(OWNER))
        answer = await invoke(site, "backstage-py:debug:log", {"message": "hi"}, for_user)
        assert (answer.status, answer.json["error"]["name"]) == (403, "NotAllowedError")
        itself = backstage.plugin_token("backstage-py")
        assert (await invoke(site, "backstage-py:debug:log", {"message": "hi"}, itself)).status == 200


@pytest.mark.parametrize("named", ["debug:log", "backstage-py:debug:log"])
async def test_conditions_hold_for_both_names_of_an_action(
    backstage: FakeBackstage, tmp_path: Path, named: str
) -> None:
    only = {"rule": "HAS_ACTION_ID", "params": {"actionId": named}}
    backstage.table = {OWNER: {EXECUTE: {"not": only}}, OTHER: {EXECUTE: only}}
    async with running(backstage, tmp_path) as site:
        asked = ("backstage-py:debug:log", {"message": "hi"})
        assert refused(await invoke(site, *asked, backstage.token(OWNER)))
        assert (await invoke(site, *asked, backstage.token(OTHER))).status == 200
        waited = await invoke(site, "backstage-py:debug:wait", {"milliseconds": 1}, backstage.token(OTHER))
        assert refused(waited, "debug:wait")


async def test_conditions_look_at_the_input_on_every_way(backstage: FakeBackstage, tmp_path: Path) -> None:
    """CVE-2026-106503: conditions on the input were passed by."""
    forbidden = {"rule": "HAS_STRING_PROPERTY", "params": {"key": "message", "value": "hi"}}
    backstage.table = {OWNER: {EXECUTE: {"not": forbidden}}}
    async with running(backstage, tmp_path) as site:
        assert (await site.run())["error"]["name"] == "NotAllowedError"
        token = backstage.token(OWNER)
        assert refused(await invoke(site, "backstage-py:debug:log", {"message": "hi"}, token))
        assert (await invoke(site, "backstage-py:debug:log", {"message": "ho"}, token)).status == 200
        tried = {"templateYaml": json.dumps(template("hi"))}
        found = await invoke(site, "scaffolder:dry-run-template", tried, token)
        assert refused(found)
        body = {"template": template("hi"), "values": {}, "directoryContents": []}
        assert refused(await site.post("/api/scaffolder/v2/dry-run", body))


def template(message: str) -> dict[str, Any]:
    step = {"id": "s", "name": "S", "action": "debug:log", "input": {"message": message}}
    return {
        "apiVersion": "scaffolder.backstage.io/v1beta3",
        "kind": "Template",
        "metadata": {"name": "t"},
        "spec": {"owner": "o", "type": "service", "steps": [step]},
    }


async def test_an_agent_starts_nothing_that_its_user_may_not(backstage: FakeBackstage, tmp_path: Path) -> None:
    backstage.table = {OWNER: {EXECUTE: "DENY"}}
    async with running(backstage, tmp_path) as site:
        arguments = {"templateYaml": json.dumps(template("hi"))}
        message = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": "dry_run_template", "arguments": arguments},
        }
        answer = await site.ask(
            "POST",
            "/api/mcp-actions/v1",
            message,
            backstage.token(OWNER),
            accept="application/json, text/event-stream",
            host="127.0.0.1",
        )
        result = answer.json["result"]
        assert result["isError"]
        assert "Unauthorized action: debug:log" in result["content"][0]["text"]


async def test_no_yes_is_taken_from_a_policy_that_does_not_answer(backstage: FakeBackstage, tmp_path: Path) -> None:
    backstage.table = {OWNER: {EXECUTE: "PERHAPS"}}
    async with running(backstage, tmp_path) as site:
        answer = await invoke(site, "backstage-py:debug:log", {"message": "hi"}, backstage.token(OWNER))
        assert answer.status == 500
        assert "so access is refused" in answer.json["error"]["message"]


def external(*restrictions: dict[str, Any]) -> dict[str, Any]:
    """A static token, ``a-long-token``, that reaches only some plugins."""
    access = {"type": "static", "options": {"token": "a-long-token", "subject": "ci"}}
    return {"externalAccess": [{**access, "accessRestrictions": list(restrictions)}]}


@pytest.mark.parametrize(
    ("restriction", "status"),
    [
        ({"permission": "catalog.entity.read"}, 403),
        ({"permissionAttribute": {"action": "read"}}, 403),
        ({"permission": EXECUTE}, 200),
        ({}, 200),
    ],
)
async def test_a_restricted_token_invokes_only_within_its_bounds(
    backstage: FakeBackstage, tmp_path: Path, restriction: dict[str, Any], status: int
) -> None:
    auth = external({"plugin": "backstage-py", **restriction})
    async with running(backstage, tmp_path, backend_auth=auth, permission={}) as site:
        answer = await invoke(site, "backstage-py:debug:log", {"message": "hi"}, "a-long-token")
        assert answer.status == status


@pytest.mark.parametrize("elsewhere", [(), ({"plugin": "catalog", "permission": "catalog.location.create"},)])
async def test_a_restricted_token_reaches_no_other_plugin_through_an_action(
    backstage: FakeBackstage, tmp_path: Path, elsewhere: tuple[dict[str, Any], ...]
) -> None:
    """CVE-2026-106492: restrictions were lost on the way through a plugin.

    Without its own token, the action would read the catalog in the name of this service.
    """
    auth = external({"plugin": "backstage-py"}, *elsewhere)
    async with running(backstage, tmp_path, backend_auth=auth) as site:
        asked = ("backstage-py:catalog:fetch", {"entityRef": "component:default/b"})
        answer = await invoke(site, *asked, "a-long-token")
        assert answer.status == 403
        assert "target plugin 'catalog'" in answer.json["error"]["message"]


ENTITY = {"entity": "kind: X"}


@pytest.mark.parametrize(
    ("section", "listed"),
    [
        ({"pluginSources": ["scaffolder"]}, 0),
        ({"filter": {"exclude": [{"id": "catalog:*"}]}}, 0),
        ({"filter": {"include": [{"attributes": {"destructive": True}}]}}, 1),
        ({}, 7),
    ],
)
async def test_what_the_operator_does_not_offer_is_not_there_whichever_plugin_has_it(
    backstage: FakeBackstage, tmp_path: Path, section: dict[str, Any], listed: int
) -> None:
    backstage.table = {OWNER: {}}
    async with running(backstage, tmp_path, backend_actions=section) as site:
        answer = await site.get("/api/catalog/.backstage/actions/v1/actions")
        assert len(answer.json["actions"]) == listed
        for version in VERSIONS:
            answer = await invoke(site, "catalog:validate-entity", ENTITY, backstage.token(OWNER), version)
            assert answer.status == (200 if listed == 7 else 404)


@pytest.mark.parametrize("action", ["catalog:validate-entity", "scaffolder:list-scaffolder-actions"])
async def test_nobody_invokes_nothing(backstage: FakeBackstage, tmp_path: Path, action: str) -> None:
    auth = {"dangerouslyDisableDefaultAuthPolicy": True}
    async with running(backstage, tmp_path, backend_auth=auth) as site:
        backstage.allows_nobody = True
        plugin = action.partition(":")[0]
        path = f"/api/{plugin}/.backstage/actions/v1/actions/{action}/invoke"
        answer = await site.ask("POST", path, ENTITY)
        assert answer.status == 403
        assert "not an anonymous request" in answer.json["error"]["message"]


async def test_a_step_that_is_denied_starts_nothing_before_it_of_the_same_loop(
    backstage: FakeBackstage, tmp_path: Path
) -> None:
    """A policy that denies one of several inputs denies the step: none of it runs first."""
    forbidden = {"rule": "HAS_STRING_PROPERTY", "params": {"key": "message", "value": "last"}}
    backstage.table = {OWNER: {EXECUTE: {"not": forbidden}}}
    step = template("${{ each.value }}")
    step["spec"]["steps"][0]["each"] = ["first", "last"]
    async with running(backstage, tmp_path) as site:
        body = {"template": step, "values": {}, "directoryContents": []}
        assert refused(await site.post("/api/scaffolder/v2/dry-run", body))


@asynccontextmanager
async def followed(site: Site, seconds: int) -> AsyncIterator[tuple[asyncio.Task[Answer], str]]:
    """Follow a task that waits and then says what only its readers may know; the right is looked at for each batch."""
    step = template("only for readers")["spec"]["steps"][0]
    wait = {"id": "w", "name": "W", "action": "debug:wait", "input": {"milliseconds": seconds * 1000}}
    entity = {**template(""), "spec": {"owner": "o", "type": "service", "steps": [wait, step]}}
    authorized = replace(site.service.scaffolder.authorized, ask_again=0.0)
    app = Router(list(scaffolder_face.routes(authorized)))
    service = site.service.scaffolder.service
    task = await service.store.create(
        json.dumps({**entity["spec"], "apiVersion": entity["apiVersion"], "parameters": {}}),
        created_by=OWNER,
        secrets={},
        starts_over=False,
    )

    async def signed_in(scope: Scope, receive: Receive, send: Send) -> None:
        scope[CREDENTIALS] = Credentials(UserPrincipal(OTHER), site.backstage.token(OTHER))
        await app(scope, receive, send)

    stream = asyncio.create_task(call(signed_in, "GET", f"/v2/tasks/{task}/eventstream"))
    async with patience.bounded():
        while "scaffolder.task.read" not in json.dumps([body for _, body in site.backstage.questions]):  # noqa: ASYNC110  # the fake tells nobody
            await asyncio.sleep(0.02)
    yield stream, task


async def test_a_stream_ends_when_the_right_to_read_is_lost(backstage: FakeBackstage, tmp_path: Path) -> None:
    backstage.table = {OWNER: {}, OTHER: {}}
    async with running(backstage, tmp_path) as site, followed(site, 1) as (stream, task):
        backstage.table[OTHER] = {"scaffolder.task.read": "DENY"}
        assert (await site.end(task))["message"] == "Run completed with status: completed"
        answer = await asyncio.wait_for(stream, patience.SECONDS)
    assert b"only for readers" not in answer.body
    assert b"completion" not in answer.body


async def test_a_stream_breaks_off_when_nobody_says_whether_it_may_be_read(
    backstage: FakeBackstage, tmp_path: Path
) -> None:
    backstage.table = {OWNER: {}, OTHER: {}}
    async with running(backstage, tmp_path) as site, followed(site, 1) as (stream, _):
        backstage.answer = (401, b"{}")
        with pytest.raises(AuthenticationError):
            await asyncio.wait_for(stream, patience.SECONDS)
