"""The kit as an author of actions uses it: each fake is reached by the real adapter or client library."""

import asyncio
import os
import subprocess
import traceback
from pathlib import Path
from typing import Any

import pytest

from backstage_py.errors import BackstageError, ForeignError, InputError
from backstage_py.model.json import JsonObject
from backstage_py.plugin import ActionContext, PermanentError, RetryPolicy, TemporaryError, action
from backstage_py.plugin.registry import load_actions
from backstage_py.sandbox.server import Sandbox
from backstage_py.testing import ActionRunner, FakeClock, FakeHttp, Reply, run_action
from backstage_py.testing.backstage import FakeBackstage
from backstage_py.testing.kubernetes import FakeKubernetes, decoded
from backstage_py.testing.vault import FakeVault

ANY: JsonObject = {"type": "object"}


@action("test:note", {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}})
def note(ctx: ActionContext[JsonObject]) -> JsonObject:
    """Write a note."""
    ctx.workspace.path("note.txt").write_text(ctx.input["text"])
    ctx.logger.info("noted")
    return {"length": len(ctx.input["text"])}


def test_outputs_files_and_log_of_a_plain_function(action_runner: ActionRunner) -> None:
    result = action_runner(note, {"text": "hello"})
    assert result.outputs == {"length": 5}
    assert result.files == {"note.txt": "hello"}
    assert "noted" in result.log
    assert result.log.entries == [("info", "noted")]


def test_wrong_input_is_refused_as_in_a_step(action_runner: ActionRunner) -> None:
    with pytest.raises(InputError, match="Invalid input passed to action test:note, instance requires property"):
        action_runner(note, {})


async def test_an_async_test_awaits(action_runner: ActionRunner, tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"await action_runner\.run"):
        action_runner(note, {"text": "x"})
    assert (await action_runner.run(note, {"text": "x"})).outputs == {"length": 1}
    assert (await run_action(note, {"text": "xy"}, folder=tmp_path / "other")).outputs == {"length": 2}


def test_an_output_that_the_schema_does_not_allow_is_the_actions_fault(action_runner: ActionRunner) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "number"}}, "required": ["n"]}

    @action("test:wrong", ANY, output=schema)
    def wrong(_ctx: ActionContext[JsonObject]) -> JsonObject:
        return {"n": "seven"}

    with pytest.raises(AssertionError, match=r"test:wrong do not fit its schema: instance\.n is not of a type"):
        action_runner(wrong, {})


def test_retries_wait_on_the_clock_of_the_test(action_runner: ActionRunner) -> None:
    tries = []

    @action("test:flaky", ANY, retry=RetryPolicy(attempts=3, first_wait=60, factor=10, longest_wait=300))
    def flaky(_ctx: ActionContext[JsonObject]) -> JsonObject:
        tries.append(1)
        if len(tries) < 3:
            raise TemporaryError("busy")
        return {"tries": len(tries)}

    result = action_runner(flaky)
    clock = action_runner.clock
    assert isinstance(clock, FakeClock)
    assert result.outputs == {"tries": 3}
    assert [round(seconds, -1) for seconds in clock.sleeps] == [
        pytest.approx(60, abs=10),
        pytest.approx(300, abs=40),
    ]
    assert "busy; trying again in" in result.log


