"""No secret leaves in a text: in the log of a task, in its results, in the log of the service."""

import base64
import io
import json
import logging as standard
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from starlette.routing import Mount, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from backstage_py import logging
from backstage_py.app import serving
from backstage_py.errors import BackstageError
from backstage_py.http import application
from backstage_py.http.credentials import CREDENTIALS
from backstage_py.http.streams import OpenStreams
from backstage_py.http.template_actions import TemplateActions
from backstage_py.permissions.authority import Authority
from backstage_py.plugin import (
    Action,
    ActionAttributes,
    ActionContext,
    ActionRegistry,
    HttpAnswer,
    JsonObject,
    Services,
    action,
)
from backstage_py.scaffolder.face.action_policy import ActionPolicy
from backstage_py.settings.load import load_settings
from backstage_py.settings.sections import BackendSettings, ScaffolderSettings, TaskRecoverySettings
from backstage_py_actions import debug
from backstage_py_actions.roadiehq import jsonata, serialize
from tests.actions.harness import Task
from tests.http.harness import Answer, call
from tests.http.scaffolder_site import post, site
from tests.scaffolder.harness import GUEST, World, body, messages, template, world

Context = ActionContext[dict[str, Any]]
SECRET = "correct-horse-battery"
USER_TOKEN = str(GUEST.token)


@pytest.fixture
def service_log() -> Iterator[io.StringIO]:
    """What the service logs, down to the last line."""
    before, root = structlog.get_config(), standard.getLogger()
    handlers, level = root.handlers[:], root.level
    out = io.StringIO()
    logging.configure("debug", out)
    yield out
    structlog.configure(**before)
    root.handlers[:] = handlers
    root.setLevel(level)


@action("test:raise", dry_run=True, needs_workspace=False, secrets={"type": "object"})
def raises(ctx: Context) -> None:
    """Fail as libraries do: with a chain of exceptions that name what they were given."""
    try:
        try:
            raise KeyError(f"no entry {ctx.secrets['key']}")  # noqa: TRY301  # so it is with libraries
        except KeyError as error:
            raise ConnectionError(f"GET https://ci:{ctx.secrets['key']}@host failed for {ctx.token}") from error
    except ConnectionError as error:
        error.add_note(f"with {ctx.token}")
        raise BackstageError(f"refused {ctx.secrets['key']} of {ctx.token}") from error


@action("test:chatter", dry_run=True, needs_workspace=False, secrets={"type": "object"})
def chatters(ctx: Context) -> None:
    """Use the log of the process, as libraries do."""
    standard.getLogger("a.library").warning("retrying with %s", json.dumps([ctx.secrets["key"], ctx.token]))
    structlog.get_logger("another").error("tried", url=f"https://x/{ctx.secrets['key']}")
    try:
        raise ValueError(ctx.secrets["key"])  # noqa: TRY301  # as above
    except ValueError:
        standard.getLogger("a.library").exception("it broke")


@action("test:open", dry_run=True, needs_workspace=False)
def opens(ctx: Context) -> None:
    """Take the input for a path."""
    Path(ctx.input["path"]).read_bytes()


def direct(folder: Path, *actions: Action) -> ASGIApp:
    """The actions of this service as other backends reach them, for the guest."""
    registry = ActionRegistry()
    for one in actions:
        registry.add(one)
    offered = TemplateActions.of("backstage-py", registry, Services(), folder, ActionPolicy(), Authority())
    router = Router(list(offered.routes()))

    async def signed_in(scope: Scope, receive: Receive, send: Send) -> None:
        scope[CREDENTIALS] = GUEST
        await router(scope, receive, send)

    mount = Mount("/api/backstage-py", app=signed_in)
    return application.create([mount], BackendSettings("http://here"), OpenStreams())


async def invoke(app: ASGIApp, name: str, given: Any, secrets: Any = None) -> Answer:
    sent = {"input": given} if secrets is None else {"input": given, "secrets": secrets}
    path = f"/api/backstage-py/.backstage/actions/v2/actions/backstage-py:{name}/invoke"
    return await call(app, "POST", path, {"content-type": "application/json"}, json.dumps(sent).encode())


def step(name: str, id_: str = "s", **given: Any) -> dict[str, Any]:
    return {"id": id_, "name": id_, "action": name, "input": given}


async def tried(w: World, *steps: dict[str, Any], **spec: Any) -> Answer:
    entity = template(*steps, **spec)
    sent = {"template": entity, "values": {}, "directoryContents": [], "secrets": {"key": SECRET}}
    return await post(site(w), "/v2/dry-run", sent)


