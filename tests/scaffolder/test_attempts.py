"""An attempt is the unit: what an earlier one still does to its folder, its entry or its task is not the next one's."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from backstage_py.integrations import git
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.integrations.hosts.url_reading import UrlReading, listed
from backstage_py.integrations.web.http import HttpClient
from backstage_py.model.scm import ScmIntegration
from backstage_py.model.task import ClaimLost, EventType, StepResult, TaskStatus, Transition, new_event
from backstage_py.plugin import ActionContext, PermanentError, RetryPolicy, Services, TemporaryError, action
from backstage_py.plugin.registry import load_actions
from backstage_py.sandbox.server import Sandbox, serve_sandbox
from backstage_py.scaffolder.queue.lease import Lease
from backstage_py.scaffolder.queue.workspaces import WorkspaceFolders
from backstage_py.settings.sections import ScaffolderSettings, TaskRecoverySettings
from tests.effort import IS_THOROUGH
from tests.http import scaffolder_site
from tests.scaffolder.harness import World, body, template, world

Context = ActionContext[dict[str, Any]]
FILES = 4_000 if IS_THOROUGH else 500
TASK = "0b0c4a2e-5a53-4d0e-9f0e-3b1c9a7d2f10"
ran: list[str] = []


@pytest.fixture(autouse=True)
def _nothing_ran() -> None:
    ran.clear()


@action("test:fill")
def fill(ctx: Context) -> None:
    for number in range(FILES):
        folder = ctx.workspace.path(f"d{number % 40}")
        folder.mkdir(exist_ok=True)
        (folder / f"f{number}").write_text(f"{number}\n")


@action("test:fail-first")
def fail_first(ctx: Context) -> None:
    ran.append(ctx.task_id)
    if ran.count(ctx.task_id) == 1:
        raise PermanentError("the first time")


@action("test:count")
def count(ctx: Context) -> None:
    ctx.output("files", sum(1 for _ in ctx.workspace.files()))


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    async with serve_sandbox(tmp_path / "sandbox") as running:
        yield running


@pytest.fixture
async def services(sandbox: Sandbox) -> AsyncIterator[Services]:
    """Services whose ``github.com`` is the sandbox."""
    registry = ScmRegistry(
        ScmIntegration("github", one["host"], one["host"], one["apiBaseUrl"], one["rawBaseUrl"], one["token"], {})
        for one in sandbox.integrations
    )
    async with HttpClient(listed(registry, ())) as http:
        yield Services(integrations=registry, url_reader=UrlReading(http, registry), config={})


async def _retried_at_once(w: World, entity: dict[str, Any]) -> list[Any]:
    """Run a task that fails the first time, and retry it in the moment in which its failure is told."""
    task_id = await w.create(entity)
    assert body((await w.events(task_id))[-1])["error"]["message"] == "the first time"
    assert (await scaffolder_site.post(scaffolder_site.site(w), f"/v2/tasks/{task_id}/retry", {})).status == 201
    return await w.events(task_id)


async def test_a_retry_at_once_has_all_its_files(tmp_path: Path) -> None:
    steps = [{"id": one, "action": f"test:{one}"} for one in ("fill", "fail-first", "count")]
    entity = template(*steps, output={"files": "${{ steps.count.output.files }}"})
    async with world(tmp_path, fill, fail_first, count) as w:
        ended = await asyncio.gather(*(_retried_at_once(w, entity) for _ in range(2)))
    assert [body(events[-1]).get("output") for events in ended] == [{"files": FILES}] * 2


async def test_a_retry_at_once_publishes_all_its_files(tmp_path: Path, services: Services, sandbox: Sandbox) -> None:
    registry = load_actions()
    publish = {"repoUrl": "github.com?owner=acme&repo=shop", "defaultBranch": "main", "repoVisibility": "public"}
    entity = template(
        {"id": "fill", "action": "test:fill"},
        {"id": "fail", "action": "test:fail-first"},
        {"id": "publish", "action": "publish:github", "input": publish},
    )
    async with world(tmp_path, fill, fail_first, registry.get("publish:github"), services=services) as w:
        events = await _retried_at_once(w, entity)
        assert body(events[-1])["message"] == "Run completed with status: completed"
    await git.clone(f"{sandbox.url}/acme/shop.git", tmp_path / "clone", ref="main")
    assert sum(1 for path in (tmp_path / "clone").glob("d*/f*")) == FILES


async def test_the_end_of_an_earlier_attempt_leaves_what_a_later_one_has(tmp_path: Path) -> None:
    folders = WorkspaceFolders(tmp_path)
    first, second = await folders.open(TASK, 1), await folders.open(TASK, 2)
    (tmp_path / f"{TASK}-1_step-x").mkdir()
    (tmp_path / f"{TASK}-2_step-x").mkdir()
    await folders.remove(first)
    assert second.path.is_dir()
    assert {path.name for path in tmp_path.iterdir()} > {f"{TASK}-2", f"{TASK}-2_step-x"}
    await folders.remove(second)
    assert list(tmp_path.iterdir()) == []


async def test_a_folder_is_its_attempts_until_all_of_it_is_gone(tmp_path: Path) -> None:
    folders = WorkspaceFolders(tmp_path / "work")
    (tmp_path / "kept").write_text("of others")
    for number, count in enumerate((3, 600), 1):  # removed at once, and in a thread
        folder = await folders.open(TASK, number)
        (folder.path / "link").symlink_to(tmp_path, target_is_directory=True)
        for n in range(count):
            (folder.path / f"d{n % 7}").mkdir(exist_ok=True)
            (folder.path / f"d{n % 7}" / f"f{n}").touch()
        locks = [folder.lock]
        await folders.remove(folder)
        locks.append(folder.lock)
        assert [lock is None for lock in locks] == [False, True]
        assert not folder.path.exists()
    assert (tmp_path / "kept").read_text() == "of others"


async def test_a_folder_in_which_an_attempt_still_works_is_copied_and_another_is_moved(tmp_path: Path) -> None:
    folders = WorkspaceFolders(tmp_path)
    first = await folders.open(TASK, 1)
    (first.path / "made").write_text("by the first step")
    (first.path / "link").symlink_to("made")
    os.mkfifo(first.path / "pipe")

    second = await folders.take_over(TASK, 2, since=1)

    assert second is not None
    (first.path / "made").write_text("by who comes too late")
    assert (second.path / "made").read_text() == "by the first step"
    assert (second.path / "link").readlink() == Path("made")
    second.let_go()
    third = await folders.take_over(TASK, 3, since=1)
    assert third is not None
    assert (third.path.name, second.path.exists(), first.path.exists()) == (f"{TASK}-3", False, True)


async def test_a_folder_that_lacks_the_newest_step_is_not_gone_on_with(tmp_path: Path) -> None:
    folders = WorkspaceFolders(tmp_path)
    (await folders.open(TASK, 1)).let_go()
    assert await folders.take_over(TASK, 3, since=2) is None  # the second attempt was another machine's


async def test_a_lost_attempt_writes_nothing_more(tmp_path: Path) -> None:
    async with world(tmp_path, count, start=False) as w:
        task_id = await w.create(template({"id": "c", "action": "test:count"}))
        store, checkpoints = w.scaffolder.worker.store, w.scaffolder.worker._attempts.checkpoints
        [first] = await store.claim("one", 1, keep_secrets=False)
        await checkpoints.save(first, "kept", 1)
        await w.scaffolder.worker._recovery.release([first.key])
        assert body((await w.events(task_id))[-1])["error"]["name"] == "Error"
        await w.scaffolder.service.retry(task_id, {}, w.credentials)
        for _ in range(2):  # while the task is open, and when another attempt has it
            for write in (
                store.record(first, Transition([new_event(EventType.LOG, {"message": "late"})])),
                store.record(first, Transition(steps=[StepResult(0, failed=False, result={})])),
                store.record(first, Transition(end=TaskStatus.COMPLETED)),
                store.hand_back(first),
                checkpoints.save(first, "late", 1),
                Lease(store, first).check(),
            ):
                with pytest.raises(ClaimLost):
                    await write
            await w.scaffolder.worker._recovery.release([first.key])
            await store.claim("two", 1, keep_secrets=False)
        assert await checkpoints.load(task_id) == {"kept": 1}
        assert await store.finished_steps(task_id) == {}
        assert (await w.scaffolder.service.get(task_id)).status == "processing"


async def _lose_all(w: World) -> None:
    """Take all attempts away without telling them, as from a machine that was suspended."""
    await w.scaffolder.worker._recovery.release(w.scaffolder.worker._running)
    for one in list(w.scaffolder.worker._running.values()):
        one.lease._valid_until = 0


@pytest.mark.parametrize("way", ["step", "iteration", "try", "checkpoint"])
async def test_an_attempt_whose_lease_was_lost_meanwhile_has_no_further_effect(tmp_path: Path, way: str) -> None:
    @action("test:effects", retry=RetryPolicy(attempts=2, first_wait=0))
    async def effects(ctx: Context) -> None:
        async def made() -> str:
            ran.append(f"checkpoint {ctx.task_id}")
            return "made"

        ran.append(str(ctx.input["name"]))
        if len(ran) == 1:
            await _lose_all(w)
            if way == "try":
                raise TemporaryError("try again")
        if way == "checkpoint":
            ran.append("made" if await ctx.checkpoint("key", made) else "")

    def step(name: str, **more: Any) -> dict[str, Any]:
        return {"id": name, "action": "test:effects", "input": {"name": name}, **more}

    each = {"each": ["1", "2"], "input": {"name": "${{ each.value }}"}}
    steps = {"step": [step("1"), step("2")], "iteration": [step("1", **each)], "try": [step("1")]}
    settings = ScaffolderSettings(recovery=TaskRecoverySettings(enabled=True))
    async with world(tmp_path, effects, settings=settings) as w:
        events = await w.run(template(*steps.get(way, [step("1")])))
    assert body(events[-1])["message"] == "Run completed with status: completed"
    second_attempt = {
        "step": ["1", "2"],
        "iteration": ["1", "2"],
        "try": ["1"],
        "checkpoint": ["1", f"checkpoint {events[0].task_id}", "made"],
    }
    assert ran == ["1", *second_attempt[way]]
