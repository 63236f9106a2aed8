"""An action that does wrong ends its own step at most, wherever it runs: a task beside it runs as if nothing were."""

import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from backstage_py.plugin import load_plugins
from backstage_py.settings.sections import ExecutorSettings, ScaffolderSettings
from tests import patience
from tests.scaffolder.harness import World, body, messages, template, world

ACTIONS = Path(__file__).with_name("misbehaving_actions")
_LOG_LIMIT = 4 * 1024 * 1024

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["process", "inline"])
async def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    executor = ExecutorSettings(default=request.param)
    settings = ScaffolderSettings(actions_folder=ACTIONS, log_limit_bytes=_LOG_LIMIT, executor=executor)
    registry = load_plugins(ACTIONS).actions
    async with world(tmp_path_factory.mktemp("site"), settings=settings, registry=registry) as running:
        yield running


@pytest.fixture
def released(site: World) -> Iterator[None]:
    """Let what blocks in this process end behind a test."""
    module = sys.modules[site.scaffolder.service.equipment.registry.get("test:blocks").handler.__module__]
    module.ended.clear()
    yield
    module.ended.set()


WRONG = {
    "exits": "SystemExit: I leave",
    "interrupts": "KeyboardInterrupt",
    "foreign": "ForeignError",
    "base": "ForeignBaseError: out of the tree",
    "base-async": "ForeignBaseError: out of the tree",
    "stops": "StopIteration",
    "cancels-itself": "CancelledError: the action cancelled itself",
    "talks-much": "www… (50000012 letters)",  # with the name of the exception
    "object": "Output 'handle' is not a JSON value",
    "text": "returned a value of type str; return its outputs by name",
    "forgets": "returned a coroutine instead of what it stands for",
    "half-awaited": "is there an 'await' missing",
    "endless": "recursion",
}


async def is_unharmed(site: World) -> None:
    """Run another task from its start to its end."""
    async with patience.bounded():
        events = await site.run(template({"id": "a", "action": "test:good", "input": {}}, name="other"))
    assert body(events[-1])["message"] == "Run completed with status: completed"
    assert any("all is well" in message for message in messages(events))


def step(bad: str, **given: str) -> dict[str, Any]:
    return template({"id": "bad", "action": f"test:{bad}", "input": given}, name="bad")


@pytest.mark.thorough(sample=2)
@pytest.mark.parametrize("bad", ["blocks", "blocks-its-loop", "deaf", "fills-executor"])
async def test_one_that_never_ends_leaves_room_and_can_be_cancelled(
    site: World, released: None, tmp_path: Path, bad: str
) -> None:
    task = await site.create(step(bad, mark=str(tmp_path / "mark")))
    await patience.until((tmp_path / "mark").exists)
    await is_unharmed(site)
    await site.scaffolder.service.cancel(task)
    async with patience.bounded():
        events = await site.events(task)
    assert body(events[-1])["error"]["message"].endswith("has been cancelled.")
    await is_unharmed(site)


@pytest.mark.thorough
@pytest.mark.parametrize("bad", ["leaks", "leaks-a-task"])
async def test_what_is_left_behind_says_nothing_more(site: World, released: None, bad: str) -> None:
    events = await site.run(step(bad))
    assert body(events[-1])["message"] == "Run completed with status: completed"
    await is_unharmed(site)
    later = await site.scaffolder.service.past_events(events[0].task_id)
    assert [event.id for event in later] == [event.id for event in events]


@pytest.mark.thorough
async def test_a_hundred_megabytes_of_log_are_cut(site: World) -> None:
    task = await site.create(step("floods"))
    await is_unharmed(site)
    events = await site.events(task)
    kept = sum(len(message) for message in messages(events))
    assert kept < 1.1 * _LOG_LIMIT
    assert any("has reached its limit" in message for message in messages(events))
    assert body(events[-1])["message"] == "Run completed with status: completed"


@pytest.mark.thorough(sample=4)
@pytest.mark.parametrize(("bad", "words"), WRONG.items(), ids=WRONG)
async def test_what_it_raises_or_returns_fails_its_step_in_words(site: World, bad: str, words: str) -> None:
    events = await site.run(step(bad))
    assert words in body(events[-1])["error"]["message"]
    await is_unharmed(site)


async def test_half_a_surrogate_pair_is_written_as_the_replacement_character(site: World) -> None:
    """JavaScript carries it; UTF-8, in which the database and answers are, cannot."""
    step = {"id": "bad", "action": "test:surrogate", "input": {}}
    entity = template(step, output={"text": "${{ steps.bad.output.text }}"})
    assert body((await site.run(entity))[-1])["output"] == {"text": "\ufffd"}


@pytest.mark.thorough
async def test_many_at_once_do_not_hold_up_another(site: World, released: None, tmp_path: Path) -> None:
    bad = ["blocks", "deaf", "leaks", "exits", "foreign"]
    tasks = [await site.create(step(one, mark=str(tmp_path / one))) for one in bad]
    await is_unharmed(site)
    for task in tasks:
        await site.scaffolder.service.cancel(task)
        await site.events(task)


async def test_the_current_directory_stays_that_of_the_service(site: World) -> None:
    before = Path.cwd()
    step = {"id": "bad", "action": "test:moves", "input": {}}
    entity = template(step, output={"at": "${{ steps.bad.output.folder }}"})
    events = await site.run(entity)
    assert Path(body(events[-1])["output"]["at"]) != before
    assert Path.cwd() == before
    await is_unharmed(site)


async def test_a_signal_handler_of_the_service_stays(site: World) -> None:
    before = signal.getsignal(signal.SIGTERM)
    await site.run(step("signals"))
    await site.run(step("signals-of-loop"))
    assert signal.getsignal(signal.SIGTERM) is before
    await is_unharmed(site)


async def test_where_a_foreign_exception_came_from_is_in_the_log_without_its_values(
    site: World, capsys: pytest.CaptureFixture[str]
) -> None:
    await site.run(step("base-async"))
    [line] = [line for line in capsys.readouterr().out.splitlines() if "action_raised" in line]
    assert "raises_base_async" in line
    assert "test:base-async" in line
    assert "out of the tree" not in line
