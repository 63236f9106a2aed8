"""``ctx.effect`` as an author sees it: what happened outside happens once, whatever comes between."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from backstage_py.errors import BackstageError
from backstage_py.plugin import (
    Action,
    ActionContext,
    ConflictError,
    ForeignError,
    NotAllowedError,
    PermanentError,
    RetryPolicy,
    ServiceUnavailableError,
    action,
)
from backstage_py.testing import ActionRunner

Context = ActionContext[dict[str, Any]]
KEY = "thing"


@dataclass
class Outside:
    """A system that makes things; what it answers is up to the test."""

    things: list[dict[str, str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    before: list[BaseException] = field(default_factory=list)
    after: list[BaseException] = field(default_factory=list)

    async def create(self, marker: str) -> dict[str, str]:
        if self.before:
            raise self.before.pop(0)
        made = {"id": str(len(self.things)), "marker": marker}
        self.things.append(made)
        if self.after:
            raise self.after.pop(0)
        return made

    async def find(self, marker: str) -> dict[str, str] | None:
        self.asked.append(marker)
        return next((one for one in self.things if one["marker"] == marker), None)


def making(outside: Outside, **options: Any) -> Action:
    @action("test:make", retry=options.pop("retry", None), dry_run=True)
    async def make(ctx: Context) -> dict[str, str]:
        given: dict[str, Any] = {"find": outside.find, **options}
        made: dict[str, str] = await ctx.effect(KEY, create=outside.create, **given)
        return made

    return make


def test_what_was_made_is_not_made_again(action_runner: ActionRunner) -> None:
    outside = Outside()
    make = making(outside)
    first, again = action_runner(make), action_runner(make)
    assert first.outputs == again.outputs == outside.things[0]
    assert (len(outside.things), outside.asked) == (1, [])
    assert action_runner.effects[KEY]["state"] == "done"


def test_the_marker_names_the_task_and_fits_a_label(action_runner: ActionRunner) -> None:
    outside = Outside()
    action_runner(making(outside))
    marker = outside.things[0]["marker"]
    assert marker == action_runner.effects[KEY]["marker"]
    assert marker.startswith("action-")
    assert len(marker) <= 63
    assert set(marker) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


@pytest.mark.parametrize("lost", [ServiceUnavailableError("reset"), ForeignError("502"), OSError("reset")])
def test_a_lost_answer_is_looked_up(action_runner: ActionRunner, lost: Exception) -> None:
    outside = Outside(after=[lost])
    make = making(outside)
    with pytest.raises(BackstageError):
        action_runner(make)
    assert action_runner.effects.with_state("intended") == {KEY}
    assert action_runner(make).outputs == outside.things[0]
    assert len(outside.things) == 1
    assert f"An earlier run of this step did '{KEY}' already; going on with what it made" in action_runner.log


def test_the_kit_loses_answers_and_stops_before_effects(action_runner: ActionRunner) -> None:
    outside = Outside()
    make = making(outside)
    action_runner.effects.stop_before(KEY)
    with pytest.raises(ServiceUnavailableError, match="stopped before"):
        action_runner(make)
    assert outside.things == []
    action_runner.effects.lose_answer(KEY)
    with pytest.raises(ServiceUnavailableError, match="lost the answer"):
        action_runner(make)
    assert action_runner(make).outputs == outside.things[0]
    assert len(outside.things) == 1


def test_a_retry_within_the_run_looks_first(action_runner: ActionRunner) -> None:
    outside = Outside(after=[ServiceUnavailableError("reset")])
    assert action_runner(making(outside, retry=RetryPolicy(attempts=2))).outputs == outside.things[0]
    assert len(outside.things) == 1


def test_a_refusal_forgets_the_intent(action_runner: ActionRunner) -> None:
    outside = Outside(before=[NotAllowedError("a scope is missing")])
    make = making(outside)
    with pytest.raises(NotAllowedError):
        action_runner(make)
    assert action_runner.effects.with_state("failed") == {KEY}
    assert action_runner(make).outputs == outside.things[0]
    assert outside.asked == []


def test_a_thing_of_somebody_else_is_not_taken(action_runner: ActionRunner) -> None:
    outside = Outside(before=[ServiceUnavailableError("reset"), ConflictError("the name is taken")])
    make = making(outside)
    with pytest.raises(ServiceUnavailableError):
        action_runner(make)
    outside.things.append({"id": "theirs", "marker": "another-task"})
    with pytest.raises(ConflictError, match="the name is taken"):
        action_runner(make)


def test_what_arrives_late_is_found_when_its_name_is_taken(action_runner: ActionRunner) -> None:
    outside = Outside(before=[ServiceUnavailableError("slow"), ConflictError("the name is taken")])
    make = making(outside)
    with pytest.raises(ServiceUnavailableError):
        action_runner(make)
    marker = str(action_runner.effects[KEY]["marker"])
    looked: list[str] = []

    async def late(asked: str) -> dict[str, str] | None:
        looked.append(asked)
        if len(looked) == 1:
            outside.things.append({"id": "0", "marker": marker})  # it arrives behind the look
            return None
        return await Outside.find(outside, asked)

    assert action_runner(making(outside, find=late)).outputs == {"id": "0", "marker": marker}
    assert looked == [marker, marker]


def test_without_a_look_up_it_stops_once_and_says_so(action_runner: ActionRunner) -> None:
    outside = Outside(after=[ServiceUnavailableError("reset")])
    make = making(outside, find=None)
    with pytest.raises(ServiceUnavailableError):
        action_runner(make)
    with pytest.raises(ConflictError, match="It is not known whether an earlier run of this step did 'thing'"):
        action_runner(make)
    assert len(outside.things) == 1
    action_runner(make)  # somebody looked and wants it
    assert len(outside.things) == 2


def test_without_a_look_up_it_may_be_done_again(action_runner: ActionRunner) -> None:
    outside = Outside(after=[ServiceUnavailableError("reset")])
    make = making(outside, find=None, if_unknown="create")
    with pytest.raises(ServiceUnavailableError):
        action_runner(make)
    action_runner(make)
    assert len(outside.things) == 2
    assert ("warning", f"It is not known whether an earlier run of this step did '{KEY}'; doing it again") in (
        action_runner.log.entries
    )


def test_a_dry_run_has_no_effects(action_runner: ActionRunner) -> None:
    outside = Outside()
    example = {"id": "example", "marker": ""}
    assert action_runner(making(outside, in_dry_run=example), dry_run=True).outputs == example
    with pytest.raises(PermanentError, match="in_dry_run"):
        action_runner(making(outside), dry_run=True)
    assert (outside.things, outside.asked, dict(action_runner.effects)) == ([], [], {})


def test_a_plain_function_waits_for_its_effect(action_runner: ActionRunner) -> None:
    made: list[str] = []

    def create(marker: str) -> str:
        made.append(marker)
        return "thing"

    @action("test:plain")
    def plain(ctx: Context) -> dict[str, str]:
        return {"made": ctx.wait(ctx.effect(KEY, create=create))}

    assert action_runner(plain).outputs == action_runner(plain).outputs == {"made": "thing"}
    assert len(made) == 1


def test_a_result_that_is_no_json_is_refused(action_runner: ActionRunner) -> None:
    outside = Outside()

    async def create(_marker: str) -> Any:
        return object()

    @action("test:object")
    async def make(ctx: Context) -> None:
        await ctx.effect(KEY, create=create, find=outside.find)

    with pytest.raises(PermanentError, match="The result of the effect 'thing' is not a JSON value"):
        action_runner(make)


async def test_an_action_that_was_cut_short_has_no_further_effect(tmp_path: Path) -> None:
    """A timeout ends the call; what the thread left behind asks for then is refused before the effect."""
    outside = Outside()
    begun, go_on, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    @action("test:slow", timeout=0.1)
    async def slow(ctx: Context) -> None:
        loop.call_soon_threadsafe(begun.set)
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(go_on.wait(), loop))
            try:
                await ctx.effect(KEY, create=outside.create, find=outside.find)
            finally:
                loop.call_soon_threadsafe(ended.set)

    runner = ActionRunner(tmp_path)
    while not begun.is_set():  # a busy machine may need longer than its timeout to begin
        with pytest.raises(BackstageError, match="did not finish"):
            await runner.run(slow)
    go_on.set()
    await ended.wait()
    assert (outside.things, dict(runner.effects)) == ([], {})
