"""A task takes its share of disks and database, and no more: what is above it fails the step and says which bound."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from backstage_py import disk
from backstage_py.errors import InputError
from backstage_py.model.task import TaskEvent
from backstage_py.plugin import Action, ActionContext, action
from backstage_py.settings.sections import LimitSettings, QuotaSettings, ScaffolderSettings, TaskRecoverySettings
from tests import patience
from tests.scaffolder.harness import GUEST, World, body, messages, template, world

Context = ActionContext[dict[str, Any]]
MIB = 1024 * 1024


@action("test:write", dry_run=True)
def write(ctx: Context) -> None:
    """Write ``files`` files of ``size`` bytes."""
    for number in range(ctx.input["files"]):
        (ctx.workspace.root / f"f{number}").write_bytes(os.urandom(ctx.input["size"]))


@action("test:fill")
async def fill(ctx: Context) -> None:
    """Write until somebody says stop."""
    (ctx.workspace.root / "f").write_bytes(bytes(2 * MIB))
    async with patience.bounded():
        await ctx.signal.wait()


@action("test:chatter")
def chatter(ctx: Context) -> None:
    for _ in range(ctx.input["lines"]):
        ctx.logger.info(ctx.input["text"])


@action("test:shout")
def shout(ctx: Context) -> None:
    raise InputError("x" * ctx.input["size"])


@action("test:return")
async def give(ctx: Context) -> None:
    made = [[]] * (ctx.input["size"] // 64) if ctx.input.get("small") else "x" * ctx.input["size"]
    if ctx.input.get("checkpoint"):
        await ctx.checkpoint("key", lambda: made)
    else:
        ctx.output("made", made)


ALL: tuple[Action, ...] = (write, fill, chatter, shout, give)


def step(name: str, **given: Any) -> dict[str, Any]:
    return {"id": f"s{len(given)}{name}", "action": f"test:{name}", "input": given}


def error(events: list[TaskEvent]) -> str | None:
    """The error of the task, None when it completed."""
    found = body(events[-1])
    assert found["message"].startswith("Run completed")
    return str(found["error"]["message"]) if "error" in found else None


def with_quota(**quota: int) -> ScaffolderSettings:
    return ScaffolderSettings(quotas=QuotaSettings(**quota))


async def test_a_workspace_as_large_as_allowed_is_kept_and_no_larger(tmp_path: Path) -> None:
    async with world(tmp_path, *ALL, settings=with_quota(workspace_bytes=MIB, workspace_files=100)) as w:
        assert error(await w.run(template(step("write", files=4, size=MIB // 4)))) is None
        too_large = error(await w.run(template(step("write", files=4, size=MIB // 4 + 1))))
        assert too_large == "The workspace holds more than 1 MiB (scaffolder.workspaceLimitBytes)"
        assert error(await w.run(template(step("write", files=100, size=1)))) is None
        too_many = error(await w.run(template(step("write", files=101, size=1))))
        assert too_many == "The workspace holds more than 100 files (scaffolder.workspaceLimitFiles)"


async def test_a_workspace_that_was_emptied_is_bounded_as_before(tmp_path: Path) -> None:
    @action("test:empty")
    def empty(ctx: Context) -> None:
        for path in ctx.workspace.files():
            path.unlink()

    steps = (step("write", files=1, size=1), step("empty"), {**step("write", files=101, size=1), "id": "again"})
    async with world(tmp_path, *ALL, empty, settings=with_quota(workspace_files=100)) as w:
        found = error(await w.run(template(*steps)))
        assert found == "The workspace holds more than 100 files (scaffolder.workspaceLimitFiles)"


async def test_a_sparse_file_counts_as_what_it_claims(tmp_path: Path) -> None:
    @action("test:sparse")
    def sparse(ctx: Context) -> None:
        with (ctx.workspace.root / "f").open("wb") as file:
            file.truncate(2 * MIB)

    async with world(tmp_path, sparse, settings=with_quota(workspace_bytes=MIB)) as w:
        assert "more than 1 MiB" in (error(await w.run(template(step("sparse")))) or "")


async def test_a_step_that_goes_on_is_ended_meanwhile(tmp_path: Path) -> None:
    async with world(tmp_path, *ALL, settings=with_quota(workspace_bytes=MIB)) as w:
        events = await w.run(template(step("fill"), {**step("chatter", lines=1, text="next"), "id": "next"}))
        assert error(events) == "The workspace holds more than 1 MiB (scaffolder.workspaceLimitBytes)"
        assert "BackstageError" not in "".join(messages(events))
        assert not any("has been cancelled" in message for message in messages(events))


async def test_a_dry_run_has_the_same_bounds(tmp_path: Path) -> None:
    async with world(tmp_path, *ALL, settings=with_quota(workspace_bytes=MIB), start=False) as w:
        for size, fails in ((MIB, False), (MIB + 1, True)):
            sent = {
                "template": template(step("write", files=1, size=size)),
                "values": {},
                "directoryContents": [],
            }
            if fails:
                with pytest.raises(disk.QuotaError, match="workspaceLimitBytes"):
                    await w.scaffolder.service.dry_run(sent, GUEST)
            else:
                await w.scaffolder.service.dry_run(sent, GUEST)


def free(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Let disks have this much room."""
    found = SimpleNamespace(f_bavail=size, f_frsize=1)
    monkeypatch.setattr(os, "statvfs", lambda _path: found)


