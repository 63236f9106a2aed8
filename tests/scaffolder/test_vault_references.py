"""``vault('mount/path#key')`` in a step's input, with a real OpenBao: who may read, what is shown, what is kept."""

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from backstage_py.errors import NotAllowedError
from backstage_py.integrations.vault.references import VaultReferences
from backstage_py.plugin import ActionAttributes, ActionContext, PermanentError, Services, action
from backstage_py.settings.sections import ScaffolderSettings, TaskRecoverySettings
from tests import patience
from tests.integrations import openbao
from tests.integrations.openbao import OpenBao
from tests.scaffolder.harness import GUEST, World, body, template, world
from tests.storage.postgres import postgres

pytestmark = pytest.mark.xdist_group("openbao")
Context = ActionContext[dict[str, Any]]
VALUE = "pa55word-of-the-shop"
seen: list[Any] = []


@pytest.fixture(scope="module")
def bao() -> Iterator[OpenBao]:
    with openbao.serve() as running:
        yield running


@pytest.fixture(scope="module")
def mount(bao: OpenBao) -> str:
    mount = bao.kv()
    bao.put(mount, "shop", {"password": VALUE, "port": 5432, "user": "shop-user"})
    bao.put(mount, "other/shop", {"password": "somebody-elses"})
    return mount


@pytest.fixture(autouse=True)
def _nothing_seen() -> None:
    seen.clear()


@action("test:take", dry_run=True)
def take(ctx: Context) -> None:
    seen.append(ctx.input)
    ctx.logger.info(json.dumps(ctx.input))
    ctx.output("echo", ctx.input)


@action("test:upper", dry_run=True, attributes=ActionAttributes(pure=True))
def upper(ctx: Context) -> None:
    ctx.output("made", str(ctx.input["value"]).upper())


@action("test:keep")
async def keep(ctx: Context) -> None:
    seen.append(await ctx.checkpoint("kept", lambda: {"value": ctx.input["value"]}))
    ctx.output("done", True)


@action("test:fail")
def fail(ctx: Context) -> None:
    raise PermanentError(f"refused {ctx.input['value']}")


def services(bao: OpenBao, *rules: dict[str, Any], token: str = "", **vault: Any) -> Services:
    allow = {"allow": list(rules)} if rules else {}
    config = {"vault": {"baseUrl": bao.url, "token": token or bao.root, **allow, **vault}}
    return Services(config=config, secret_references=VaultReferences(config))


def step(value: Any, action_id: str = "test:take", id_: str = "s", **more: Any) -> dict[str, Any]:
    return {"id": id_, "action": action_id, "input": {"value": value}, **more}


def owned(entity: dict[str, Any], owner: str) -> dict[str, Any]:
    relation = {"type": "ownedBy", "targetRef": owner}
    return {**entity, "relations": [relation]}


def error(events: Any) -> str:
    return str(body(events[-1])["error"]["message"])


def stored(folder: Path) -> bytes:
    """All that the database holds, but for what is sealed."""
    with sqlite3.connect(folder / "tasks.sqlite") as connection:
        return "\n".join(connection.iterdump()).encode()


async def test_a_reference_is_read_at_its_step_and_shown_nowhere(bao: OpenBao, mount: str, tmp_path: Path) -> None:
    allowed = services(bao, {"read": [f"{mount}/shop"]})
    steps = [
        step(f"${{{{ vault('{mount}/shop#password') }}}}"),
        step(f"postgres://${{{{ vault('{mount}/shop#user') }}}}:x@db:${{{{ vault('{mount}/shop#port') }}}}", id_="t"),
        step(f"${{{{ vault('{mount}/shop#password') | upper }}}}", id_="u"),
        step("${{ steps.s.output.echo.value }}", id_="v"),
        step(f"${{{{ vault('{mount}/shop#password') }}}}", "test:upper", "w"),
        step("${{ steps.w.output.made }}", id_="x"),
    ]
    async with world(tmp_path, take, upper, services=allowed) as w:
        events = await w.run(template(*steps, output={"echo": "${{ steps.s.output.echo.value }}"}))
    assert [one["value"] for one in seen] == [VALUE, "postgres://shop-user:x@db:5432", VALUE.upper(), "***", "***"]
    assert body(events[-1])["output"] == {"echo": "***"}
    shown = "\n".join(event.body for event in events).encode()
    for content in (shown, stored(tmp_path)):
        assert VALUE.encode() not in content
        assert VALUE.upper().encode() not in content


