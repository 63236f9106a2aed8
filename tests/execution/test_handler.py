"""An action whose context lives at the other end of a connection misses nothing, and can do nothing behind its end."""

import asyncio
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from backstage_py.errors import (
    BackstageError,
    ConflictError,
    ForeignError,
    NotFoundError,
    NotImplementedInBackendError,
    PermanentError,
    TemporaryError,
)
from backstage_py.execution import messages
from backstage_py.model.json import JsonObject
from backstage_py.model.task import ClaimLost
from backstage_py.plugin import Action, ActionContext, UrlContent, action
from backstage_py.storage.faults import LostError, is_outage
from tests import patience
from tests.execution.pair import HOST, Everything, Pair, Sink

ANY: JsonObject = {"type": "object"}
Context = ActionContext[JsonObject]


@dataclass
class Greeting:
    name: str
    times: int = 1


@action("test:greets", Greeting)
async def greets(ctx: ActionContext[Greeting]) -> JsonObject:
    ctx.logger.info(f"hello {ctx.input.name}")  # noqa: G004  # the task's log
    ctx.logger.debug("deep down")
    ctx.output("times", ctx.input.times)
    (ctx.workspace.path("file")).write_text("here")
    scratch = ctx.temporary_directory()
    return {"said": [ctx.task_id, ctx.step.name, ctx.user.ref, ctx.token], "scratch": str(scratch)}


@action("test:greets-plainly", Greeting)
def greets_plainly(ctx: ActionContext[Greeting]) -> JsonObject:
    ctx.wait(ctx.sleep(0))
    return {"in": threading.get_ident()}


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path / "workspace", secrets={"backstageToken": "t"})


async def test_an_action_gets_its_context_and_leaves_what_it_made(pair: Pair) -> None:
    await pair.run(greets, given={"name": "Ada", "times": 2})
    assert pair.sink.outputs["times"] == 2
    assert pair.sink.outputs["said"] == ["task-1", "A step", "user:default/ada", "t"]
    assert pair.log.entries == [("info", "hello Ada"), ("debug", "deep down")]
    assert (pair.folder / "file").read_text() == "here"
    assert not Path(pair.sink.outputs["scratch"]).exists()
    assert pair.host
    assert pair.host.is_clean


async def test_one_connection_serves_one_call_after_the_other(pair: Pair) -> None:
    await pair.run(greets, greets_plainly, greets, given={"name": "Ada"})
    assert pair.sink.outputs["in"] != threading.get_ident()
    assert pair.log.lines.count("hello Ada") == 2


async def test_all_services_answer_over_the_connection(pair: Pair, tmp_path: Path) -> None:
    pair.services = Everything().services
    found: dict[str, Any] = {}

    @action("test:asks", ANY)
    async def asks(ctx: Context) -> None:
        found["content"] = await ctx.url_reader.read("u", etag="e")
        found["tree"] = await ctx.url_reader.read_tree("u", tmp_path, token="t")
        found["resolved"] = ctx.url_reader.resolve("u", "b"), ctx.url_reader.same_repository("u", "u")
        found["entities"] = await ctx.catalog.entities_by_refs(["a", "b"], token=ctx.token)
        found["location"] = await ctx.catalog.add_location("l", token=None, type="file")
        found["preview"] = await ctx.catalog.preview_location("l", token=None)
        await ctx.catalog.refresh("component:default/a", token=None)
        found["hosts"] = ctx.integrations.by_host("github.com"), ctx.integrations.by_host("x"), ctx.integrations.all()
        found["token"] = await ctx.integrations.token("github.com", "acme")
        found["answer"] = await ctx.backstage.request(
            "POST", "/api/x", headers={}, body=b"\x00\xfe", token="t", timeout=2
        )
        assert ctx.services.remote_actions
        assert ctx.services.own_token
        [offered] = await ctx.services.remote_actions.list(token="t")
        ctx.input = {"a": 1, "b": 2}
        found["sum"] = offered.id, await offered.handler(ctx)
        found["none"] = await ctx.services.remote_actions.find("other:none", token=None)
        found["own"] = ctx.services.own_token("catalog")
        found["config"] = ctx.services.config

    await pair.run(asks)
    assert found["content"].content == b"\x00\xffu"
    assert found["content"].etag == "e"
    assert (found["tree"], (tmp_path / "file").read_text()) == ("t", "u")
    assert found["resolved"] == ("b/u", True)
    assert found["entities"] == [{"ref": "a", "token": "t"}, {"ref": "b", "token": "t"}]
    assert found["location"] == {"added": ["l", None, "file"]}
    assert found["preview"] == {"previewed": ["l", None, "url"]}
    assert found["hosts"] == (HOST, None, [HOST])
    assert found["token"] == "github.com/acme"  # no secret
    assert (found["answer"].headers, found["answer"].body) == ({"x": "POST /api/x 2"}, b"\x00\xfet")
    assert found["sum"] == ("other:add", {"sum": 3, "as": "t", "by": "t"})
    assert found["none"] is None
    assert found["own"] == "own catalog"
    assert found["config"] == {"app": {"title": "ours"}}


