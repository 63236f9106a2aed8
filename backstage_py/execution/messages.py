"""What service and handler say to each other, as values; on the wire each is a JSON object with ``type`` and ``seq``.

``seq`` is counted from 1 by each sender, so that a message that comes twice is known. The service says ``begin``,
``answer``, ``cancel`` and ``none``; all others are the handler's. A call ends with ``ended``. The set of ends is open:
a step that suspends (BEP-0016) will end with ``suspended {token, reason, timeout}`` and hold nobody meanwhile.

What comes in is hostile until ``decode`` has checked it: names, types, sizes.
"""

from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from types import UnionType
from typing import Any, ClassVar, TypeAlias, Union, get_args, get_origin, get_type_hints

from backstage_py.model import json
from backstage_py.model.json import Json, JsonObject
from backstage_py.plugin import schema as schemas

LARGEST = 64 * 1024 * 1024
"""Bytes of a message."""
MOST_VALUES = 500_000
"""JSON values of a message: each of the smallest takes 100 times the memory of its text."""
_MOST_LINES = 10_000


class ProtocolError(Exception):
    """What came is no message; the text says why and quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Begin:
    """Run an action.

    Attributes:
        call: the id of this call.
        input: rendered and checked against the schema; the handler makes of it what the action declares.
        step: ``{id, name}``.
        user: ``{ref, entity}``.
        template_info: ``{entityRef, baseUrl, entity}``.
        each: ``{key, value}`` of the current round.
        workspace: the task's folder on this machine; None where it has to be fetched.
        services: names of those that there are; see ``plugin.services.Services``.
        trace: headers that name the span in which this happens.
        timeout: seconds that the service waits, for the handler's information.
    """

    type: ClassVar = "begin"
    call: str
    action_id: str
    input: JsonObject
    task_id: str
    step: JsonObject
    secrets: JsonObject = field(default_factory=dict, repr=False)
    user: JsonObject = field(default_factory=dict)
    template_info: JsonObject | None = None
    each: JsonObject | None = None
    is_dry_run: bool = False
    workspace: str | None = None
    config: JsonObject | None = field(default=None, repr=False)
    services: tuple[str, ...] = ()
    trace: JsonObject = field(default_factory=dict)
    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer what asked with the id ``to``: with a value, or with an error (``failures.told``)."""

    type: ClassVar = "answer"
    to: int
    value: Json = None
    error: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """The call is not wanted any more: the action's signal is set, and ``interrupt`` ends what it waits for."""

    type: ClassVar = "cancel"
    interrupt: bool = False


@dataclass(frozen=True, slots=True)
class Nothing:
    """There is nothing to do, for now or (``is_over``) for good; for channels that have to ask."""

    type: ClassVar = "none"
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class Log:
    """Say lines in the step's log, each ``[level, message]`` with a level of ``ActionLogger``."""

    type: ClassVar = "log"
    lines: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Output:
    """Set an output of the step."""

    type: ClassVar = "output"
    name: str
    value: Json


@dataclass(frozen=True, slots=True)
class Ask:
    """Call a method of a service; ``answer`` has what it returned. Arguments and value as ``values`` writes them.

    ``trace`` are headers that name the span in which it is asked for.
    """

    type: ClassVar = "call"
    id: int
    service: str
    method: str
    args: tuple[Json, ...] = ()
    kwargs: JsonObject = field(default_factory=dict)
    trace: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recall:
    """Ask for the state of an effect; the answer is the state, or null."""

    type: ClassVar = "recall"
    id: int
    key: str


@dataclass(frozen=True, slots=True)
class Note:
    """Store the state of an effect; answered when it is on disk."""

    type: ClassVar = "note"
    id: int
    key: str
    state: JsonObject


@dataclass(frozen=True, slots=True)
class CheckpointGet:
    """Ask for a checkpoint: ``{isKept, value}``. Where nothing is kept the caller makes a value and sets it."""

    type: ClassVar = "checkpoint.get"
    id: int
    key: str


@dataclass(frozen=True, slots=True)
class CheckpointSet:
    """Store a checkpoint's value, made since the ``checkpoint.get`` of the id ``to``; answered when it is on disk."""

    type: ClassVar = "checkpoint.set"
    id: int
    to: int
    value: Json


@dataclass(frozen=True, slots=True)
class Drop:
    """Nobody waits any more for what the answer to ``to`` is about; no value will come for a checkpoint. No answer."""

    type: ClassVar = "drop"
    to: int


@dataclass(frozen=True, slots=True)
class Span:
    """Have a span of a trace exported that the action made; see ``tracing.forwarding``."""

    type: ClassVar = "span"
    span: JsonObject


@dataclass(frozen=True, slots=True)
class Ended:
    """The handler has ended, with an error or without.

    Attributes:
        error: as ``failures.told``.
        where: places in files and lines that a foreign error came through, for the operator.
        is_clean: nothing of the action runs on: the process may run another.
    """

    type: ClassVar = "ended"
    error: JsonObject | None = None
    where: str = ""
    is_clean: bool = True


