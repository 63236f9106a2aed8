"""The distributed actions protocol on the wire: what is offered, to whom, and how errors come back."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from starlette.types import ASGIApp

from backstage_py.http import application, plugin_mount, scaffolder_actions
from backstage_py.http.plugin_mount import Plugin
from backstage_py.http.streams import OpenStreams
from backstage_py.http.template_actions import TemplateActions
from backstage_py.identity import keys
from backstage_py.identity.authenticator import Authenticator
from backstage_py.identity.external import ExternalTokens
from backstage_py.identity.issuer import TokenIssuer
from backstage_py.identity.jwks import KeySets
from backstage_py.model.json import JsonObject
from backstage_py.permissions.authority import Authority
from backstage_py.plugin import ActionContext, ActionRegistry, PermanentError, Services, action
from backstage_py.scaffolder.face.action_policy import ActionPolicy
from backstage_py.settings.sections import BackendSettings, LimitSettings
from tests.http.harness import GUEST, Answer, call
from tests.scaffolder.harness import World, template, world

ANY: JsonObject = {"type": "object"}
THEIRS = "http://backstage/api/scaffolder/.backstage/auth/v1/jwks.json"


NAMED: JsonObject = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}


@action("acme:greet", NAMED, needs_workspace=False)
def greet(ctx: ActionContext[JsonObject]) -> JsonObject:
    """Greet."""
    if ctx.input["name"] == "nobody":
        raise PermanentError("There is nobody to greet")
    return {"text": f"Hello, {ctx.input['name']}", "user": ctx.user.ref or ""}


@action("acme:copy", {"type": "object", "properties": {"to": {"type": "string"}}})
def copy(ctx: ActionContext[JsonObject]) -> None:
    """Copy a file of the workspace."""
    target = ctx.workspace.path(ctx.input["to"])
    target.write_bytes(ctx.workspace.path("a.txt").read_bytes())


@action("acme:locked", ANY, needs_workspace=False, secrets={"type": "object", "required": ["key"]})
def locked(ctx: ActionContext[JsonObject]) -> JsonObject:
    """Use a secret."""
    return {"length": len(ctx.secrets["key"])}


@action("acme:keeps", {"type": "object"}, needs_workspace=False)
async def keeps(ctx: ActionContext[JsonObject]) -> None:
    """Leave as much as asked for, in one way or another."""
    made: list[JsonObject] = [{}] * ctx.input["lists"]
    match ctx.input["as"]:
        case "output":
            ctx.output("made", made)
        case "checkpoint":
            await ctx.checkpoint("made", lambda: made)
        case "effect":
            await ctx.effect("made", create=lambda _: made)


class Backend:
    """A Backstage backend that signs as its plugin ``scaffolder``, and this service."""

    def __init__(self, folder: Path, config: JsonObject | None = None, limits: LimitSettings | None = None) -> None:
        self.theirs = TokenIssuer(keys.OneKey(keys.generate()), "http://backstage/api/auth")
        self.ours = TokenIssuer(keys.OneKey(keys.generate()), "http://here/api/auth")

        async def fetch(url: str) -> bytes:
            assert url == THEIRS
            return json.dumps({"keys": [self.theirs.key.jwk]}).encode()

        key_sets = KeySets(fetch)
        authenticator = Authenticator(
            own=self.ours,
            own_plugins=frozenset({"backstage-py"}),
            trusted=(),
            plugin_url=lambda plugin: f"http://backstage/api/{plugin}",
            external=ExternalTokens((), key_sets),
            key_sets=key_sets,
        )
        registry = ActionRegistry()
        for one in (greet, copy, locked, keeps):
            registry.add(one)
        policy = ActionPolicy.of(config or {})
        offered = TemplateActions.of("backstage-py", registry, Services(), folder, policy, Authority(), limits)
        plugin = Plugin("backstage-py", offered.routes(), lambda: [self.ours.key.jwk], body_limit=10**6)
        mount = plugin_mount.plugin_mount(plugin, authenticator)
        self.app: ASGIApp = application.create([mount], BackendSettings("http://here"), OpenStreams())
        self.user = self.ours.user_token(GUEST, [GUEST]).token

    async def ask(self, path: str, body: Any = None, token: str | None = None) -> Answer:
        """Call as the plugin of the backend, for the guest unless ``token`` says something else."""
        used = token or self.theirs.plugin_token("scaffolder", "backstage-py", on_behalf_of=self.user)
        headers = {"authorization": f"Bearer {used}", "content-type": "application/json"}
        target = f"/api/backstage-py/.backstage/actions/{path}"
        if body is None:
            return await call(self.app, "GET", target, headers)
        return await call(self.app, "POST", target, headers, json.dumps(body).encode())

    async def listed(self) -> dict[str, JsonObject]:
        answer = await self.ask("v1/actions")
        assert answer.status == 200
        return {one["id"]: one for one in answer.json["actions"]}


@pytest.fixture
def backend(tmp_path: Path) -> Backend:
    return Backend(tmp_path)


async def test_actions_are_listed_with_ids_schemas_and_attributes(backend: Backend) -> None:
    found = await backend.listed()
    assert list(found) == [f"backstage-py:acme:{name}" for name in ("copy", "greet", "keeps", "locked")]
    entry = found["backstage-py:acme:greet"]
    assert (entry["name"], entry["pluginId"], entry["description"]) == ("acme:greet", "backstage-py", "Greet.")
    assert entry["attributes"] == {"destructive": True, "idempotent": False, "readOnly": False}
    assert entry["schema"]["input"]["required"] == ["name"]
    assert "workspaceFiles" not in entry["schema"]["input"]["properties"]
    assert "workspaceFiles" in found["backstage-py:acme:copy"]["schema"]["output"]["properties"]
    assert found["backstage-py:acme:locked"]["schema"]["secrets"]["required"] == ["key"]


async def test_a_plugin_runs_an_action_for_a_user(backend: Backend) -> None:
    answer = await backend.ask("v1/actions/backstage-py:acme:greet/invoke", {"name": "Ada"})
    assert (answer.status, answer.json) == (200, {"output": {"text": "Hello, Ada", "user": GUEST}})
    itself = backend.theirs.plugin_token("scaffolder", "backstage-py")
    answer = await backend.ask("v1/actions/backstage-py:acme:greet/invoke", {"name": "Ada"}, itself)
    assert answer.json["output"]["user"] == ""


async def test_a_template_expression_in_the_input_stays_text(backend: Backend) -> None:
    answer = await backend.ask("v1/actions/backstage-py:acme:greet/invoke", {"name": "${{ 1 + 1 }}"})
    assert answer.json["output"]["text"] == "Hello, ${{ 1 + 1 }}"


async def test_a_tree_goes_in_and_comes_out(backend: Backend) -> None:
    content = base64.b64encode(b"hello").decode()
    files = [{"path": "a.txt", "base64Content": content, "executable": True}]
    answer = await backend.ask("v1/actions/backstage-py:acme:copy/invoke", {"to": "b.txt", "workspaceFiles": files})
    assert answer.json["output"]["workspaceFiles"] == [
        {"path": "a.txt", "executable": True, "base64Content": content},
        {"path": "b.txt", "executable": False, "base64Content": content},
    ]


@pytest.mark.parametrize("way", ["output", "checkpoint", "effect"])
async def test_what_an_action_leaves_is_bounded_as_that_of_a_step(tmp_path: Path, way: str) -> None:
    backend = Backend(tmp_path, limits=LimitSettings(output_bytes=10_000))
    path = "v1/actions/backstage-py:acme:keeps/invoke"
    assert (await backend.ask(path, {"as": way, "lists": 100})).status == 200
    refused = await backend.ask(path, {"as": way, "lists": 1_000})
    assert "scaffolder.limits.outputBytes allows no more" in refused.json["error"]["message"]


@pytest.mark.parametrize("path", ["../outside.txt", "/etc/outside.txt"])
async def test_a_tree_does_not_leave_the_workspace(backend: Backend, path: str) -> None:
    files = [{"path": path, "base64Content": "aGk="}]
    answer = await backend.ask("v1/actions/backstage-py:acme:copy/invoke", {"to": "b.txt", "workspaceFiles": files})
    assert (answer.status, answer.json["error"]["name"]) == (403, "NotAllowedError")
    files = [{"path": "a.txt", "base64Content": "aGk="}]
    answer = await backend.ask("v1/actions/backstage-py:acme:copy/invoke", {"to": path, "workspaceFiles": files})
    assert (answer.status, answer.json["error"]["name"]) == (403, "NotAllowedError")


@pytest.mark.thorough
async def test_errors_stand_where_a_stock_backend_shows_them(backend: Backend) -> None:
    path = "v1/actions/backstage-py:acme:greet/invoke"
    answer = await backend.ask(path, {"name": "nobody"})
    assert answer.status == 500
    assert answer.json["error"] == {"name": "Error", "message": "There is nobody to greet"}
    assert answer.json["response"]["statusCode"] == "500: There is nobody to greet -"
    answer = await backend.ask(path, {"name": "nobody"}, backend.user)
    assert answer.json["response"]["statusCode"] == 500
    answer = await backend.ask(path, {})
    assert answer.status == 400
    assert (
        'Invalid input to action "backstage-py:acme:greet": instance requires property "name"'
        in (answer.json["error"]["message"])
    )
    answer = await backend.ask("v1/actions/backstage-py:acme:none/invoke", {})
    assert (answer.status, answer.json["error"]["message"]) == (404, 'Action "backstage-py:acme:none" not found')


async def test_secrets_come_with_the_second_version(backend: Backend) -> None:
    path = "actions/backstage-py:acme:locked/invoke"
    answer = await backend.ask(f"v2/{path}", {"input": {}, "secrets": {"key": "abc"}})
    assert answer.json == {"output": {"length": 3}}
    for version, body, problem in (
        ("v1", {}, "requires secrets but none were provided"),
        ("v2", {"input": {}, "secrets": {"other": "x"}}, 'instance requires property "key"'),
    ):
        answer = await backend.ask(f"{version}/{path}", body)
        assert answer.status == 400
        assert problem in answer.json["error"]["message"]
    greeted = {"input": {"name": "Ada"}, "secrets": {"key": "x"}}
    answer = await backend.ask("v2/actions/backstage-py:acme:greet/invoke", greeted)
    assert "does not accept secrets" in answer.json["error"]["message"]


async def test_a_service_learns_whether_there_are_actions(backend: Backend) -> None:
    service = backend.theirs.plugin_token("scaffolder", "backstage-py")
    assert (await backend.ask("v1/status", token=service)).json == {"hasActions": True}
    for_user = await backend.ask("v1/status")
    assert for_user.status == 403
    assert for_user.json["error"]["message"] == "This endpoint does not allow 'user' credentials"
    assert (await call(backend.app, "GET", "/api/backstage-py/.backstage/actions/v1/status")).status == 401


async def test_without_or_with_a_wrong_token_nothing_is_offered(backend: Backend) -> None:
    stranger = TokenIssuer(keys.OneKey(keys.generate()), "x").plugin_token("scaffolder", "backstage-py")
    other = backend.theirs.plugin_token("scaffolder", "catalog")
    for token in (stranger, other, "nonsense"):
        assert (await backend.ask("v1/actions", token=token)).status == 401
    assert (await call(backend.app, "GET", "/api/backstage-py/.backstage/actions/v1/actions")).status == 401


@pytest.mark.parametrize(
    ("section", "offered"),
    [
        ({"pluginSources": ["catalog"]}, []),
        ({"pluginSources": ["backstage-py"], "filter": {"include": [{"id": "*:acme:g*"}]}}, ["acme:greet"]),
        ({"filter": {"exclude": [{"attributes": {"destructive": True}}]}}, []),
        (
            {"filter": {"include": [{"attributes": {"destructive": True}}], "exclude": [{"id": "**:copy"}]}},
            ["acme:greet", "acme:keeps", "acme:locked"],
        ),
    ],
)
async def test_the_configuration_narrows_down_what_is_offered(
    tmp_path: Path, section: JsonObject, offered: list[str]
) -> None:
    backend = Backend(tmp_path, {"backend": {"actions": section}})
    assert [one["name"] for one in (await backend.listed()).values()] == offered
    if "acme:greet" not in offered:
        answer = await backend.ask("v1/actions/backstage-py:acme:greet/invoke", {"name": "Ada"})
        assert answer.status == 404


async def scaffolder_action(site: World, name: str, given: JsonObject) -> Any:
    """Run one of the scaffolder's own actions as the guest."""
    found = {one.entry["name"]: one for one in scaffolder_actions.offered(site.scaffolder.authorized)}
    return await found[name].run(actions_call(given, site))