async def test_references_may_be_made_of_parameters_rounds_and_each_other(
    bao: OpenBao, mount: str, tmp_path: Path
) -> None:
    bao.put(mount, "where", {"is": f"{mount}/shop#user"})
    allowed = services(bao, {"read": [f"{mount}/*"]})
    steps = [
        step(f"${{{{ vault('{mount}/shop#' + each.value) }}}}", each=["user", "port"]),
        step(f"${{{{ vault(vault('{mount}/where#is')) }}}}", id_="t"),
        step(f"${{{{ vault('{mount}/' + parameters.name + '#user') }}}}", id_="u"),
    ]
    async with world(tmp_path, take, services=allowed) as w:
        ended = await w.run(template(*steps), {"name": "shop"})
    assert body(ended[-1])["message"].endswith("completed")
    assert [one["value"] for one in seen] == ["shop-user", "5432", "shop-user", "shop-user"]


async def test_without_a_rule_nothing_is_read(bao: OpenBao, mount: str, tmp_path: Path) -> None:
    async with world(tmp_path, take, services=services(bao)) as w:
        ended = await w.run(template(step(f"${{{{ vault('{mount}/shop#password') }}}}")))
    assert "Vault is not open to templates; the operator has to say in 'vault.allow'" in error(ended)
    assert seen == []


async def test_a_rule_is_about_paths_owners_and_sources_that_the_catalog_knows(
    bao: OpenBao, mount: str, tmp_path: Path
) -> None:
    rule = {"owners": ["group:default/shop"], "sources": ["https://git.example/shop/*"], "read": [f"{mount}/shop"]}
    source = {"backstage.io/managed-by-location": "url:https://git.example/shop/templates/t.yaml"}

    def wanted(path: str, owner: str, location: dict[str, str]) -> dict[str, Any]:
        entity = owned(template(step(f"${{{{ vault('{path}#password') }}}}")), owner)
        entity["metadata"]["annotations"] = location
        entity["spec"]["owner"] = "group:default/shop"  # what an author wrote says nothing
        return entity

    async with world(tmp_path, take, services=services(bao, rule)) as w:
        for path, owner, location in (
            (f"{mount}/shop", "group:default/other", source),
            (f"{mount}/other/shop", "group:default/shop", source),
            (f"{mount}/shop", "group:default/shop", {}),
        ):
            ended = await w.run(wanted(path, owner, location))
            assert f"This template may not read the path '{path}' of Vault; the operator's 'vault.allow'" in error(
                ended
            )
        assert seen == []
        ended = await w.run(wanted(f"{mount}/shop", "group:default/Shop", source))
        assert body(ended[-1])["message"].endswith("completed")


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("' + nothing + '", "should be vault('<mount>/<path>#<key>')"),
        ("shop", "should be vault('<mount>/<path>#<key>')"),
        ("MOUNT/shop", "should be vault('<mount>/<path>#<key>')"),
        ("MOUNT/../sys/auth#x", "should be vault('<mount>/<path>#<key>')"),
        ("MOUNT/shop#nothing", "has no key 'nothing'"),
        ("MOUNT/nowhere#x", "Vault has no secret 'MOUNT/nowhere'"),
        ("nowhere/shop#x", "Vault refused"),
    ],
)
async def test_what_cannot_be_read_is_said(
    bao: OpenBao, mount: str, tmp_path: Path, reference: str, words: str
) -> None:
    allowed = services(bao, {"read": ["*"]})
    async with world(tmp_path, take, services=allowed) as w:
        ended = await w.run(template(step(f"${{{{ vault('{reference.replace('MOUNT', mount)}') }}}}")))
    assert words.replace("MOUNT", mount) in error(ended)
    assert seen == []


