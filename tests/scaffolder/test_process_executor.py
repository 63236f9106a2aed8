"""Actions of others run in a process of the run's: whatever they do there, the service goes on and nothing is left."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from backstage_py.http.actions_registry import Call
from backstage_py.http.template_actions import TemplateActions
from backstage_py.integrations.children import supervisor
from backstage_py.permissions.authority import Authority
from backstage_py.plugin import Services, load_plugins
from backstage_py.scaffolder.executors.process import patience
from backstage_py.scaffolder.face.action_policy import ActionPolicy
from backstage_py.settings.sections import ExecutorSettings, ProcessSettings, ScaffolderSettings
from tests.patience import until
from tests.scaffolder.harness import GUEST, World, body, is_alive, messages, template, world

ACTIONS = Path(__file__).with_name("process_actions")
MIB = 1024 * 1024
LIMITS = ProcessSettings(memory_bytes=256 * MIB, cpu_seconds=1, processes=16, open_files=64)


pytestmark = pytest.mark.asyncio(loop_scope="module")


@asynccontextmanager
async def opened(folder: Path, limits: ProcessSettings) -> AsyncIterator[World]:
    """Open a scaffolder whose actions are loaded; when it is closed, nothing of their processes may be left."""
    before = below()
    settings = ScaffolderSettings(actions_folder=ACTIONS, executor=ExecutorSettings(process=limits))
    registry = load_plugins(ACTIONS).actions
    async with world(folder, settings=settings, registry=registry) as running:
        yield running
        assert not list((folder / "work").glob("*_step-*"))
    await until(lambda: below() == before)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with opened(tmp_path_factory.mktemp("site"), LIMITS) as one:
        yield one


@pytest.fixture
def site(shared: World) -> Iterator[World]:
    """Give the scaffolder to one test, behind which there is the zygote and nothing else."""
    yield shared
    zygote = shared.scaffolder.executors.elsewhere["process"].zygote  # type: ignore[attr-defined]  # of this kind
    assert not supervisor.below(zygote.pid) if zygote.pid else True
    assert not list(shared.scaffolder.service.working_directory.glob("*_step-*"))


def below() -> set[int]:
    """Return the processes below this one that are none of asyncio's or of a database."""
    return {pid for pid in supervisor.below(os.getpid()) if is_alive(pid)}


def is_zygote(pid: int) -> bool:
    """Say whether it is one, from its very start, or what one has forked."""
    with suppress(OSError):
        return b"backstage_py.execution.zygote" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def steps(*ids: str, **given: Any) -> dict[str, Any]:
    """Return a template that calls actions one after the other and gives all their outputs."""
    return template(
        *({"id": f"s{n}", "action": f"test:{id_}", "input": given} for n, id_ in enumerate(ids)),
        output={f"s{n}": f"${{{{ steps.s{n}.output }}}}" for n in range(len(ids))},
    )


async def is_unharmed(site: World) -> None:
    """Run another task from its start to its end."""
    events = await site.run(steps("good"))
    assert body(events[-1])["message"] == "Run completed with status: completed"
    assert any("all is well" in message for message in messages(events))


async def test_the_steps_of_a_run_share_a_process_and_those_of_another_have_their_own(site: World) -> None:
    found = body((await site.run(steps("good", "good-plain", "good")))[-1])["output"]
    other = body((await site.run(steps("good")))[-1])["output"]
    assert found["s0"]["pid"] == found["s1"]["pid"] == found["s2"]["pid"] == found["s1"]["helped"]
    assert len({found["s0"]["pid"], other["s0"]["pid"], os.getpid()}) == 3
    assert Path(found["s0"]["folder"]).parent == site.scaffolder.service.working_directory
    assert not is_alive(found["s0"]["pid"])


async def test_a_dry_run_goes_the_same_way(site: World) -> None:
    asked = {"template": steps("tried"), "values": {}, "directoryContents": []}
    found = await site.scaffolder.service.dry_run(asked, GUEST)
    made = found["output"]["s0"]
    assert made["dry"] is True
    assert made["pid"] != os.getpid()
    assert [one["path"] for one in found["directoryContents"]] == ["made.txt"]


async def test_an_action_that_another_backend_calls_goes_the_same_way(site: World) -> None:
    scaffolder = site.scaffolder
    offered = TemplateActions.of(
        "backstage-py",
        scaffolder.service.equipment.registry,
        Services(),
        scaffolder.service.working_directory,
        ActionPolicy.of({}),
        Authority(),
        executors=scaffolder.executors,
    )
    [tried] = [one for one in offered.offered() if one.entry["name"] == "test:tried"]
    found = await tried.run(Call({"workspaceFiles": []}, None, GUEST))
    assert (found["dry"], found["token"]) == (False, True)
    assert found["pid"] != os.getpid()
    assert [one["path"] for one in found["workspaceFiles"]] == ["made.txt"]