def actions_call(given: JsonObject, site: World) -> Any:
    from backstage_py.http.actions_registry import Call

    return Call(given, None, site.credentials)


@pytest.mark.thorough
async def test_the_scaffolders_own_actions(tmp_path: Path) -> None:
    async with world(tmp_path, greet) as site:
        step = {"id": "g", "name": "Greet", "action": "acme:greet", "input": {"name": "${{ parameters.name }}"}}
        entity = template(step, output={"said": "${{ steps.g.output.text }}"})
        ref = site.catalog.add(entity)
        started = await scaffolder_action(site, "execute-template", {"templateRef": ref, "values": {"name": "Ada"}})
        await site.events(started["taskId"])
        logs = await scaffolder_action(site, "get-scaffolder-task-logs", started)
        assert logs["events"][-1]["type"] == "completion"
        later = {**started, "after": logs["events"][-2]["id"]}
        assert len((await scaffolder_action(site, "get-scaffolder-task-logs", later))["events"]) == 1
        tasks = await scaffolder_action(site, "list-scaffolder-tasks", {"owned": True, "status": ["completed"]})
        assert [task["id"] for task in tasks["tasks"]] == [started["taskId"]]
        assert (await scaffolder_action(site, "list-scaffolder-tasks", {"status": "failed"}))["totalTasks"] == 0
        actions = await scaffolder_action(site, "list-scaffolder-actions", {})
        assert [one["id"] for one in actions["actions"]] == ["acme:greet"]
        tried = {"templateYaml": json.dumps(entity), "values": {"name": "Ada"}, "files": []}
        result = await scaffolder_action(site, "dry-run-template", tried)
        assert (result["valid"], result["steps"]) == (True, [{"id": "g", "name": "Greet", "action": "acme:greet"}])
        wrong = await scaffolder_action(site, "dry-run-template", {"templateYaml": "a: [b"})
        assert (wrong["valid"], wrong["message"]) == (False, "Failed to parse YAML template")