async def test_a_disk_is_not_filled_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world(tmp_path, *ALL, settings=with_quota(free_disk_bytes=100 * MIB)) as w:
        entity = template(step("write", files=1, size=10))
        free(monkeypatch, 100 * MIB)
        assert error(await w.run(entity)) is None
        free(monkeypatch, 100 * MIB - 1)
        with pytest.raises(disk.DiskFullError, match=r"99 MiB, where 100 MiB are needed \(scaffolder\.freeDiskBytes\)"):
            await w.create(entity)


async def test_a_disk_that_fills_during_a_task_fails_its_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @action("test:others")
    def others(ctx: Context) -> None:
        (ctx.workspace.root / "f").write_bytes(b"x")
        free(monkeypatch, 5)

    async with world(tmp_path, others) as w:
        assert "Too little disk space is free" in (error(await w.run(template(step("others")))) or "")


def log_size(events: list[TaskEvent]) -> int:
    return sum(len(event.body) for event in events)


@pytest.mark.thorough
@pytest.mark.parametrize(("lines", "text"), [(200, "x" * 200_000), (200_000, "x"), (100, "é" * 200_000)])
async def test_the_log_of_a_task_is_bounded_by_default(tmp_path: Path, lines: int, text: str) -> None:
    async with world(tmp_path, *ALL) as w:
        events = await w.run(template(step("chatter", lines=lines, text=text)))
        stored = sum(path.stat().st_size for path in tmp_path.glob("tasks.sqlite*"))
    assert error(events) is None
    assert sum("has reached its limit (scaffolder.logLimitBytes)" in message for message in messages(events)) == 1
    assert log_size(events) < 17 * MIB
    assert stored < 64 * MIB


async def test_a_log_just_below_its_bound_is_kept_whole(tmp_path: Path) -> None:
    async with world(tmp_path, *ALL, settings=ScaffolderSettings(log_limit_bytes=100_000)) as w:
        events = await w.run(template(step("chatter", lines=100, text="x" * 800)))
        assert sum("x" * 800 in message for message in messages(events)) == 100
        events = await w.run(template(step("chatter", lines=120, text="x" * 800)))
        assert 90 < sum("x" * 800 in message for message in messages(events)) < 110


async def test_an_error_is_as_long_as_a_person_can_read(tmp_path: Path) -> None:
    async with world(tmp_path, *ALL) as w:
        events = await w.run(template(step("shout", size=30 * MIB)))
    assert log_size(events) < MIB
    assert "x…" in (error(events) or "")


@pytest.mark.thorough
async def test_the_names_of_steps_count_too(tmp_path: Path) -> None:
    """In YAML an alias makes a long text of few letters."""
    named = [{**step("chatter", lines=0), "id": f"s{number}", "name": "x" * MIB} for number in range(30)]
    async with world(tmp_path, *ALL, settings=ScaffolderSettings(log_limit_bytes=MIB)) as w:
        events = await w.run(template(*named))
    assert error(events) is None
    assert log_size(events) < 2 * MIB


@pytest.mark.thorough
@pytest.mark.parametrize("where", [{}, {"checkpoint": True}, {"small": True}, {"small": True, "checkpoint": True}])
async def test_outputs_and_checkpoints_are_bounded_for_a_task_in_all(tmp_path: Path, where: dict[str, Any]) -> None:
    """Those of many small values by what they take in memory, which is more than their text."""
    settings = ScaffolderSettings(limits=LimitSettings(output_bytes=100_000))
    steps = [{**step("return", size=30_000, **where), "id": f"s{number}"} for number in range(4)]
    async with world(tmp_path, *ALL, settings=settings) as w:
        assert error(await w.run(template(*steps[:3]))) is None
        assert "scaffolder.limits.outputBytes" in (error(await w.run(template(*steps))) or "")


async def with_snapshots(w: World, size: int) -> str | None:
    return error(await w.run(template(step("write", files=1, size=size), {**step("chatter", lines=1, text="x")})))


async def test_a_snapshot_is_bounded(tmp_path: Path) -> None:
    settings = ScaffolderSettings(
        recovery=TaskRecoverySettings(enabled=True),
        workspace_serialization="database",
        quotas=QuotaSettings(snapshot_bytes=MIB),
    )
    async with world(tmp_path, *ALL, settings=settings) as w:
        assert await with_snapshots(w, MIB - 10_000) is None
        failure = await with_snapshots(w, MIB + 1)
        assert failure == "The snapshot of the workspace is larger than 1 MiB (scaffolder.snapshotLimitBytes)"