async def test_what_the_service_does_not_have_is_said_as_anywhere(pair: Pair) -> None:
    @action("test:asks", ANY)
    def asks(ctx: Context) -> None:
        assert ctx.services.own_token is None
        ctx.wait(ctx.catalog.entities_by_refs([], token=None))

    with pytest.raises(NotImplementedInBackendError, match="This run has no catalog"):
        await pair.run(asks)


async def test_checkpoints_run_once_and_are_kept_before_they_return(pair: Pair) -> None:
    ran: list[str] = []

    @action("test:keeps", ANY)
    async def keeps(ctx: Context) -> JsonObject:
        async def made() -> JsonObject:
            ran.append("a")
            return {"n": len(ran)}

        first = await ctx.checkpoint("a", made)
        assert pair.sink.checkpoints["a"] == first
        second = await ctx.checkpoint("b", lambda: ran.append("b"))
        return {"first": first, "second": second}

    await pair.run(keeps, keeps)
    assert ran == ["a", "b"]
    assert pair.sink.outputs == {"first": {"n": 1}, "second": None}


async def test_a_checkpoint_that_cannot_be_made_keeps_nothing(pair: Pair) -> None:
    @action("test:keeps", ANY)
    async def keeps(ctx: Context) -> JsonObject:
        def fails() -> None:
            raise TemporaryError("not now", retry_after=7)

        with pytest.raises(TemporaryError):
            await ctx.checkpoint("a", fails)
        return {"kept": await ctx.checkpoint("a", lambda: "now")}

    await pair.run(keeps)
    assert pair.sink.outputs == {"kept": "now"}
    assert pair.sink.checkpoints == {"a": "now"}


async def test_effects_are_noted_with_the_service(pair: Pair) -> None:
    made: list[str] = []

    @action("test:makes", ANY)
    async def makes(ctx: Context) -> JsonObject:
        def create(marker: str) -> JsonObject:
            made.append(marker)
            assert pair.sink.effects["thing"]["state"] == "intended"
            return {"marker": marker}

        return {"made": await ctx.effect("thing", create=create)}

    await pair.run(makes, makes)
    assert len(made) == 1
    assert pair.sink.outputs == {"made": {"marker": made[0]}}
    assert pair.sink.effects["thing"]["state"] == "done"


async def test_nothing_is_made_for_a_claim_that_is_lost(pair: Pair) -> None:
    ran: list[str] = []

    async def lost() -> None:
        raise ClaimLost("task-1")

    pair.sink = Sink(before=lost)

    @action("test:keeps", ANY)
    async def keeps(ctx: Context) -> None:
        await ctx.checkpoint("a", lambda: ran.append("a"))

    with pytest.raises(ClaimLost):
        await pair.run(keeps)
    assert ran == []


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (TemporaryError("not now", retry_after=3), TemporaryError),
        (PermanentError("never"), PermanentError),
        (ConflictError("taken", details={"by": "whom"}), ConflictError),
        (ForeignError("it said no", answered=422), ForeignError),
        (ValueError("odd"), BackstageError),
        (SystemExit("I leave"), BackstageError),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, BaseException) else "",
)
async def test_an_error_keeps_its_kind(pair: Pair, raised: BaseException, kind: type[BackstageError]) -> None:
    @action("test:fails", ANY)
    async def fails(_ctx: Context) -> None:
        raise raised

    with pytest.raises(BackstageError) as failed:
        await pair.run(fails)
    assert type(failed.value) is kind
    assert str(raised) in failed.value.message
    assert failed.value.is_refusal == getattr(raised, "is_refusal", False)
    assert getattr(failed.value, "retry_after", None) == getattr(raised, "retry_after", None)
    assert failed.value.details == getattr(raised, "details", {})


async def test_an_error_of_a_service_keeps_its_kind(pair: Pair) -> None:
    pair.services = Everything().services

    @action("test:asks", ANY)
    async def asks(ctx: Context) -> None:
        await ctx.url_reader.read("missing")

    with pytest.raises(NotFoundError, match="There is no such file"):
        await pair.run(asks)


async def test_an_outage_of_the_database_is_known_for_one(pair: Pair) -> None:
    async def away() -> None:
        raise LostError("gone", may_be_done=False)

    pair.sink = Sink(before=away)

    @action("test:keeps", ANY)
    async def keeps(ctx: Context) -> None:
        await ctx.checkpoint("a", lambda: 1)

    with pytest.raises(BackstageError) as failed:
        await pair.run(keeps)
    assert is_outage(failed.value)


async def test_an_input_that_does_not_parse_fails_where_the_action_is(pair: Pair) -> None:
    def parse(_given: JsonObject) -> None:
        raise ValueError("no such greeting")

    async def never(_ctx: Context) -> None:
        raise AssertionError

    with pytest.raises(BackstageError, match="ValueError: no such greeting"):
        await pair.run(Action("test:odd", never, parse_input=parse))