FromService: TypeAlias = Begin | Answer | Cancel | Nothing
FromHandler: TypeAlias = Log | Output | Ask | Recall | Note | CheckpointGet | CheckpointSet | Drop | Span | Ended
Message: TypeAlias = FromService | FromHandler


def _kinds(*classes: type[Message]) -> dict[str, type[Message]]:
    return {one.type: one for one in classes}


_SERVICE = _kinds(Begin, Answer, Cancel, Nothing)
_HANDLER = _kinds(Log, Output, Ask, Recall, Note, CheckpointGet, CheckpointSet, Drop, Span, Ended)


def encode(message: Message, seq: int) -> bytes:
    """Return a message as it travels.

    Raises:
        TypeError: a value in it is no JSON.
        ValueError: it is larger than a message may be, or has more values.
    """
    found = {wire: getattr(message, name) for name, wire, _, _ in _shape(message.type)}
    data = json.dumps({"type": message.type, "seq": seq, **found})
    if len(data) > LARGEST:
        raise ValueError(f"a value of {len(data)} bytes is larger than the {LARGEST} that a message may have")
    if json.has_more(data, MOST_VALUES):
        raise ValueError(f"a value of lists and objects holds more than the {MOST_VALUES} that a message may have")
    return data


def from_service(data: bytes) -> tuple[int, FromService]:
    """Return a message of the service and its number. Raises ProtocolError."""
    seq, message = _decode(data, _SERVICE)
    assert isinstance(message, Begin | Answer | Cancel | Nothing)  # noqa: S101  # for the type; looked up there
    return seq, message


def from_handler(data: bytes) -> tuple[int, FromHandler]:
    """Return a message of a handler and its number. Raises ProtocolError."""
    seq, message = _decode(data, _HANDLER)
    assert not isinstance(message, Begin | Answer | Cancel | Nothing)  # noqa: S101  # as above
    if isinstance(message, Log) and len(message.lines) > _MOST_LINES:
        raise ProtocolError(f"it says more than {_MOST_LINES} lines at once")
    return seq, message


def _decode(data: bytes, kinds: dict[str, type[Message]]) -> tuple[int, Message]:
    if len(data) > LARGEST:
        raise ProtocolError(f"it has more than {LARGEST} bytes")
    if json.has_more(data, MOST_VALUES):
        raise ProtocolError(f"it has more than {MOST_VALUES} values")
    try:
        found = json.parse(data)
    except (ValueError, RecursionError):
        raise ProtocolError("it is no JSON, or nested too deep") from None
    if not isinstance(found, dict):
        raise ProtocolError("it is no JSON object")
    cls = kinds.get(found["type"]) if isinstance(found.get("type"), str) else None
    seq = found.get("seq")
    if cls is None:
        raise ProtocolError("its type is none of those that may come from there")
    if not isinstance(seq, int) or isinstance(seq, bool) or seq < 1:
        raise ProtocolError("its 'seq' is no number from 1")
    return seq, _made(cls, found)


def _made(cls: type[Message], found: JsonObject) -> Message:
    given: dict[str, Any] = {}
    for name, wire, hint, is_required in _shape(cls.type):
        if wire in found:
            value = found[wire]
            if not _fits(value, hint):
                raise ProtocolError(f"'{wire}' of '{cls.type}' has a wrong type")
            given[name] = _tuples(value) if get_origin(hint) is tuple else value
        elif is_required:
            raise ProtocolError(f"'{wire}' of '{cls.type}' is missing")
    return cls(**given)


@cache
def _shape(kind: str) -> tuple[tuple[str, str, Any, bool], ...]:
    """Return ``(field, name on the wire, type, whether it has to be there)`` of each field of a type of messages."""
    cls = _SERVICE.get(kind) or _HANDLER[kind]
    hints = get_type_hints(cls)
    return tuple(
        (one.name, schemas.camel(one.name), hints[one.name], one.default is MISSING and one.default_factory is MISSING)
        for one in fields(cls)
    )


_PLAIN: dict[Any, Callable[[Any], bool]] = {
    str: lambda value: isinstance(value, str),
    bool: lambda value: isinstance(value, bool),
    int: lambda value: isinstance(value, int) and not isinstance(value, bool),
    float: lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    type(None): lambda value: value is None,
    Any: lambda _: True,
}


def _fits(value: Any, hint: Any) -> bool:
    if (check := _PLAIN.get(hint)) is not None:
        return check(value)
    origin = get_origin(hint)
    if origin in {Union, UnionType}:
        return any(_fits(value, one) for one in get_args(hint))
    if origin is tuple:
        return isinstance(value, list) and all(_fits(one, get_args(hint)[0]) for one in value)
    return origin is dict and isinstance(value, dict)


def _tuples(value: list[Any]) -> tuple[Any, ...]:
    return tuple(tuple(one) if isinstance(one, list) else one for one in value)
