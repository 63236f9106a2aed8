import asyncio
import io
import os
import tarfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from backstage_py.errors import ServiceUnavailableError, SettingsError
from backstage_py.folders.restoring import SnapshotRefused
from backstage_py.model import times
from backstage_py.model.task import Claim, ClaimLost, StepResult, Transition
from backstage_py.plugin import ActionContext, CancelSignal, PermanentError, action
from backstage_py.scaffolder.queue.lease import Lease
from backstage_py.scaffolder.queue.worker_lock import WorkerLock
from backstage_py.scaffolder.snapshots import archives
from backstage_py.scaffolder.snapshots.providers import outside_of
from backstage_py.settings.sections import ScaffolderSettings, TaskRecoverySettings
from backstage_py.storage import clock
from backstage_py.storage.scaffolder import tables
from backstage_py.storage.scaffolder.tables import tasks as tasks_table
from tests import patience
from tests.scaffolder.harness import GUEST, World, body, log, messages, template, world

Context = ActionContext[dict[str, Any]]
RECOVERY = TaskRecoverySettings(enabled=True, stale_timeout=30)
ran: list[str] = []
dying: list[threading.Event] = []  # set in the action's thread


@pytest.fixture(autouse=True)
def _nothing_ran() -> None:
    ran.clear()
    dying.clear()


@action("test:mark")
def mark(ctx: Context) -> None:
    ran.append(ctx.step.id)
    ctx.workspace.path(ctx.step.id).write_text(ctx.step.id)
    ctx.output("files", sorted(path.name for path in ctx.workspace.files()))


@action("test:once")
async def once(ctx: Context) -> None:
    async def make() -> str:
        ran.append("made")
        return "made"

    ctx.output("made", await ctx.checkpoint("make", make))
    if ctx.input.get("fail-first") and ran.count("made") == 1 and "failed" not in ran:
        ran.append("failed")
        raise PermanentError("after the checkpoint")


@action("test:second")
async def second(ctx: Context) -> None:
    if dying:
        dying[0].set()
        await asyncio.sleep(3600)
    ran.append(ctx.step.id)
    ctx.workspace.path(ctx.step.id).write_text(ctx.step.id)
    ctx.output("files", sorted(path.name for path in ctx.workspace.files()))


def two_steps(**spec: Any) -> dict[str, Any]:
    return template(
        {"id": "one", "action": "test:mark"},
        {"id": "two", "action": "test:second"},
        output={"files": "${{ steps.two.output.files }}", "first": "${{ steps.one.output.files }}"},
        **spec,
    )


async def _die_in_second_step(w: World, task_id: str, worker: str = "dead") -> None:
    """Do what a worker does that is killed while its second step runs."""
    [claim] = await w.scaffolder.worker.store.claim(worker, 1, keep_secrets=True)
    assert claim.id == task_id
    dying.append(threading.Event())
    attempts, held = w.scaffolder.worker._attempts, Lease(w.scaffolder.worker.store, claim)
    running = asyncio.create_task(attempts.run(claim, held, CancelSignal(), lambda: False))
    await asyncio.to_thread(dying[0].wait, patience.SECONDS)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    dying.clear()


def _make_silent(seconds: float) -> sa.Update:
    return sa.update(tasks_table).values(last_heartbeat_at=clock.now() - int(seconds * 1000))


async def _silence(w: World, seconds: float) -> None:
    def run(transaction: Any) -> None:
        transaction.connection.execute(_make_silent(seconds))

    await w.database.write(run)


async def test_a_recovered_task_goes_on_behind_its_last_completed_step(tmp_path: Path) -> None:
    async with world(tmp_path, mark, second, settings=ScaffolderSettings(recovery=RECOVERY), start=False) as w:
        task_id = await w.create(two_steps())
        await _die_in_second_step(w, task_id)
        await _silence(w, 31)
        await w.start()
        events = await w.events(task_id)
    assert ran == ["one", "two"]
    assert [event.type for event in events if event.type != "log"] == ["recovered", "completion"]
    assert messages(events)[5:8] == [
        "Starting up task with 2 steps",
        "Task recovered - resuming from last known good state. 1 step(s) already completed.",
        "Skipping step one because it was already completed in a previous run",
    ]
    assert body(events[-1])["output"] == {"files": ["one", "two"], "first": ["one"]}


async def test_a_worker_that_is_known_to_be_dead_is_not_waited_for(tmp_path: Path) -> None:
    async with world(tmp_path, mark, second, settings=ScaffolderSettings(recovery=RECOVERY), start=False) as w:
        task_id = await w.create(two_steps())
        life = WorkerLock(tmp_path / "work")
        await _die_in_second_step(w, task_id, life.worker)
        await w.scaffolder.worker._recovery.run()
        assert (await w.scaffolder.service.get(task_id)).status == "processing"
        descriptor, life._descriptor = life._descriptor, None
        assert descriptor is not None
        os.close(descriptor)  # as the system does when a process is killed
        await w.scaffolder.worker._recovery.run()
        assert (await w.scaffolder.service.get(task_id)).status == "open"
        assert list((tmp_path / "work" / ".backstage-py-workers").iterdir()) == []