@pytest.mark.thorough
async def test_a_try_whose_time_is_over_is_ended_and_what_it_did_is_kept(site: World, tmp_path: Path) -> None:
    events = await site.run(steps("keeps", mark=str(tmp_path / "outside")))
    found = body(events[-1])["output"]["s0"]
    assert (tmp_path / "outside").read_text().split() == [found["made"]]
    assert found["first"] != found["second"]
    assert not is_alive(found["first"])


BLOCKING = (
    "blocks",
    "blocks-its-loop",
    "loops-in-c",
    "deaf",
    "deaf-async",
    "forks-and-blocks",
    "stops-keeper",
)


@pytest.mark.thorough(sample=2)
@pytest.mark.parametrize("bad", BLOCKING)
async def test_one_that_never_ends_is_ended_with_all_it_started(site: World, tmp_path: Path, bad: str) -> None:
    task = await site.create(steps(bad, mark=str(tmp_path / "mark")))
    await until((tmp_path / "mark").exists)
    await is_unharmed(site)
    await site.scaffolder.service.cancel(task)
    events = await site.events(task)
    assert body(events[-1])["error"]["message"].endswith("has been cancelled.")
    assert not is_alive(int((tmp_path / "mark").read_text()))
    await is_unharmed(site)


@pytest.mark.thorough
async def test_one_that_closes_its_connection_can_be_ended(site: World, tmp_path: Path) -> None:
    """Its thread for answers may be reading then, which keeps the connection; else the step ends by itself."""
    task = await site.create(steps("closes", mark=str(tmp_path / "mark")))
    await until((tmp_path / "mark").exists)
    await site.scaffolder.service.cancel(task)
    message = body((await site.events(task))[-1])["error"]["message"]
    assert message.endswith("has been cancelled.") or message.startswith("The process of action test:closes ")
    assert not is_alive(int((tmp_path / "mark").read_text()))
    await is_unharmed(site)


DYING = {
    "leaves": "ended by itself in the middle of the step, with status 7",
    "leaves-well": "ended by itself in the middle of the step, with status 0",
    "crashes": "crashed (SIGSEGV)",
    "eats": "needs more memory than 256 MiB (scaffolder.executor.process.memoryBytes)",
    "computes": "needs more than 1 seconds of CPU time (scaffolder.executor.process.cpuSeconds)",
    "bomb": "has more than 16 processes at once (scaffolder.executor.process.processes)",
    "opens": "Too many open files",
    "closes-and-returns": "ended by itself in the middle of the step, with status 0",
    "garbage": "sent what is no message",
    "huge-frame": "sent what is no message",
    "kills-keeper": "was ended from outside",
    "kills-zygote": "was ended from outside",
    "scatters-and-dies": "ended by itself",
}


@pytest.mark.thorough(sample=3)
@pytest.mark.parametrize(("bad", "words"), DYING.items(), ids=DYING)
async def test_one_that_ruins_its_process_fails_its_step_in_words(
    site: World, tmp_path: Path, bad: str, words: str
) -> None:
    events = await site.run(steps(bad, mark=str(tmp_path / "mark")))
    assert words in body(events[-1])["error"]["message"]
    await is_unharmed(site)


async def test_what_an_action_leaves_behind_is_gone_before_the_next_step(site: World, tmp_path: Path) -> None:
    found = body((await site.run(steps("daemons", "good", mark=str(tmp_path / "mark"))))[-1])["output"]
    assert not is_alive(int((tmp_path / "mark").read_text()))
    assert found["s1"]["pid"]


@pytest.mark.parametrize(("first", "is_same"), [("threads", False), ("moves", True)])
async def test_only_a_process_that_is_as_good_as_new_is_used_again(site: World, first: str, is_same: bool) -> None:
    found = body((await site.run(steps(first, "good")))[-1])["output"]
    assert (found["s0"]["pid"] == found["s1"]["pid"]) is is_same
    assert Path(found["s1"]["folder"]).parent == site.scaffolder.service.working_directory


async def test_one_that_changes_our_modules_changes_them_for_itself(site: World) -> None:
    await site.run(steps("patches"))
    await is_unharmed(site)


async def test_temporary_files_go_with_the_process(site: World) -> None:
    found = body((await site.run(steps("scatters")))[-1])["output"]["s0"]
    assert not Path(found["file"]).exists()
    assert not Path(found["folder"]).exists()


async def test_what_it_prints_is_in_the_operators_log_and_bounded(
    site: World, capsys: pytest.CaptureFixture[str]
) -> None:
    await site.run(steps("prints"), {}, {"token": "s3cret-of-the-task"})
    printed = capsys.readouterr().out
    assert "said aside with ***" in printed
    assert "s3cret" not in printed
    assert "test:prints" in printed
    assert printed.count("z") < 100_000


