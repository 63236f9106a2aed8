import base64
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import structlog

from backstage_py.errors import SettingsError
from backstage_py.plugin import ActionContext, PermanentError, action
from backstage_py.settings.sections import ScaffolderSettings, TaskRecoverySettings
from backstage_py.storage.database import Database
from backstage_py.storage.scaffolder.secrets import SecretBox, UnsealError, secret_box
from tests.scaffolder.harness import body, template, world

Context = ActionContext[dict[str, Any]]
TOKEN = "s3cret-Value/of+task"


@action("test:leak", dry_run=True)
def leak(ctx: Context) -> None:
    secret = ctx.secrets["tok"]
    encoded = base64.b64encode(f"user:{secret}".encode()).decode()
    for line in [f"plain {secret}", f"encoded {encoded}", *(f"rendered {value}" for value in ctx.input.values())]:
        ctx.logger.info(line)
    ctx.output("leaked", f"url?token={secret}")


@action("test:leak-error")
def leak_error(ctx: Context) -> None:
    raise PermanentError(f"refused {ctx.secrets['tok']} for {ctx.token}")


def leaking() -> dict[str, Any]:
    return template(
        {
            "id": "s",
            "action": "test:leak",
            "input": {"upper": "${{ secrets.tok | upper }}", "around": "x${{ secrets.tok | reverse }}x", "no": "plain"},
        },
        output={"leaked": "${{ steps.s.output.leaked }}"},
    )


async def test_no_event_shows_a_secret_in_any_form(tmp_path: Path) -> None:
    """CVE-2026-29184: a template's author led secrets past redaction."""
    async with world(tmp_path, leak, leak_error) as w:
        events = await w.run(leaking(), {}, {"tok": TOKEN})
        failed = await w.run(template({"id": "s", "action": "test:leak-error"}, name="e"), {}, {"tok": TOKEN})
    everything = "\n".join(event.body for event in [*events, *failed])
    for form in (TOKEN, TOKEN.upper(), TOKEN[::-1], base64.b64encode(TOKEN.encode()).decode()[:16]):
        assert form not in everything
    assert body(events[-1])["output"] == {"leaked": "url?token=***"}
    assert body(failed[-1])["error"]["message"] == "refused *** for ***"
    assert "rendered plain" in everything


@action("test:make", dry_run=True)
def make(ctx: Context) -> None:
    ctx.output("url", f"https://x/?token={ctx.secrets['tok']}")
    ctx.output("all", {ctx.secrets["tok"]: [ctx.secrets["tok"], "plain"]})


@action("test:say", dry_run=True)
def say(ctx: Context) -> None:
    for value in ctx.input.values():
        ctx.logger.info(str(value))


def transforming() -> dict[str, Any]:
    steps: list[dict[str, Any]] = [
        {"id": "make", "action": "test:make"},
        {"id": "a", "action": "test:say", "input": {"m": "up ${{ steps.make.output.url | upper }}"}},
        {
            "id": "b",
            "each": "${{ steps.make.output.all }}",
            "action": "test:say",
            "input": {"m": "${{ each.key | reverse }}"},
        },
        {"id": "c", "action": "test:say", "input": {"m": "as it is: ${{ steps.make.output.url }}"}},
    ]
    return template(*steps, output={"link": "${{ steps.make.output.url | lower }}", "note": "done"})


async def test_what_a_template_makes_of_an_output_with_a_secret_is_hidden_too(tmp_path: Path) -> None:
    async with world(tmp_path, make, say) as w:
        events = await w.run(transforming(), {}, {"tok": TOKEN})
        answer = await w.scaffolder.service.dry_run(
            {"template": transforming(), "values": {}, "secrets": {"tok": TOKEN}, "directoryContents": []},
            w.credentials,
        )
    for shown in ("\n".join(event.body for event in events), str(answer)):
        for form in (TOKEN, TOKEN.upper(), TOKEN.lower(), TOKEN[::-1]):
            assert form not in shown
        assert "as it is: https://x/?token=***" in shown, "what is hidden anyway takes nothing else along"
    assert body(events[-1])["output"] == {"link": "***", "note": "done"}


async def test_a_dry_run_shows_no_secret(tmp_path: Path) -> None:
    async with world(tmp_path, leak) as w:
        answer = await w.scaffolder.service.dry_run(
            {"template": leaking(), "values": {}, "secrets": {"tok": TOKEN}, "directoryContents": []}, w.credentials
        )
    for form in (TOKEN, TOKEN.upper(), TOKEN[::-1]):
        assert form not in str(answer)


@pytest.mark.parametrize("recovery", [False, True])
async def test_secrets_are_sealed_at_rest_and_gone_when_the_task_ends(tmp_path: Path, recovery: bool) -> None:
    settings = ScaffolderSettings(recovery=TaskRecoverySettings(enabled=recovery))
    async with world(tmp_path, leak, settings=settings, start=False) as w:
        task_id = await w.create(leaking(), {}, {"tok": TOKEN})
        assert await _stored(w.database, task_id) not in {None, b""}
        assert TOKEN.encode() not in b"".join(path.read_bytes() for path in tmp_path.glob("tasks.sqlite*"))
        await w.start()
        await w.events(task_id)
        assert await _stored(w.database, task_id) is None
    assert TOKEN.encode() not in b"".join(path.read_bytes() for path in tmp_path.glob("tasks.sqlite*"))


async def test_cancel_forgets_secrets(tmp_path: Path) -> None:
    async with world(tmp_path, leak, start=False) as w:
        task_id = await w.create(leaking(), {}, {"tok": TOKEN})
        await w.scaffolder.service.cancel(task_id)
        assert await _stored(w.database, task_id) is None


async def test_the_key_is_a_file_for_the_owner_only_and_is_reported(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'x.sqlite'}")
    with structlog.testing.capture_logs() as logs:
        first = secret_box(None, database, tmp_path)
        second = secret_box(None, database, tmp_path)
    key = tmp_path / "x.sqlite-key"
    assert [entry["event"] for entry in logs] == ["secrets_key_created"]
    assert key.stat().st_mode & 0o777 == 0o600
    assert second.unseal(first.seal(b"x", "task"), "task") == b"x"
    key.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        secret_box(None, database, tmp_path)
    with pytest.raises(SettingsError, match="secretsKey"):
        secret_box("short", database, tmp_path)
    await database.close()


def test_sealed_data_opens_with_its_key_and_its_task_only() -> None:
    sealed = SecretBox(b"k" * 32).seal(b"x", "one")
    with pytest.raises(UnsealError):
        SecretBox(b"k" * 32).unseal(sealed, "two")
    with pytest.raises(UnsealError):
        SecretBox(b"other" * 8).unseal(sealed, "one")
    with pytest.raises(UnsealError):
        SecretBox(b"k" * 32).unseal(b"", "one")


async def test_a_task_whose_secrets_cannot_be_read_ends_with_an_explanation(tmp_path: Path) -> None:
    async with world(tmp_path, leak, settings=ScaffolderSettings(secrets_key="a" * 32), start=False) as w:
        task_id = await w.create(leaking(), {}, {"tok": TOKEN})
    async with world(tmp_path, leak, settings=ScaffolderSettings(secrets_key="b" * 32)) as w:
        events = await w.events(task_id)
    assert "key" in body(events[-1])["error"]["message"]


async def _stored(database: Database, task_id: str) -> object:
    query = sa.text("SELECT secrets FROM tasks WHERE id = :id")
    return await database.read(lambda connection: connection.execute(query, {"id": task_id}).scalar())