async def test_nothing_is_left_of_dead_workers_that_had_no_task(tmp_path: Path) -> None:
    async with world(tmp_path, mark, second, start=False) as w:
        alive, dead = WorkerLock(tmp_path / "work"), WorkerLock(tmp_path / "work")
        descriptor, dead._descriptor = dead._descriptor, None
        assert descriptor is not None
        os.close(descriptor)
        await w.scaffolder.worker._recovery.run()
        assert [path.name for path in (tmp_path / "work" / ".backstage-py-workers").iterdir()] == [alive.worker]
        alive.end()


async def test_without_recovery_a_lost_task_ends_as_failed(tmp_path: Path) -> None:
    async with world(tmp_path, mark, second, start=False) as w:
        task_id = await w.create(two_steps())
        store = w.scaffolder.worker.store
        [claim] = await store.claim("dead", 1, keep_secrets=False)
        await _silence(w, 31)
        await w.scaffolder.worker._recovery.run()
        task = await w.scaffolder.service.get(task_id)
        events = await w.events(task_id)
        with pytest.raises(ClaimLost):
            await store.record(claim, Transition())
    assert task.status == "failed"
    assert body(events[-1])["error"]["message"] == "The task worker stopped while it was running this task"


async def test_a_template_that_starts_over_runs_all_steps_again(tmp_path: Path) -> None:
    entity = two_steps(EXPERIMENTAL_recovery={"EXPERIMENTAL_strategy": "startOver"})
    async with world(tmp_path, mark, second, settings=ScaffolderSettings(recovery=RECOVERY), start=False) as w:
        task_id = await w.create(entity)
        await _die_in_second_step(w, task_id)
        await _silence(w, 31)
        await w.start()
        async with patience.bounded():
            while (await w.scaffolder.service.get(task_id)).status != "completed":  # noqa: ASYNC110  # its stream stays open
                await asyncio.sleep(0.01)
    assert ran == ["one", "one", "two"]


async def test_a_failed_step_stays_failed_after_a_crash(tmp_path: Path) -> None:
    @action("test:fail")
    async def fail(ctx: Context) -> None:
        ran.append("fail")
        raise PermanentError("broken")

    entity = template(
        {"id": "bad", "action": "test:fail"},
        {"id": "always", "if": "${{ always() }}", "action": "test:mark"},
    )
    async with world(tmp_path, mark, fail, settings=ScaffolderSettings(recovery=RECOVERY), start=False) as w:
        task_id = await w.create(entity)
        store = w.scaffolder.worker.store
        [claim] = await store.claim("dead", 1, keep_secrets=True)
        failed = StepResult(0, failed=True, result={"name": "Error", "message": "broken"})
        await store.record(claim, Transition(steps=[failed]))
        await _silence(w, 31)
        await w.start()
        events = await w.events(task_id)
    assert ran == ["always"]
    assert body(events[-1])["error"] == {"name": "Error", "message": "broken"}


async def test_a_checkpoint_keeps_its_value_for_a_retry(tmp_path: Path) -> None:
    entity = template(
        {"id": "o", "action": "test:once", "input": {"fail-first": True}}, output={"made": "${{ steps.o.output.made }}"}
    )
    async with world(tmp_path, once) as w:
        task_id = await w.create(entity)
        assert body((await w.events(task_id))[-1])["error"]["message"] == "after the checkpoint"
        await w.scaffolder.service.retry(task_id, {}, GUEST)
        events = await w.events(task_id)
    assert ran == ["made", "failed"]
    assert body(events[-1])["output"] == {"made": "made"}


@pytest.mark.parametrize("provider", ["database", "folder"])
async def test_a_snapshot_brings_the_workspace_to_another_machine(tmp_path: Path, provider: str) -> None:
    options = {"taskRecovery": {"folder": {"path": str(tmp_path / "snapshots")}}}
    settings = ScaffolderSettings(recovery=RECOVERY, workspace_serialization=provider, options=options)
    async with world(tmp_path, mark, second, settings=settings, start=False) as w:
        task_id = await w.create(two_steps())
        await _die_in_second_step(w, task_id)
        for left in (tmp_path / "work" / task_id).iterdir():
            left.unlink()
        (tmp_path / "work" / task_id).rmdir()
        await _silence(w, 31)
        await w.start()
        events = await w.events(task_id)
    assert body(events[-1])["output"]["files"] == ["one", "two"]


