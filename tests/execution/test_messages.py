"""What comes from a handler is checked before anybody acts on it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from backstage_py.errors import BackstageError, InputError, NotAllowedError
from backstage_py.execution import messages, stream, values
from backstage_py.execution.messages import (
    Answer,
    Ask,
    Begin,
    CheckpointSet,
    FromHandler,
    FromService,
    Log,
    Output,
    ProtocolError,
    Recall,
)
from backstage_py.model.http import BackstageResponse, UrlContent
from backstage_py.plugin import Action
from backstage_py.scaffolder.executors import host as hosts
from backstage_py.scaffolder.executors.host import Host
from backstage_py.scaffolder.executors.line import Line
from tests.execution.pair import HOST, Everything, Pair


async def nothing(_ctx: Any) -> None:
    """Do nothing."""


HOSTILE = {
    "no JSON": b"\xff\x00{",
    "no object": b"[1]",
    "nested": b"[" * 100_000,
    "no type": b'{"seq": 1}',
    "a type of the service": messages.encode(Begin("c", "a", {}, "t", {}), 1),
    "an unknown type": b'{"type": "suspended", "seq": 1}',
    "a type that is no text": b'{"type": ["log"], "seq": 1}',
    "no seq": b'{"type": "recall", "id": 1, "key": "k"}',
    "a seq that is true": b'{"type": "recall", "seq": true, "id": 1, "key": "k"}',
    "a missing member": b'{"type": "recall", "seq": 1, "id": 1}',
    "an id that is a text": b'{"type": "recall", "seq": 1, "id": "1", "key": "k"}',
    "lines that are none": b'{"type": "log", "seq": 1, "lines": "text"}',
    "a line of numbers": b'{"type": "log", "seq": 1, "lines": [[1, 2]]}',
    "too many lines": messages.encode(Log((("info", "x"),) * 10_001), 1),
    "a state that is none": b'{"type": "note", "seq": 1, "id": 1, "key": "k", "state": []}',
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        messages.from_handler(data)


def test_a_length_above_the_bound_is_refused_before_it_is_read() -> None:
    with pytest.raises(ProtocolError):
        stream.length(b"\xff\xff\xff\xff")


@pytest.mark.parametrize(("value", "count"), [("[]", 2), ('{"a":{}}', 3), ("1", 1), (r'"\",["', 1), ("[1 , [ ] ]", 4)])
def test_a_message_of_more_values_than_may_be_is_refused_before_it_is_parsed(value: str, count: int) -> None:
    def said(values: int) -> bytes:
        """Return a message with so many values, five of them around the list; objects and lists count twice."""
        listed = ",".join(["0"] * ((values - 5) % count) + [value] * ((values - 5) // count))
        return f'{{"type":"output","seq":1,"name":"x","value":[{listed},0]}}'.encode()

    messages.from_handler(said(messages.MOST_VALUES))
    with pytest.raises(ProtocolError, match="more than 500000 values"):
        messages.from_handler(said(messages.MOST_VALUES + 1)[:-1])


def test_what_separates_values_is_text_within_texts() -> None:
    text = '\\",[{' * messages.MOST_VALUES
    assert messages.from_handler(messages.encode(Output("x", text), 1)) == (1, Output("x", text))


@pytest.mark.parametrize(("size", "has_turn"), [(1_000, False), (1_000_000, True)])
async def test_others_have_a_turn_while_a_large_message_is_read(size: int, has_turn: bool) -> None:
    turns: list[bool] = []
    message = Output("text", "x" * size)
    asyncio.get_running_loop().call_soon(turns.append, True)
    assert await Line().read(messages.encode(message, 1)) == message
    assert bool(turns) is has_turn


def test_a_message_that_comes_again_is_passed_over_and_one_that_is_missing_is_an_error() -> None:
    line = Line()
    first, third = messages.encode(Recall(1, "a"), 1), messages.encode(Recall(3, "c"), 3)
    assert line.decode(first) == Recall(1, "a")
    assert line.decode(first) is None
    with pytest.raises(ProtocolError, match="missing"):
        line.decode(third)


@pytest.mark.parametrize(
    "value",
    [
        b"\x00\xff",
        Path("/a/b"),
        UrlContent(b"\xff", "e"),
        BackstageResponse(404, {"a": "b"}, b"\x00"),
        HOST,
        {"$": "bytes", "value": "not ours"},
        [{"deep": [b"x", None, 1.5, {"$": {"$": 1}}]}],
    ],
    ids=str,
)
def test_a_value_of_ours_comes_back_as_it_went(value: Any) -> None:
    assert values.unpacked(json.loads(json.dumps(values.packed(value)))) == value


@pytest.mark.parametrize(
    "value",
    [
        {"$": "bytes", "value": "%%%"},
        {"$": "bytes"},
        {"$": "eval", "value": "1"},
        {"$": "host", "value": [1]},
        {"$": "action", "value": {}},
        {"$": ["path"], "value": "x"},
        {"$": "path", "value": 3},
        {"$": "response", "value": 3},
    ],
    ids=str,
)
def test_a_value_that_stands_for_nothing_is_refused(value: Any) -> None:
    with pytest.raises(ProtocolError):
        values.unpacked(value)


class Asked:
    """A host that a test speaks to as a handler would."""

    def __init__(self, folder: Path, **more: Any) -> None:
        self.pair = Pair(folder / "workspace", services=Everything().services)
        self.sent: list[FromService] = []
        self.came = asyncio.Event()
        context = self.pair.context({})
        given = {"services": self.pair.services, **more}
        self.host = Host(Action("test:x", nothing), context, self._send, "call", None, **given)

    async def _send(self, message: FromService) -> None:
        self.sent.append(message)
        self.came.set()

    async def answer(self, message: FromHandler) -> Answer:
        self.came.clear()
        await self.host.take(message)
        await self.came.wait()
        found = self.sent[-1]
        assert isinstance(found, Answer)
        return found


@pytest.mark.parametrize(
    ("service", "method", "kind"),
    [
        ("url_reader", "__class__", NotAllowedError),
        ("url_reader", "services", NotAllowedError),
        ("catalog", "_secret", NotAllowedError),
        ("config", "get", NotAllowedError),
        ("filters", "__getitem__", NotAllowedError),
        ("secret_references", "session", NotAllowedError),
        ("own_token", "__call__", NotAllowedError),
        ("catalog", "refresh", InputError),
    ],
)
async def test_only_what_is_on_the_list_can_be_asked_for(
    tmp_path: Path, service: str, method: str, kind: type[BackstageError]
) -> None:
    answer = await Asked(tmp_path).answer(Ask(1, service, method))
    assert answer.error
    assert answer.error["kind"] == kind.__name__


async def test_a_call_has_the_services_that_it_is_given_and_no_others(tmp_path: Path) -> None:
    asked = Asked(tmp_path, services=Pair(tmp_path).services)
    assert asked.host.begin().services == ()
    answer = await asked.answer(Ask(1, "catalog", "entities_by_refs", ([],), {"token": None}))
    assert answer.error
    assert answer.error["kind"] == "NotAllowedError"


async def test_another_may_answer_for_a_service(tmp_path: Path) -> None:
    async def read(url: str, **_: Any) -> UrlContent:
        return UrlContent(url.upper().encode())

    answer = await Asked(tmp_path, overrides={("url_reader", "read"): read}).answer(
        Ask(1, "url_reader", "read", ("u",))
    )
    assert values.unpacked(answer.value) == UrlContent(b"U")


async def test_after_the_end_nothing_is_done(tmp_path: Path) -> None:
    asked = Asked(tmp_path)
    await asked.host.take(messages.Ended())
    await asked.host.take(Output("late", 1))
    await asked.host.take(Recall(1, "k"))
    await asked.host.take(Log((("info", "late"),)))
    assert asked.pair.sink.outputs == {}
    assert asked.pair.log.lines == []
    assert asked.sent == []


async def test_questions_without_end_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "MOST_OPEN", 3)
    asked = Asked(tmp_path)
    for number in range(3):
        await asked.host.take(Ask(number, "url_reader", "read", ("hangs",)))
    with pytest.raises(ProtocolError):
        await asked.host.take(Recall(4, "k"))
    asked.host.close()


async def test_a_checkpoint_that_nobody_asked_for_is_not_kept(tmp_path: Path) -> None:
    asked = Asked(tmp_path)
    await asked.host.take(CheckpointSet(2, 1, "forged"))
    with pytest.raises(BackstageError, match="makes no sense"):
        await asked.host.ended
    assert asked.pair.sink.checkpoints == {}


async def test_a_line_of_no_level_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError):
        await Asked(tmp_path).host.take(Log((("flush", "x"),)))