@pytest.mark.parametrize("name", ["test:raise", "test:chatter"])
async def test_the_services_log_holds_no_secret_whatever_an_action_raises(
    tmp_path: Path, service_log: io.StringIO, name: str
) -> None:
    shown = []
    async with world(tmp_path, raises, chatters) as w:
        events = await w.run(template(step(name)), secrets={"key": SECRET})
        shown += messages(events)
        shown.append((await tried(w, step(name))).body.decode())
    answer = await invoke(direct(tmp_path, raises, chatters), name, {}, {"key": SECRET})
    shown += [answer.body.decode(), service_log.getvalue()]
    assert service_log.getvalue().count("request_served") == 2
    for text in shown:
        assert SECRET not in text
        assert USER_TOKEN not in text
    if name == "test:raise":
        assert answer.json["error"]["message"] == "refused *** of ***"


async def test_the_input_of_a_direct_call_is_its_callers_alone(tmp_path: Path, service_log: io.StringIO) -> None:
    app = direct(tmp_path, *debug.ACTIONS, opens)
    file = {"path": "a.txt", "base64Content": base64.b64encode(b"in a file").decode()}
    given = {"message": "for me only", "listWorkspace": "with-contents", "workspaceFiles": [file]}
    assert (await invoke(app, "debug:log", given)).status == 200
    failed = await invoke(app, "test:open", {"path": "/nowhere/for me only"})
    assert "for me only" in failed.json["error"]["message"]
    said = service_log.getvalue()
    assert "action_said" in said
    assert "for me only" not in said
    assert "in a file" not in said


AWKWARD = [
    "two\nlines-a",
    "tab\tand\x1bescape",
    'it\'s "quoted"',
    "it's quoted",
    "back\\slash",
    "pässwörd-€",
    "zero\u200bwidth",
    "\ud83d\ude00 smile".encode("utf-16", "surrogatepass").decode("utf-16"),
]


@pytest.mark.thorough(sample=3)
@pytest.mark.parametrize("secret", AWKWARD)
async def test_an_error_that_quotes_a_secret_as_python_does_hides_it(tmp_path: Path, secret: str) -> None:
    wanted = ["/nowhere/${{ secrets.key }}/'\"x", "/nowhere/${{ secrets.key }}"]
    for path in wanted:
        async with world(tmp_path, opens) as w:
            events = await w.run(template(step("test:open", path=path)), secrets={"key": secret})
        shown = body(events[-1])["error"]["message"]
        assert "***" in shown
        for form in (secret, repr(secret)[1:-1], ascii(secret)[1:-1]):
            assert form not in shown


@pytest.mark.thorough
@pytest.mark.parametrize("shown_letters", range(1, len(SECRET), 5))
async def test_a_message_is_not_cut_within_a_secret(tmp_path: Path, shown_letters: int) -> None:
    @action("test:long", dry_run=True)
    def long(ctx: Context) -> None:
        raise ValueError("x" * (10_000 - len("ValueError: ") - shown_letters) + ctx.secrets["key"] + "y" * 100)

    async with world(tmp_path, long) as w:
        events = await w.run(template(step("test:long")), secrets={"key": SECRET})
    shown = body(events[-1])["error"]["message"]
    assert SECRET[:shown_letters] not in shown.removeprefix("Error: ").rpartition("…")[0].replace("ValueError", "")
    assert "x*" in shown


TRANSFORMED = {
    "$join($reverse($split(data.key, '')), '')": SECRET[::-1],
    "$uppercase(data.key)": SECRET.upper(),
    "$join($split(data.key, ''), '.')": ".".join(SECRET),
    "$base64encode($base64encode(data.key))": base64.b64encode(base64.b64encode(SECRET.encode())).decode(),
    "{'parts': [$substring(data.key, 0, 9)]}": SECRET[:9],
    "$length(data.key) * 100003": str(len(SECRET) * 100_003),
}


@pytest.mark.thorough(sample=2)
@pytest.mark.parametrize("expression", TRANSFORMED)
async def test_what_a_transformer_makes_of_a_secret_counts_as_one(tmp_path: Path, expression: str) -> None:
    data = {"data": {"key": "${{ secrets.key }}", "name": "public-name"}}
    steps = [
        step("roadiehq:utils:jsonata", "t", data=data, expression=expression),
        step("debug:log", "a", message="see ${{ steps.t.output.result }}"),
        step("debug:log", "b", message="got ${{ steps.t.output.result | dump }}"),
        step("roadiehq:utils:serialize:json", "again", data="${{ steps.t.output }}"),
        step("debug:log", "c", message="${{ steps.again.output.serialized }}"),
    ]
    output = {"text": [{"title": "r", "content": "${{ steps.t.output.result }}"}]}
    async with world(tmp_path, *jsonata.ACTIONS, *serialize.ACTIONS, *debug.ACTIONS) as w:
        events = await w.run(template(*steps, output=output), secrets={"key": SECRET})
        dry = await tried(w, *steps, output=output)
    assert body(events[-1])["message"] == "Run completed with status: completed"
    for text in (json.dumps([body(event) for event in events]), dry.body.decode()):
        assert TRANSFORMED[expression] not in text
        assert "***" in text