def test_the_current_directory_is_the_tests_own_again_when_a_run_ends(
    action_runner: ActionRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @action("test:moves", ANY)
    def moves(ctx: ActionContext[JsonObject]) -> None:
        os.chdir(ctx.workspace.root)

    for number in range(50):
        folder = tmp_path / str(number)
        folder.mkdir()
        monkeypatch.chdir(folder)
        action_runner(moves)
        assert Path.cwd() == folder


def test_progress_of_long_work_does_not_flood_the_log(action_runner: ActionRunner) -> None:
    @action("test:long", ANY)
    async def long(ctx: ActionContext[JsonObject]) -> None:
        for number in range(1001):
            ctx.progress(number, 1000, "copying")
            await ctx.sleep(1 / 64)

    done = [*range(0, 1000, 128), 1000]
    assert action_runner(long).log.lines == [f"{n / 1000:.0%} ({n} of 1000) copying" for n in done]


def test_a_plain_function_talks_to_backstage_as_the_user(
    action_runner: ActionRunner, fake_backstage: FakeBackstage
) -> None:
    fake_backstage.on("GET", "/api/todo/items", Reply({"items": [1, 2]}))
    fake_backstage.on("POST", "/api/todo/items", Reply({"error": {"name": "ConflictError", "message": "twice"}}, 409))

    @action("test:todo", ANY)
    def todo(ctx: ActionContext[JsonObject]) -> JsonObject:
        found = ctx.wait(ctx.http.get("/api/todo/items", params={"all": "yes"})).json()
        return {"count": len(found["items"])}

    @action("test:add", ANY)
    async def add(ctx: ActionContext[JsonObject]) -> None:
        await ctx.http.post("/api/todo/items", {"title": "x"})

    assert action_runner(todo).outputs == {"count": 2}
    with pytest.raises(ForeignError, match="POST /api/todo/items was answered with 409: twice"):
        action_runner(add)
    asked, sent = fake_backstage.requests
    assert (asked.token, asked.query) == ("token-of-the-test", {"all": "yes"})
    assert sent.json == {"title": "x"}


def test_the_built_in_actions_run_against_the_fake_catalog(
    action_runner: ActionRunner, fake_backstage: FakeBackstage
) -> None:
    actions = load_actions()
    entity = {"apiVersion": "v1", "kind": "Component", "metadata": {"name": "shop"}, "spec": {}}
    fake_backstage.add_source("https://github.com/acme/shop/blob/main/catalog-info.yaml", entity)
    given = {"catalogInfoUrl": "https://github.com/acme/shop/blob/main/catalog-info.yaml"}
    registered = action_runner(actions.get("catalog:register"), given)
    assert registered.outputs["entityRef"] == "component:default/shop"
    fetched = action_runner(actions.get("catalog:fetch"), {"entityRef": "component:default/shop"})
    assert fetched.outputs["entity"] == entity


def test_vault_is_reached_by_its_client_library(action_runner: ActionRunner, fake_vault: FakeVault) -> None:
    @action("test:vault", ANY)
    def store(ctx: ActionContext[JsonObject]) -> JsonObject:
        import hvac

        section: Any = (ctx.services.config or {})["vault"]
        client = hvac.Client(url=section["baseUrl"], token=section["token"])
        client.secrets.kv.v2.create_or_update_secret("shop/db", {"password": "x"})
        return {
            "read": client.secrets.kv.v2.read_secret_version("shop/db", raise_on_deleted_version=True)["data"]["data"]
        }

    assert action_runner(store).outputs == {"read": {"password": "x"}}
    assert fake_vault.secrets == {"secret/shop/db": {"password": "x"}}


def test_kubernetes_is_reached_by_its_client_library(
    action_runner: ActionRunner, fake_kubernetes: FakeKubernetes
) -> None:
    @action("test:kubernetes", ANY)
    def make(ctx: ActionContext[JsonObject]) -> JsonObject:
        from kubernetes import client

        methods: Any = (ctx.services.config or {})["kubernetes"]["clusterLocatorMethods"]
        cluster = methods[0]["clusters"][0]
        settings = client.Configuration(host=cluster["url"])
        settings.api_key["authorization"] = f"Bearer {cluster['serviceAccountToken']}"
        api = client.CoreV1Api(client.ApiClient(settings))
        metadata = client.V1ObjectMeta(name="db")
        api.create_namespaced_secret("shop", client.V1Secret(metadata=metadata, string_data={"user": "ada"}))
        return {"names": [one.metadata.name for one in api.list_namespaced_secret("shop").items if one.metadata]}

    assert action_runner(make).outputs == {"names": ["db"]}
    assert decoded(fake_kubernetes.objects["v1/Secret/shop/db"]) == {"user": "ada"}


def test_a_repository_is_really_pushed(action_runner: ActionRunner, fake_git_host: Sandbox, tmp_path: Path) -> None:
    action_runner.write("main.go", "package main\n")
    published = action_runner(load_actions().get("publish:github"), {"repoUrl": "github.com?owner=acme&repo=shop"})
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", published.outputs["remoteUrl"], str(clone)], check=True, capture_output=True)
    assert (clone / "main.go").read_text() == "package main\n"


def test_a_server_of_any_kind_is_told_what_to_answer(action_runner: ActionRunner, fake_http: FakeHttp) -> None:
    fake_http.on("GET", "/state", Reply({"ready": False}), Reply({"ready": True}))

    @action("test:poll", ANY)
    async def poll(ctx: ActionContext[JsonObject]) -> JsonObject:
        import aiohttp

        async with aiohttp.ClientSession() as session:
            for tries in range(1, 10):
                async with session.get(f"{fake_http.url}/state") as answer:
                    if (await answer.json())["ready"]:
                        return {"tries": tries}
                await ctx.sleep(30)
        raise PermanentError("never ready")

    assert action_runner(poll).outputs == {"tries": 2}
    assert [one.path for one in fake_http.requests] == ["/state", "/state"]


def test_a_cancelled_action_ends(action_runner: ActionRunner) -> None:
    action_runner.signal.set()
    action_runner.clock = None

    @action("test:sleepy", ANY)
    async def sleepy(ctx: ActionContext[JsonObject]) -> None:
        await ctx.sleep(3600)
        await asyncio.sleep(3600)

    with pytest.raises(Exception, match="test:sleepy was cancelled"):
        action_runner(sleepy)


def test_the_platform_actions_run_against_the_fakes(
    action_runner: ActionRunner, fake_vault: FakeVault, fake_kubernetes: FakeKubernetes
) -> None:
    actions = load_actions()
    action_runner(actions.get("vault:add-secret"), {"path": "secret/shop", "key": "password", "value": "s3cret-value"})
    assert fake_vault.secrets == {"secret/shop": {"password": "s3cret-value"}}
    manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop, namespace: team-a}\ndata: {a: b}\n"
    action_runner(actions.get("kube:apply"), {"manifest": manifest, "namespaced": True, "clusterName": "test"})
    assert fake_kubernetes.objects["v1/ConfigMap/team-a/shop"]["data"] == {"a": "b"}


