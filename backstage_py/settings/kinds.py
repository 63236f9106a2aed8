"""What a single value may be: how each kind is converted, and its JSON Schema.

A conversion returns the value, None for one that counts as absent, or raises ValueError that says what is expected
and what was found. Numbers and switches are taken as text too, since ``${ENV}`` gives text.
"""

import binascii
import contextlib
import math
from base64 import urlsafe_b64decode
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from backstage_py.model.json import Json, JsonObject
from backstage_py.settings import durations

T_co = TypeVar("T_co", covariant=True)
_LONGEST_SHOWN = 40
_SHORTEST_TOKEN = 8
_LIST: JsonObject = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}


@dataclass(frozen=True, slots=True)
class Kind(Generic[T_co]):
    """A kind of value: its conversion and its JSON Schema."""

    parse: Callable[[Json], T_co]
    schema: JsonObject


def shown(value: Json) -> str:
    """Return what a value is, in a word that a reader of YAML knows."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {value}"
        case str():
            return f"the text '{value}'" if len(value) <= _LONGEST_SHOWN else "a long text"
        case list():
            return "an array"
    return "an object"


def is_number(value: Json) -> bool:
    """Whether a value is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def whole(*, least: int = 0, most: int | None = None) -> Kind[int]:
    """Return the kind of whole numbers in a range."""
    bounds = f"from {least}" + (f" to {most}" if most is not None else "")

    def parse(value: Json) -> int:
        if isinstance(value, str) and value.strip().isdecimal():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError(f"expected a whole number {bounds}, found {shown(value)}")  # noqa: TRY004  # as in _text
        if value < least or (most is not None and value > most):
            raise ValueError(f"expected a whole number {bounds}, found {value}")
        return value

    return Kind(parse, {"type": ["integer", "string"]})


def choice(*choices: str) -> Kind[str]:
    """Return the kind of texts that are one of a few."""

    def parse(value: Json) -> str:
        text = _text(value)
        if text not in choices:
            raise ValueError(f"expected one of {', '.join(choices)}; found '{text}'")
        return text

    return Kind(parse, {"type": "string", "enum": list(choices)})


def _text(value: Json) -> str:
    if is_number(value):
        return str(value)
    if not isinstance(value, str):
        raise ValueError(f"expected text, found {shown(value)}")  # noqa: TRY004  # one error for any wrong value
    if not value:
        raise ValueError("expected text, found an empty one")
    return value


def _unspaced(value: Json) -> str:
    text = _text(value)
    if any(character.isspace() for character in text):
        raise ValueError("must not contain spaces")
    return text


def _token(value: Json) -> str:
    text = _unspaced(value)
    if len(text) < _SHORTEST_TOKEN:
        raise ValueError(f"expected at least {_SHORTEST_TOKEN} characters")
    return text


def _secret(value: Json) -> bytes:
    text = _unspaced(value).replace("+", "-").replace("/", "_").rstrip("=")
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise ValueError("expected Base64") from None


def _url(value: Json) -> str:
    from backstage_py.model import web_url

    text = _text(value)
    if not web_url.is_http(text):
        raise ValueError(f"expected a URL that begins with http:// or https://, found '{text}'")
    return text.rstrip("/")


def _switch(value: Json) -> bool:
    if isinstance(value, str) and value.strip().lower() in {"true", "false"}:
        return value.strip().lower() == "true"
    if not isinstance(value, bool):
        raise ValueError(f"expected true or false, found {shown(value)}")  # noqa: TRY004  # as in _text
    return value


def _number(value: Json) -> float:
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            value = float(value)
    if not is_number(value) or not math.isfinite(value):
        raise ValueError(f"expected a number, found {shown(value)}")
    number: float = value
    return number


def _milliseconds(value: Json) -> float:
    """Backstage takes a number for milliseconds in ``backend.server``."""
    return value / 1000 if is_number(value) else durations.parse(value)


def _texts(value: Json) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError(f"expected an array of texts, found {shown(value)}")
    return tuple(value)