@pytest.mark.parametrize("in_plain", [False, True])
async def test_cancelling_sets_the_signal_then_interrupts(pair: Pair, in_plain: bool) -> None:
    everything = Everything()
    pair.services = everything.services
    heeded: list[bool] = []

    @action("test:hangs", ANY)
    async def hangs(ctx: Context) -> None:
        try:
            await ctx.url_reader.read("hangs")
        finally:
            heeded.append(ctx.signal.is_set)

    @action("test:hangs", ANY)
    def hangs_plainly(ctx: Context) -> None:
        try:
            ctx.wait(ctx.url_reader.read("hangs"))
        finally:
            heeded.append(ctx.signal.is_set)

    running = asyncio.create_task(pair.run(hangs_plainly if in_plain else hangs))
    await everything.begun.wait()
    assert pair.host
    await pair.host.cancel(interrupt=False)
    await pair.host.cancel(interrupt=True)
    with pytest.raises(BackstageError, match="CancelledError"):
        await running
    await everything.ended.wait()
    assert heeded == [True]


async def test_an_interrupted_action_tidies_up_in_peace(pair: Pair) -> None:
    class Impatient(Everything):
        async def read(self, url: str, *, etag: str | None = None, token: str | None = None) -> UrlContent | None:
            if url != "hangs":
                assert pair.host
                await pair.host.cancel(interrupt=True)
            return await super().read(url, etag=etag, token=token)

    everything = Impatient()
    pair.services = everything.services
    tidied: list[UrlContent | None] = []

    @action("test:tidies", ANY)
    async def tidies(ctx: Context) -> None:
        try:
            await ctx.url_reader.read("hangs")
        finally:
            tidied.append(await ctx.url_reader.read("what is left"))

    running = asyncio.create_task(pair.run(tidies))
    await everything.begun.wait()
    assert pair.host
    await pair.host.cancel(interrupt=True)
    with pytest.raises(BackstageError, match="CancelledError"):
        await running
    assert [one.content for one in tidied if one] == [b"\x00\xffwhat is left"]


async def test_who_stops_waiting_for_an_answer_ends_the_work_for_it(pair: Pair) -> None:
    everything = Everything()
    pair.services = everything.services

    @action("test:patient", ANY)
    async def waits_a_little(ctx: Context) -> JsonObject:
        waiting = asyncio.ensure_future(ctx.url_reader.read("hangs"))
        await asyncio.sleep(0)
        await ctx.catalog.refresh("component:default/a", token=None)
        waiting.cancel()
        return {"done": True}

    await pair.run(waits_a_little)
    await everything.ended.wait()
    assert pair.sink.outputs == {"done": True}


async def test_what_an_action_leaves_running_says_nothing_more(pair: Pair) -> None:
    goes_on, said = threading.Event(), threading.Event()

    @action("test:leaves", ANY)
    def leaves(ctx: Context) -> None:
        def late() -> None:
            goes_on.wait(patience.SECONDS)
            ctx.logger.info("too late")
            ctx.output("late", 1)
            said.set()

        threading.Thread(target=late, daemon=True).start()

    @action("test:follows", ANY)
    def follows(_ctx: Context) -> None:
        goes_on.set()
        said.wait(patience.SECONDS)

    await pair.run(leaves, follows)
    assert said.is_set()
    assert pair.log.lines == []
    assert pair.sink.outputs == {}


async def test_a_value_that_is_no_json_is_refused_where_it_is_given(pair: Pair) -> None:
    @action("test:odd", ANY)
    async def odd(ctx: Context) -> JsonObject:
        with pytest.raises(BackstageError, match="Output 'handle' is not a JSON value"):
            ctx.output("handle", object())
        return {"fine": True}

    await pair.run(odd)
    assert pair.sink.outputs == {"fine": True}


async def test_a_value_of_more_values_than_travel_is_refused_where_it_is_given(pair: Pair) -> None:
    @action("test:many", ANY)
    async def say_many(ctx: Context) -> None:
        with pytest.raises(BackstageError, match="Output 'many' has more than the 250000 values that one may have"):
            ctx.output("many", [0] * (messages.MOST_VALUES // 2 + 1))
        ctx.output("few", 1)

    await pair.run(say_many)
    assert pair.sink.outputs == {"few": 1}
    with pytest.raises(ValueError, match="holds more than the 500000 that a message may have"):
        messages.encode(messages.Output("many", [0] * messages.MOST_VALUES), 1)


async def test_many_questions_at_once_are_all_answered(pair: Pair) -> None:
    pair.services = Everything().services

    @action("test:asks", ANY)
    async def asks(ctx: Context) -> JsonObject:
        found = await asyncio.gather(*(ctx.url_reader.read(str(n)) for n in range(500)))
        return {"read": [one.content.decode("latin-1")[2:] for one in found if one]}

    await pair.run(asks)
    assert pair.sink.outputs["read"] == [str(n) for n in range(500)]


async def test_a_line_that_is_too_long_is_left_out_whole_since_half_a_secret_would_not_be_hidden(pair: Pair) -> None:
    @action("test:floods", ANY)
    def floods(ctx: Context) -> None:
        line = f"{'x' * 9_000_000}secret"
        ctx.logger.info(line)

    await pair.run(floods)
    assert pair.log.lines == ["A line of 9000006 letters is left out; a line may have 8388608"]