async def test_what_was_public_before_a_transformer_is_public_behind_it(tmp_path: Path) -> None:
    data = {"key": "${{ secrets.key }}", "name": "public-name"}
    steps = [
        step("roadiehq:utils:jsonata", "t", data=data, expression="{'name': name, 'key': $uppercase(key)}"),
        step("debug:log", "a", message="made ${{ steps.t.output.result.name }} with ${{ steps.t.output.result.key }}"),
        step("debug:log", "b", message="public-name has a key and a name"),
    ]
    async with world(tmp_path, *jsonata.ACTIONS, *debug.ACTIONS) as w:
        said = messages(await w.run(template(*steps), secrets={"key": SECRET}))
    assert [one for one in said if one.endswith("public-name has a key and a name")]
    assert not [one for one in said if SECRET.upper() in one]


async def test_a_pure_action_of_others_says_nothing_of_what_it_makes_of_secrets(tmp_path: Path) -> None:
    @action("test:rot", dry_run=True, attributes=ActionAttributes(read_only=True, destructive=False, pure=True))
    def rot(ctx: Context) -> JsonObject:
        made = "".join(chr(ord(one) + 1) for one in ctx.input["text"])
        ctx.logger.info(f"made {made}")  # noqa: G004  # an action's logger takes one text
        return {"made": made}

    made = "".join(chr(ord(one) + 1) for one in SECRET)
    steps = [
        step("test:rot", "r", text="${{ secrets.key }}"),
        step("test:rot", "open", text="harmless"),
        step("debug:log", "l", message="${{ steps.r.output.made }} ${{ steps.open.output.made }}"),
    ]
    async with world(tmp_path, rot, *debug.ACTIONS) as w:
        said = messages(await w.run(template(*steps), secrets={"key": SECRET}))
    assert not [one for one in said if made in one]
    assert [one for one in said if one.endswith("made ibsnmftt")]


async def test_a_public_value_beside_a_secret_stays_readable(tmp_path: Path) -> None:
    """Without secrets the first member is not there; what stands behind it is public all the same."""
    given = {"token": "${{ secrets.key }}", "owner": "team-a", "message": "first"}
    steps = [step("test:take", "t", **given), step("debug:log", "l", message="token and owner of team-a")]

    @action("test:take", dry_run=True)
    def take(ctx: Context) -> None:
        ctx.logger.info(f"took {json.dumps(ctx.input)}")  # noqa: G004  # as above

    async with world(tmp_path, take, *debug.ACTIONS) as w:
        said = messages(await w.run(template(*steps), secrets={"key": SECRET}))
    assert [one for one in said if one.endswith("token and owner of team-a")]
    assert [one for one in said if one.endswith('took {"token": "***", "owner": "team-a", "message": "first"}')]


JWT = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1c2VyOmRlZmF1bHQvYWRhIn0.c2lnbmF0dXJl"


@pytest.mark.thorough
@pytest.mark.parametrize(
    "path",
    [
        f"/v2/tasks/{JWT}",
        f"/v2/tasks?token={JWT}&access_token={SECRET}",
        "/v2/tasks/ghp_0123456789abcdefghijABCDEFGHIJ012345",
        "/v2/x/https:%2F%2Fci:hunter2@host%2F",
        "/v2/tasks/glpat-0123456789abcdefghij",
    ],
)
async def test_the_access_log_shows_no_token_of_a_path(tmp_path: Path, service_log: io.StringIO, path: str) -> None:
    async with world(tmp_path, start=False) as w:
        await call(site(w), "GET", f"/api/scaffolder{path}")
    said = service_log.getvalue()
    assert "request_served" in said
    for secret in (JWT, JWT.rpartition(".")[0], SECRET, "0123456789abcdefghij", "hunter2"):
        assert secret not in said