async def test_without_its_workspace_a_task_does_not_go_on(tmp_path: Path) -> None:
    async with world(tmp_path, mark, second, settings=ScaffolderSettings(recovery=RECOVERY), start=False) as w:
        task_id = await w.create(two_steps())
        await _die_in_second_step(w, task_id)
        (tmp_path / "work" / task_id / "one").unlink()
        (tmp_path / "work" / task_id).rmdir()
        await _silence(w, 31)
        await w.start()
        events = await w.events(task_id)
    assert ran == ["one"]
    assert "workspace" in body(events[-1])["error"]["message"]


def _archived(files: Sequence[tarfile.TarInfo]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for file in files:
            archive.addfile(file)
    return buffer.getvalue()


@pytest.mark.parametrize("provider", ["database", "folder"])
async def test_a_task_goes_on_from_the_archive_of_an_earlier_version(tmp_path: Path, provider: str) -> None:
    options = {"taskRecovery": {"folder": {"path": str(tmp_path / "snapshots")}}}
    settings = ScaffolderSettings(recovery=RECOVERY, workspace_serialization=provider, options=options)
    async with world(tmp_path, mark, second, settings=settings, start=False) as w:
        task_id = await w.create(two_steps())
        await _die_in_second_step(w, task_id)
        content = _archived([tarfile.TarInfo("of-earlier")])
        box = w.scaffolder.worker.store._box
        row = {"task_id": task_id, "position": 0, "content": box.seal(content, task_id), "saved_at": 1}
        (tmp_path / "snapshots").mkdir(exist_ok=True)
        (tmp_path / "snapshots" / f"{task_id}-0.tar.gz").write_bytes(content)

        def as_before(transaction: Any) -> None:
            transaction.connection.execute(sa.delete(tables.snapshots))
            transaction.connection.execute(sa.insert(tables.workspaces), row)

        await w.database.write(as_before)
        await _silence(w, 31)
        await w.start()
        events = await w.events(task_id)
    assert body(events[-1])["output"]["files"] == ["of-earlier", "two"]


def test_an_archive_that_leaves_its_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    with pytest.raises(SnapshotRefused):
        archives.unpack(tmp_path / "work", _archived([tarfile.TarInfo("../outside")]))
    assert not (tmp_path / "outside").exists()


def test_an_unknown_snapshot_provider_is_refused(tmp_path: Path) -> None:
    for provider, key in [("tape", "workspaceProvider"), ("folder", "folder.path"), ("s3", "s3.bucket")]:
        with pytest.raises(SettingsError, match=key):
            outside_of(provider, {})


async def test_a_stopping_worker_hands_its_task_back_behind_the_current_step(tmp_path: Path) -> None:
    release = threading.Event()

    @action("test:gate")
    async def gate(ctx: Context) -> None:
        ran.append("gate")
        await asyncio.to_thread(release.wait, patience.SECONDS)

    entity = template({"id": "g", "action": "test:gate"}, {"id": "one", "action": "test:mark"})
    async with world(tmp_path, mark, gate, grace=patience.SECONDS) as w:
        task_id = await w.create(entity, {}, {"tok": "kept for the next worker"})
        while "gate" not in ran:  # noqa: ASYNC110  # an action has no way to tell
            await asyncio.sleep(0.01)
        stopping = asyncio.create_task(w.stop())
        await asyncio.sleep(0.05)
        release.set()
        await stopping
        assert (await w.scaffolder.service.get(task_id)).status == "open"
    async with world(tmp_path, mark, gate) as w:
        events = await w.events(task_id)
    assert ran == ["gate", "one"]
    assert body(events[-1])["message"] == "Run completed with status: completed"


async def test_a_step_that_outlasts_the_grace_ends_its_task(tmp_path: Path) -> None:
    @action("test:stuck")
    async def stuck(ctx: Context) -> None:
        ran.append("stuck")
        await asyncio.sleep(3600)

    async with world(tmp_path, stuck, grace=0.05) as w:
        task_id = await w.create(template({"id": "s", "action": "test:stuck"}))
        while "stuck" not in ran:  # noqa: ASYNC110  # as above
            await asyncio.sleep(0.01)
        await w.stop()
        events = await w.events(task_id)
    assert log(events)[-2] == ("s", "failed", "The task worker stopped while it was running this task")


async def test_the_janitor_ends_stale_tasks_and_removes_old_ones(tmp_path: Path) -> None:
    settings = ScaffolderSettings(recovery=RECOVERY, task_timeout=3600, retention=60)
    async with world(tmp_path, mark, second, settings=settings, start=False) as w:
        old = await w.create(two_steps())
        await w.scaffolder.worker.store.claim("w", 1, keep_secrets=False)
        await _silence(w, 3601)
        await w.scaffolder.janitor.run()
        events = await w.events(old)
        assert body(events[-1]) == {"message": "This task was marked as stale as it exceeded its timeout"}
        assert (await w.scaffolder.service.get(old)).status == "failed"

        def age(transaction: Any) -> None:
            transaction.connection.execute(sa.update(tasks_table).values(ended_at=times.now() - 61_000))

        await w.database.write(age)
        new = await w.create(two_steps())
        await w.scaffolder.janitor.run()
        assert [task.id for task in (await w.scaffolder.service.list())[0]] == [new]
        assert await w.scaffolder.service.events.list(old, None, starts_over=False) == []


async def test_the_janitor_removes_folders_that_killed_workers_left(tmp_path: Path) -> None:
    async with world(tmp_path, mark, second) as w:
        task_id = await w.create(two_steps())
        await w.events(task_id)
        while w.scaffolder.worker._running:  # noqa: ASYNC110  # the folder goes behind the completion
            await asyncio.sleep(0.01)
        for end in ("", "-1", "-1_step-x", "-2.part"):
            (tmp_path / "work" / f"{task_id}{end}").mkdir()
        (tmp_path / "work" / "of-the-operator").mkdir()
        await w.scaffolder.janitor.run()
        assert (tmp_path / "work" / task_id).exists()  # it ended a moment ago: its worker may be at it

        def age(transaction: Any) -> None:
            transaction.connection.execute(sa.update(tasks_table).values(ended_at=times.now() - 300_000))

        await w.database.write(age)
        await w.scaffolder.janitor.run()
        left = {path.name for path in (tmp_path / "work").iterdir() if path.is_dir()}
    assert left == {".backstage-py-workers", "of-the-operator"}


async def test_the_log_of_a_task_is_capped_when_asked_for(tmp_path: Path) -> None:
    @action("test:chatter")
    def chatter(ctx: Context) -> None:
        for _ in range(50):
            ctx.logger.info("x" * 100)

    async with world(tmp_path, chatter, settings=ScaffolderSettings(log_limit_bytes=1000)) as w:
        events = await w.run(template({"id": "s", "action": "test:chatter"}))
    said = [entry for entry in log(events) if entry[0] == "s"]
    assert len(said) < 15
    assert "limit" in said[-2][2]
    assert said[-1] == ("s", "completed", "Finished step test:chatter")


async def test_two_workers_never_run_the_same_task(tmp_path: Path) -> None:
    async with world(tmp_path, mark, second, start=False) as w:
        created = {await w.create(two_steps()) for _ in range(40)}
        store = w.scaffolder.worker.store
        claims = await asyncio.gather(*(store.claim(f"w{n}", 3, keep_secrets=False) for n in range(20)))
    claimed = [claim.id for batch in claims for claim in batch]
    assert len(claimed) == len(set(claimed)) == 40
    assert set(claimed) == created


async def test_no_jump_of_a_clock_reruns_a_live_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database's clock is set forward by a day, and that of the process by another: what lives goes on."""
    async with world(tmp_path, mark, second, settings=ScaffolderSettings(recovery=RECOVERY), start=False) as w:
        await w.create(two_steps())
        [claim] = await w.scaffolder.worker.store.claim("elsewhere", 1, keep_secrets=True)
        beating = asyncio.create_task(_beat(w, claim))
        recovery = w.scaffolder.worker._recovery
        monkeypatch.setattr(times, "now", lambda: 86_400_000 + int(time.time() * 1000))
        await _silence(w, 86_400)
        await recovery.run()
        await recovery.end_stale()
        beating.cancel()
        assert (await w.scaffolder.service.get(claim.id)).status == "processing"
        await _silence(w, 86_400)
        await recovery.run()
        assert (await w.scaffolder.service.get(claim.id)).status == "open"


async def _beat(w: World, claim: Claim) -> None:
    while True:
        await w.scaffolder.worker.store.heartbeat("elsewhere", [claim])
        await asyncio.sleep(0.2)


async def test_nobody_is_silent_while_the_database_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Heartbeats could not be written for longer than a lease; the workers come back as the database does."""
    async with world(tmp_path, mark, second, settings=ScaffolderSettings(recovery=RECOVERY), start=False) as w:
        await w.create(two_steps())
        [claim] = await w.scaffolder.worker.store.claim("elsewhere", 1, keep_secrets=True)
        recovery = w.scaffolder.worker._recovery
        await recovery.run()
        with monkeypatch.context() as away:
            away.setattr(w.database, "read", _no_answer)
            with pytest.raises(ServiceUnavailableError):
                await recovery.run()
        await _silence(w, 60)
        await recovery.run()
        assert (await w.scaffolder.service.get(claim.id)).status == "processing"
        await recovery.run()
        assert (await w.scaffolder.service.get(claim.id)).status == "open"


async def _no_answer(_function: object) -> None:
    raise ServiceUnavailableError("The database does not answer")