async def test_a_sealed_vault_an_expired_token_and_a_denied_path_say_what_to_do(
    bao: OpenBao, mount: str, tmp_path: Path
) -> None:
    wanted = template(step(f"${{{{ vault('{mount}/shop#password') }}}}"))
    everything = {"read": ["*"]}
    async with world(tmp_path / "a", take, services=services(bao, everything, token="expired")) as w:
        assert "has expired; the operator has to renew 'vault.token'" in error(await w.run(wanted))
    weak = bao.token('path "sys/nothing" { capabilities = ["read"] }')
    async with world(tmp_path / "b", take, services=services(bao, everything, token=weak)) as w:
        assert "no policy for it; the operator has to extend the policies" in error(await w.run(wanted))
    async with world(tmp_path / "c", take, services=services(bao, everything)) as w:
        with bao.sealed():
            assert "the operator has to unseal it" in error(await w.run(wanted))
        assert body((await w.run(wanted))[-1])["message"].endswith("completed")


async def test_errors_and_checkpoints_hold_no_value(bao: OpenBao, mount: str, tmp_path: Path) -> None:
    allowed = services(bao, {"read": ["*"]})
    reference = f"${{{{ vault('{mount}/shop#password') }}}}"
    recovery = ScaffolderSettings(recovery=TaskRecoverySettings(enabled=True))
    async with world(tmp_path, fail, keep, services=allowed, settings=recovery) as w:
        ended = await w.run(template(step(reference, "test:keep", "k"), step(reference, "test:fail")))
        assert error(ended) == "refused ***"
        task_id = ended[0].task_id
        kept = await w.scaffolder.worker._attempts.checkpoints.load(task_id)  # what is sealed
    assert seen == [{"value": VALUE}]
    assert list(kept.values()) == [{"value": "***"}]


async def test_a_dry_run_checks_and_reads_nothing(bao: OpenBao, mount: str, tmp_path: Path) -> None:
    async def tried(w: World, reference: str) -> Any:
        entity = template(step(f"x ${{{{ vault('{reference}') }}}}"))
        wanted = {"template": entity, "values": {}, "secrets": {}, "directoryContents": []}
        return await w.scaffolder.service.dry_run(wanted, GUEST)

    allowed = services(bao, {"read": [f"{mount}/shop"]}, token="not used")
    async with world(tmp_path, take, services=allowed, start=False) as w:
        answer = await tried(w, f"{mount}/shop#password")
        assert seen == [{"value": "x ***"}]
        assert VALUE not in str(answer)
        with pytest.raises(NotAllowedError, match="may not read the path"):
            await tried(w, f"{mount}/other/shop#password")
    seen.clear()
    author = Services(config={}, secret_references=VaultReferences({}))
    async with world(tmp_path / "author", take, services=author, start=False) as w:
        await tried(w, f"{mount}/shop#password")
    assert seen == [{"value": "x ***"}], "an author's machine has no Vault to ask"


async def test_outside_of_a_steps_values_it_gives_nothing(bao: OpenBao, mount: str, tmp_path: Path) -> None:
    allowed = services(bao, {"read": ["*"]})
    reference = f"vault('{mount}/shop#password')"
    wanted = template(
        step("ran", **{"if": f"${{{{ {reference} == '{VALUE}' }}}}"}), output={"value": f"${{{{ {reference} }}}}"}
    )
    async with world(tmp_path, take, services=allowed) as w:
        ended = await w.run(wanted)
    assert body(ended[-1])["output"] == {}
    assert seen == []