@pytest.mark.parametrize("allowed", [False, True])
async def test_the_secrets_of_the_configuration_are_in_no_line(
    tmp_path: Path, service_log: io.StringIO, *, allowed: bool
) -> None:
    secrets = {
        "integrations": {"github": [{"host": "github.com", "token": "integration's-token"}]},
        "kubernetes": {"clusterLocatorMethods": [{"type": "config", "clusters": [{"keyData": "key-of-a-cluster"}]}]},
        "scaffolder": {"defaultEnvironment": {"secrets": {"any": "environments-secret"}}},
        "backend": {
            "database": {"client": "better-sqlite3", "connection": str(tmp_path / "db.sqlite")},
            "workingDirectory": str(tmp_path),
            "logger": {"redactAllowlist": ["environments-secret"] if allowed else []},
        },
    }
    config = tmp_path / "app-config.yaml"
    config.write_text(json.dumps(secrets))
    async with serving(load_settings([config], {}), run_tasks=False):
        standard.getLogger("a.library").warning("integration's-token, environments-secret, key-of-a-cluster")
    said = service_log.getvalue()
    assert "integration's-token" not in said
    assert "key-of-a-cluster" not in said
    assert ("environments-secret" in said) is allowed


async def test_a_task_that_goes_on_after_a_crash_still_knows_what_was_made_of_secrets(tmp_path: Path) -> None:
    """What the steps before it made of secrets was learnt by a process that is no more."""

    @action("test:fail-once", dry_run=True)
    def fail_once(ctx: Context) -> None:
        if not (tmp_path / "failed").exists():
            (tmp_path / "failed").touch()
            raise ValueError("later")

    data = {"key": "${{ secrets.key }}"}
    steps = [
        step("roadiehq:utils:jsonata", "t", data=data, expression="$uppercase(key)"),
        step("roadiehq:utils:serialize:json", "u", data={"is": "${{ secrets.key | upper }}"}),
        step("test:fail-once", "f"),
        step("debug:log", "l", message="made ${{ steps.t.output.result }} ${{ steps.u.output.serialized }}"),
    ]
    settings = ScaffolderSettings(
        recovery=TaskRecoverySettings(enabled=True), workspace_serialization="database", secrets_key="k" * 40
    )
    async with world(tmp_path, fail_once, *jsonata.ACTIONS, *serialize.ACTIONS, *debug.ACTIONS, settings=settings) as w:
        task = await w.create(template(*steps), secrets={"key": SECRET})
        await w.events(task)
        await w.scaffolder.service.retry(task, {"key": SECRET}, GUEST)
        said = messages(await w.events(task))
    assert [one for one in said if "already completed in a previous run" in one]
    assert [one for one in said if one.endswith("***")]
    assert not [one for one in said if SECRET.upper() in one]


@pytest.mark.thorough(sample=5)
@pytest.mark.parametrize("shown_letters", range(1, len(SECRET), 5))
@pytest.mark.parametrize("separator", [" ", '"', "("])
async def test_what_is_quoted_of_a_foreign_answer_is_not_cut_within_a_secret(
    tmp_path: Path, shown_letters: int, separator: str
) -> None:
    @action("test:read", dry_run=True)
    def read(ctx: Context) -> None:
        before = "-" * (199 - shown_letters) + separator
        HttpAnswer(200, {}, f"{before}{ctx.secrets['key']} more".encode()).json()

    async with world(tmp_path, read) as w:
        events = await w.run(template(step("test:read")), secrets={"key": SECRET})
    shown = body(events[-1])["error"]["message"]
    assert f"{separator}{SECRET[:shown_letters]}" not in shown
    assert "-----" in shown


async def test_the_end_of_what_a_child_said_does_not_begin_within_a_secret(tmp_path: Path) -> None:
    text = "${{ secrets.key }} " + "x" * 3_980
    async with world(tmp_path, *jsonata.ACTIONS) as w:
        given = step("roadiehq:utils:jsonata", "t", data=text, expression="$error($)")
        events = await w.run(template(given), secrets={"key": SECRET})
    shown = body(events[-1])["error"]["message"]
    assert "xxxxx" in shown
    assert SECRET[-3:] not in shown


@pytest.mark.parametrize(
    "host", ["http://NoWhere.invalid", "http://nowhere.invalid:80", "http:\\\\nowhere.invalid/x/.."]
)
@pytest.mark.parametrize("is_configured", [True, False])
async def test_no_spelling_of_a_webhook_url_is_in_an_error(tmp_path: Path, host: str, *, is_configured: bool) -> None:
    """What the client says names the URL in its canonical form."""
    url = f"{host}/B00/s3cr3t"
    task = Task(tmp_path)
    task.configured(**({"ms-teams": {"webhookUrl": url}} if is_configured else {}))
    with pytest.raises(BackstageError) as raised:
        await task.run("ms-teams:sendMessage", {"message": "x", "webhookUrl": url})
    assert "s3cr3t" not in raised.value.message
    assert "webhook URL" in raised.value.message
