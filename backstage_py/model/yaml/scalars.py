"""What a scalar's text means: the core schema of YAML 1.2, and 1.1's for documents that ask for it."""

import base64
import binascii
import math
import re
from datetime import UTC, datetime, timedelta, timezone

from backstage_py.js import numbers
from backstage_py.model.json import Json
from backstage_py.model.yaml.nodes import Scalar
from backstage_py.model.yaml.tags import CORE

_WORDS: dict[str, Json] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_SPECIAL_FLOATS = {
    f"{sign}.{word}": math.copysign(math.inf, -1 if sign == "-" else 1)
    for sign in ("", "+", "-")
    for word in ("inf", "Inf", "INF")
} | dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan)
_WORDS_1_1 = (
    _WORDS
    | dict.fromkeys(("Y", "y", "yes", "Yes", "YES", "on", "On", "ON"), True)
    | dict.fromkeys(("N", "n", "no", "No", "NO", "off", "Off", "OFF"), False)
)
_DECIMAL = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_RADIX = re.compile(r"0o([0-7]+)|0x([0-9a-fA-F]+)")
_INT_1_1 = re.compile(r"([-+]?)(?:0b([01_]+)|0x([0-9a-fA-F_]+)|(0[0-7_]+)|([0-9][0-9_]*))")
_FLOAT_1_1 = re.compile(r"[-+]?(?:[0-9][0-9_]*)?\.[0-9_]*|[-+]?(?:[0-9][0-9_]*)?(?:\.[0-9_]*)?[eE][-+]?[0-9]+")
_SEXAGESIMAL = re.compile(r"([-+]?)([0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?)")
_TIMESTAMP = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?:(?:[tT]|[ \t]+)([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2}(?:\.[0-9]+)?)"
    r"(?:[ \t]*(Z|[-+][012]?[0-9](?::[0-9]{2})?))?)?"
)
_NUMBER_START = frozenset("0123456789+-.")
_EXACT_DIGITS = 15


def plain(text: str) -> Json:
    """The core schema's value of an untagged plain scalar."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_START:
        return text
    if text.isdecimal() and text.isascii() and len(text) <= _EXACT_DIGITS:
        return int(text)
    if _DECIMAL.fullmatch(text):
        return numbers.whole(float(text))
    if text in _SPECIAL_FLOATS:
        return _SPECIAL_FLOATS[text]
    if match := _RADIX.fullmatch(text):
        return _whole(match[1] or match[2], 8 if match[1] else 16)
    return text


def _whole(digits: str, radix: int) -> int | float:
    value = int(digits, radix)
    try:
        return numbers.whole(float(value))
    except OverflowError:
        return math.inf


def plain_1_1(text: str) -> Json:
    """The value of an untagged plain scalar in a document that starts with `%YAML 1.1`."""
    if text in _WORDS_1_1:
        return _WORDS_1_1[text]
    if text[0] not in _NUMBER_START:
        return text
    if text in _SPECIAL_FLOATS:
        return _SPECIAL_FLOATS[text]
    if match := _INT_1_1.fullmatch(text):
        return _int_1_1(match)
    if _FLOAT_1_1.fullmatch(text):
        return _float(text.replace("_", ""))
    if match := _SEXAGESIMAL.fullmatch(text):
        total = 0.0
        for part in match[2].replace("_", "").split(":"):
            total = total * 60 + float(part)
        return numbers.whole(-total if match[1] == "-" else total)
    if _TIMESTAMP.fullmatch(text):
        return timestamp(text)
    return text


def _int_1_1(match: re.Match[str]) -> int | float:
    sign, binary, hexadecimal, octal, decimal = match.groups()
    for digits, radix in ((binary, 2), (hexadecimal, 16), (octal, 8)):
        if digits is not None:
            plain_digits = digits.replace("_", "")
            value: float = _whole(plain_digits, radix) if plain_digits else math.nan
            return -value if sign == "-" else value
    value = numbers.whole(float(decimal.replace("_", "")))
    return -value if sign == "-" else value


def _float(text: str) -> int | float:
    try:
        return numbers.whole(float(text))
    except ValueError:
        return math.nan


def timestamp(text: str) -> Json:
    """A date as `Date.prototype.toJSON` prints it.

    Raises:
        ValueError: the text is no date.
    """
    match = _TIMESTAMP.fullmatch(text)
    if not match:
        raise ValueError("!!timestamp expects a date, starting with yyyy-mm-dd")
    year, month, day, hour, minute, second, zone = match.groups()
    offset = UTC
    if zone and zone != "Z":
        hours, _, minutes = zone[1:].partition(":")
        delta = timedelta(hours=int(hours), minutes=int(minutes or 0))
        offset = timezone(-delta if zone[0] == "-" else delta)
    base = datetime(int(year), 1, 1, tzinfo=offset)
    months = int(month) - 1
    base = base.replace(year=base.year + months // 12, month=months % 12 + 1)
    moment = base + timedelta(
        days=int(day) - 1,
        hours=int(hour or 0),
        minutes=int(minute or 0),
        milliseconds=math.floor(float(second or 0) * 1000 + 1e-6),
    )
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def binary(text: str) -> Json:
    """`!!binary`: a Node `Buffer` as JSON shows it."""
    clean = re.sub(r"[^A-Za-z0-9+/]", "", text.replace("-", "+").replace("_", "/").partition("=")[0])
    if len(clean) % 4 == 1:
        clean = clean[:-1]
    try:
        data = base64.b64decode(clean + "=" * (-len(clean) % 4))
    except binascii.Error:  # pragma: no cover -- the alphabet and the length were made right above
        data = b""
    return {"type": "Buffer", "data": list(data)}


def resolve(node: Scalar, schema: str) -> Json:
    """The value of a scalar with regard to its tag and style."""
    return tagged(node, schema)[0]


def tagged(node: Scalar, schema: str) -> tuple[Json, bool]:
    """Value, and whether the tag is known for it (an unknown tag leaves the text and warns).

    Raises:
        ValueError: the tag is known and the text does not fit it.
    """
    text, tag = node.text, node.tag
    untagged = plain_1_1 if schema == "1.1" else plain
    if tag is None:
        return (untagged(text) if node.style in {"plain", "empty"} else text), True
    if tag in {"!", f"{CORE}str"}:
        return text, True
    kind = tag.removeprefix(CORE)
    if kind == "binary":
        return binary(text), True
    if kind == "timestamp":
        return timestamp(text), True
    if kind == "merge":
        return text, True
    value = untagged(text)
    if kind == _kind(text, value):
        return value, True
    return text, False


def _kind(text: str, value: Json) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "str"
    whole = re.fullmatch(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", text) or _INT_1_1.fullmatch(text)
    return "int" if whole else "float"