def _words(value: Json) -> tuple[str, ...]:
    return tuple(word for text in _texts(value) for word in text.replace(",", " ").split())


def some_of(*choices: str) -> Kind[tuple[str, ...] | None]:
    """Return the kind of words that are each one of a few; none at all count as absent."""

    def parse(value: Json) -> tuple[str, ...] | None:
        words = _words(value)
        for word in words:
            if word not in choices:
                raise ValueError(f"expected {', '.join(choices)}; found '{word}'")
        return words or None

    return Kind(parse, _LIST)


def _object(value: Json) -> JsonObject:
    if not isinstance(value, dict):
        raise ValueError(f"expected an object, found {shown(value)}")  # noqa: TRY004  # as in _text
    return value


def _as_it_is(value: Json) -> Json:
    return value


def array_of(items: JsonObject) -> Kind[Json]:
    """Return the kind of arrays whose entries a schema describes; they are taken as they are."""
    return Kind(_as_it_is, {"type": "array", "items": items})


def either(*branches: JsonObject) -> Kind[Json]:
    """Return the kind of values that one of several schemas describes; they are taken as they are."""
    return Kind(_as_it_is, {"anyOf": list(branches)})


def _lasting(value: Json) -> float:
    seconds = durations.parse(value)
    if seconds <= 0:
        raise ValueError("expected a duration above zero")
    return seconds


_DURATION: JsonObject = {
    "anyOf": [
        {"type": "string", "description": "Such as '5m', '30 seconds' or 'PT5M'."},
        {
            "type": "object",
            "properties": {unit: {"type": ["number", "string"]} for unit in durations.UNITS},
            "additionalProperties": False,
        },
    ]
}


def lasting(*, least: float, most: float) -> Kind[float]:
    """Return the kind of durations in a range of seconds."""

    def parse(value: Json) -> float:
        seconds = durations.parse(value)
        if not least <= seconds <= most:
            raise ValueError(f"expected a duration from {least:g} to {most:g} seconds, found {seconds:g}")
        return seconds

    return Kind(parse, _DURATION)


OBJECT_SCHEMA: JsonObject = {"type": "object"}
CLOSED_SCHEMA: JsonObject = {"type": "object", "additionalProperties": False}
TEXT_SCHEMA: JsonObject = {"type": "string"}

ANY = Kind(_as_it_is, {})
ARRAY = Kind(_as_it_is, {"type": "array"})
CLOSED = Kind(_object, CLOSED_SCHEMA)
DURATION = Kind(durations.parse, _DURATION)
INTERVAL = Kind(_as_it_is, {"anyOf": [{"const": False}, *_DURATION["anyOf"]]})
"""A duration, or false for never."""
LASTING = Kind(_lasting, _DURATION)
"""A duration above zero."""
MILLISECONDS = Kind(_milliseconds, {"anyOf": [{"type": "number"}, *_DURATION["anyOf"]]})
NUMBER = Kind(_number, {"type": ["number", "string"]})
OBJECT = Kind(_object, OBJECT_SCHEMA)
PATH = Kind(lambda value: Path(_text(value)).absolute(), TEXT_SCHEMA)
PORT = whole(most=65_535)
SECRET = Kind(_secret, TEXT_SCHEMA)
"""Bytes, written in Base64."""
SOME_WORDS = Kind(lambda value: _words(value) or None, _LIST)
"""As WORDS, but none at all count as absent."""
SWITCH = Kind(_switch, {"type": ["boolean", "string"]})
TEXT = Kind(_text, TEXT_SCHEMA)
TEXTS = Kind(_texts, _LIST)
"""An array of texts; a single text counts as one."""
TOKEN = Kind(_token, TEXT_SCHEMA)
UNSPACED = Kind(_unspaced, TEXT_SCHEMA)
URL = Kind(_url, TEXT_SCHEMA)
"""An http or https URL; without a slash at its end."""
WORDS = Kind(_words, _LIST)
"""Words: an array, or one text with commas or spaces between them."""