async def test_neither_environment_nor_command_line_hold_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "hunter2-of-the-service")
    monkeypatch.setenv("CHOSEN", "by the operator")
    async with opened(tmp_path, replace(LIMITS, environment=("CHOSEN",))) as site:
        events = await site.run(steps("environment"), {}, {"token": "s3cret-of-the-task"})
        found = body(events[-1])["output"]["s0"]
        assert found["names"]["CHOSEN"] == "by the operator"
        assert "PATH" in found["names"]
        assert not {"DATABASE_PASSWORD", "PYTHONPATH"} & set(found["names"])
        assert "hunter2" not in str(found)
        assert "s3cret" not in str(found)


async def test_runs_wait_for_a_place(tmp_path: Path) -> None:
    marks = [tmp_path / f"mark{n}" for n in range(2)]
    async with opened(tmp_path, replace(LIMITS, at_once=1)) as site:
        first = await site.create(steps("blocks", mark=str(marks[0])))
        await until(marks[0].exists)
        second = await site.create(steps("blocks", mark=str(marks[1])))
        third = await site.create(steps("good"))
        await site.scaffolder.service.cancel(second)
        assert body((await site.events(second))[-1])["error"]["message"].endswith("has been cancelled.")
        await site.scaffolder.service.cancel(first)
        await site.events(first)
        assert body((await site.events(third))[-1])["message"] == "Run completed with status: completed"
        assert not marks[1].exists()


async def test_a_run_that_is_cancelled_takes_no_other_with_it(tmp_path: Path) -> None:
    """It was the first that needed a process, and both wait for the program that starts them."""
    async with opened(tmp_path, LIMITS) as site:
        before = below()
        both = [await site.create(steps("good")) for _ in range(2)]
        await until(lambda: below() > before)
        await site.scaffolder.service.cancel(both[0])
        await site.events(both[0])
        assert body((await site.events(both[1]))[-1])["message"] == "Run completed with status: completed"


async def test_a_step_begins_although_what_starts_processes_has_just_died(site: World) -> None:
    await is_unharmed(site)
    zygote = site.scaffolder.executors.elsewhere["process"].zygote  # type: ignore[attr-defined]  # of this kind
    for _ in range(3):
        os.kill(zygote.pid, signal.SIGKILL)
        await is_unharmed(site)


@pytest.mark.parametrize("number", supervisor.REQUESTS)
async def test_a_request_to_end_the_service_that_all_its_processes_get_ends_no_action(
    tmp_path: Path, number: signal.Signals
) -> None:
    """The service itself hands its tasks back in order; before a process is ready it is started again."""
    async with opened(tmp_path, LIMITS) as site:
        before = below()
        first = await site.create(steps("good"))
        zygote, *_ = sorted(await until(lambda: [pid for pid in below() - before if is_zygote(pid)]))
        os.kill(zygote, number)
        assert body((await site.events(first))[-1])["message"] == "Run completed with status: completed"
        mark = tmp_path / "mark"
        second = await site.create(steps("good", "waits", mark=str(mark)))
        await until(mark.exists)
        zygote = site.scaffolder.executors.elsewhere["process"].zygote.pid  # type: ignore[attr-defined]  # of this kind
        for one in (zygote, *supervisor.below(zygote)):
            os.kill(one, number)
        mark.unlink()
        found = body((await site.events(second))[-1])
        assert found["message"] == "Run completed with status: completed", found
        assert found["output"]["s0"]["pid"] == found["output"]["s1"]["pid"]


@pytest.mark.thorough
async def test_what_starts_processes_ends_when_nobody_needs_it_and_starts_again(tmp_path: Path) -> None:
    before = below()
    async with opened(tmp_path, replace(LIMITS, idle=0.01)) as site:
        zygote = site.scaffolder.executors.elsewhere["process"].zygote  # type: ignore[attr-defined]  # of this kind
        for _ in range(2):
            await is_unharmed(site)
            await until(lambda: zygote.pid is None and below() <= before)


async def test_time_in_which_the_service_was_stopped_is_no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "SECOND", 0.05)
    loop, told = asyncio.get_running_loop(), asyncio.Event()

    def stopped() -> None:
        """All that is due is due at once behind this, as after SIGCONT."""
        loop.call_soon_threadsafe(told.set)
        time.sleep(0.3)

    loop.call_soon(stopped)
    assert await patience.done_within(asyncio.ensure_future(told.wait()), 3)
    assert not await patience.done_within(loop.create_future(), 3)


async def test_a_dry_run_skips_what_belongs_into_pods(site: World) -> None:
    service = site.scaffolder.service
    rules = replace(site.scaffolder.executors.settings, default="kubernetes")
    service.equipment = replace(service.equipment, executors=replace(site.scaffolder.executors, settings=rules))
    asked = {"template": steps("tried"), "values": {}, "directoryContents": []}
    found = await service.dry_run(asked, GUEST)
    said = [one["body"]["message"] for one in found["log"]]
    assert "Skipping because test:tried runs in pods of a cluster, which only tasks have" in said
    assert found["directoryContents"] == []
