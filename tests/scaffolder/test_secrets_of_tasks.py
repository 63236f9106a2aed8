import base64
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import structlog

from backstage_py.identity.principals import Credentials, UserPrincipal
from backstage_py.plugin import ActionContext, PermanentError, action
from backstage_py.sealing import UnsealError
from backstage_py.settings.sections import ScaffolderSettings, TaskRecoverySettings
from backstage_py.storage.database import Database, Transaction
from backstage_py.storage.scaffolder import tables
from backstage_py.storage.scaffolder.secrets import SecretBox
from tests.scaffolder.harness import body, template, world
from tests.storage import boxes

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


def test_sealed_data_opens_with_its_key_and_its_task_only() -> None:
    sealed = boxes.box(b"k" * 32).seal(b"x", "one")
    with pytest.raises(UnsealError):
        boxes.box(b"k" * 32).unseal(sealed, "two")
    with pytest.raises(UnsealError):
        boxes.box(b"other" * 8).unseal(sealed, "one")
    with pytest.raises(UnsealError):
        boxes.box(b"k" * 32).unseal(b"", "one")


@pytest.mark.parametrize("size", [0, 1, 4, 11, 12, 13, 40])
def test_what_was_sealed_by_a_key_that_is_gone_says_what_to_do_and_has_new_keys_looked_for(size: int) -> None:
    lost = SecretBox(boxes.GivenKeys(boxes.named(b"l" * 32))).seal(b"x" * 40, "task")
    keys = boxes.GivenKeys(boxes.bare(b"a" * 32), boxes.named(b"b" * 32))
    for sealed in (lost, lost[:size]):
        with pytest.raises(UnsealError, match=r"restore the key.*docs/keys\.md"):
            SecretBox(keys).unseal(sealed, "task")
    assert keys.missed == 2


def test_data_of_earlier_keys_opens_beside_those_of_the_current_one() -> None:
    before = [boxes.bare(b"a" * 32), boxes.bare(b"b" * 32), boxes.named(b"c" * 32)]
    sealed = [SecretBox(boxes.GivenKeys(key)).seal(key.id.encode(), "task") for key in before]
    now = SecretBox(boxes.GivenKeys(*before, boxes.named(b"d" * 32)))
    assert [now.unseal(one, "task") for one in sealed] == [key.id.encode() for key in before]


async def test_a_task_whose_secrets_cannot_be_read_says_so_and_is_retried_when_they_can(tmp_path: Path) -> None:
    """As when a database was restored whose tasks were sealed with the key file of another machine."""
    key, using = b"the key of another machine......", template({"id": "s", "action": "test:use"})
    async with world(tmp_path, use, start=False) as w:
        task_id = await w.create(using, {}, {"tok": TOKEN})
        await _replace(w.database, task_id, boxes.box(key).seal_texts({"tok": TOKEN}, task_id))
    with structlog.testing.capture_logs() as logs:
        async with world(tmp_path, use) as w:
            w.catalog.add(using)
            failed = await w.events(task_id)
            with pytest.raises(UnsealError, match=r"restore the key"):
                await w.scaffolder.service.retry(task_id, {}, w.credentials)
    [said] = [entry for entry in logs if entry["event"] == "secrets_unreadable"]
    assert (said["tasks"], said["newest"]) == (1, task_id)
    assert "restore the key" in body(failed[-1])["error"]["message"]
    async with world(tmp_path, use, settings=ScaffolderSettings(secrets_key=key.decode())) as w:
        w.catalog.add(using)
        await w.scaffolder.service.retry(task_id, {}, w.credentials)
        done = await w.events(task_id)
        assert body(done[-1])["message"].endswith("completed")
        assert await _stored(w.database, task_id) is None


async def test_secrets_that_are_left_are_not_for_another_user(tmp_path: Path) -> None:
    async with world(tmp_path, use, start=False) as w:
        task_id = await w.create(template({"id": "s", "action": "test:use"}), {}, {"tok": TOKEN})
        sealed = await _stored(w.database, task_id)
        await _replace(w.database, task_id, boxes.box(b"x" * 32).seal_texts({"tok": TOKEN}, task_id))
        await w.start()
        await w.events(task_id)
        await _replace(w.database, task_id, sealed)
        other = Credentials(UserPrincipal("user:default/other"), "token-of-the-other")
        await w.scaffolder.service.retry(task_id, {}, other)
        ended = await w.events(task_id)
        assert "tok" in body(ended[-1])["error"]["message"]


def test_a_key_is_kept_while_any_column_of_sealed_data_may_need_it() -> None:
    columns = [column for table in tables.metadata.tables.values() for column in table.c]
    sealed = {column for column in columns if isinstance(column.type, sa.LargeBinary)}
    assert set(tables.SEALED) == sealed - {tables.blobs.c.content}  # its head is asked, as it may be kept outside


@action("test:use")
def use(ctx: Context) -> None:
    if ctx.secrets.get("tok") != TOKEN:
        raise PermanentError("there is no tok")


async def _replace(database: Database, task_id: str, sealed: object) -> None:
    change = sa.text("UPDATE tasks SET secrets = :sealed WHERE id = :id")

    def run(transaction: Transaction) -> None:
        transaction.connection.execute(change, {"sealed": sealed, "id": task_id})

    await database.write(run)


async def _stored(database: Database, task_id: str) -> object:
    query = sa.text("SELECT secrets FROM tasks WHERE id = :id")
    return await database.read(lambda connection: connection.execute(query, {"id": task_id}).scalar())