# --- what a test shows


@action("acme:secretive", output={})
def secretive(ctx: ActionContext[JsonObject]) -> None:
    """Say who runs it, with what."""
    text = f"{ctx.user.ref} has {ctx.secrets['TOKEN']}"
    ctx.logger.info(text)


@action("acme:broken", output={})
def broken(ctx: ActionContext[JsonObject]) -> None:
    """Fail as Python does."""
    raise KeyError("nothing")


def test_secrets_of_a_call_are_masked_and_its_user_is_who_is_named(action_runner: ActionRunner) -> None:
    result = action_runner(secretive, secrets={"TOKEN": "s3cret-of-jane"}, user="user:default/jane")

    assert result.log.lines == ["user:default/jane has ***"]
    assert action_runner.secrets == {"backstageToken": "token-of-the-test"}


def test_a_failure_shows_one_error_and_the_authors_lines(
    action_runner: ActionRunner, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BackstageError, match="KeyError: 'nothing'") as raised:
        action_runner(broken)

    inner = [frame.name for frame in traceback.extract_tb(raised.value.__traceback__)]
    shown = "".join(traceback.format_exception(raised.value))
    assert inner[-1] == "broken"
    assert "in_thread.py" not in shown
    assert "asyncio" not in shown
    assert shown.count("Traceback (most recent call last)") == 1
    assert isinstance(raised.value.__context__, KeyError)
    assert capsys.readouterr().out == ""