async def test_a_step_has_a_hundred_references_and_no_more(bao: OpenBao, mount: str, tmp_path: Path) -> None:
    bao.put(mount, "many", {str(number): f"value-{number}" for number in range(101)})
    allowed = services(bao, {"read": ["*"]})
    async with world(tmp_path, take, services=allowed) as w:
        wanted = {str(n): f"${{{{ vault('{mount}/many#{n}') }}}}" for n in range(101)}
        ended = await w.run(template(step(wanted)))
        del wanted["100"]
        await w.run(template(step(wanted), name="fewer"))
        assert error(ended) == "A step may have 100 references to Vault, not 101"
    assert seen == [{"value": {str(number): f"value-{number}" for number in range(100)}}]


@pytest.fixture(scope="module")
def database(bao: OpenBao) -> Iterator[tuple[str, int]]:
    """A database engine of OpenBao with the role ``shop``, and the port of the server behind it."""
    with postgres() as server:
        server.new_database("shop")
        mount = bao.database(server, "shop")
        create = "CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'"
        bao.client.secrets.database.create_role("shop", "shop", [create], default_ttl="1h", mount_point=mount)
        yield mount, server.port


@action("test:connect")
def connect(ctx: Context) -> None:
    """Open the database with what the step was given, and say as whom."""
    given = ctx.input["value"]
    with psycopg.connect(host="127.0.0.1", port=given["port"], dbname="shop", user=given["user"]) as opened:
        seen.append(opened.execute("SELECT current_user").fetchone())
    if given.get("fails"):
        raise PermanentError("after it was used")


@action("test:wait")
async def wait(ctx: Context) -> None:
    seen.append(ctx.input)
    await ctx.sleep(60)


def connecting(mount: str, port: int, id_: str = "s", **more: Any) -> dict[str, Any]:
    user = f"${{{{ vault('{mount}/creds/shop#username') }}}}"
    return step({"user": user, "port": port, **more}, "test:connect", id_)


def roles(port: int) -> list[str]:
    with psycopg.connect(host="127.0.0.1", port=port, dbname="shop", user="test") as connection:
        return [row[0] for row in connection.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'v-%'")]


@pytest.mark.parametrize("ends", ["completed", "failed", "cancelled", "stopped"])
@pytest.mark.parametrize("own_token", [True, False])
async def test_what_was_leased_for_a_task_ends_with_it(
    bao: OpenBao, database: tuple[str, int], tmp_path: Path, ends: str, own_token: bool
) -> None:
    mount, port = database
    may = f'path "{mount}/*" {{ capabilities = ["read"] }} path "sys/leases/revoke" {{ capabilities = ["update"] }}'
    allowed = services(bao, {"read": [f"{mount}/creds/*"]}, token="" if own_token else bao.token(may))
    steps = [connecting(mount, port), connecting(mount, port, "t", fails=ends == "failed")]
    if ends in {"cancelled", "stopped"}:
        steps.append(step(f"${{{{ vault('{mount}/creds/shop#password') }}}}", "test:wait", "w"))
    async with world(tmp_path, connect, wait, services=allowed) as w:
        task_id = await w.create(template(*steps))
        if ends in {"cancelled", "stopped"}:
            async with patience.bounded():
                while len(seen) < 3:  # noqa: ASYNC110  # the action tells
                    await asyncio.sleep(0.02)
            assert len(bao.leases(f"{mount}/creds/shop")) == 1
        if ends == "cancelled":
            await w.scaffolder.service.cancel(task_id)
        if ends != "stopped":
            await w.events(task_id)
    assert seen[0] == seen[1], "both steps are the same user"
    async with patience.bounded():
        while bao.leases(f"{mount}/creds/shop") or roles(port):  # noqa: ASYNC110  # OpenBao revokes behind its answer
            await asyncio.sleep(0.05)
