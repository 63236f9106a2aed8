"""Whether a predicate object has the right shape, with the messages of the npm package ``zod`` and its companion.

A predicate may be many things, and clients are shown why it is none of them. So the little of zod that this needs is
here: shapes return the value without what they do not know, and issues, and whether those spoil the value (``failed``)
or only add to it (``dirty``), which decides what a union reports.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from backstage_py.errors import InputError
from backstage_py.js.values import UNDEFINED
from backstage_py.model import json, zod
from backstage_py.model.json import Json, JsonObject

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class _Issue:
    path: Path
    message: str
    options: "tuple[tuple[_Issue, ...], ...]" = ()


@dataclass(frozen=True, slots=True)
class _Parsed:
    value: Json
    issues: tuple[_Issue, ...] = ()
    failed: bool = False


_Shape = Callable[[Json, Path], _Parsed]

_DEEPEST = 48  # levels of JSON; the stack of SQLite's parser has a hundred places
_IDENTIFIER = re.compile(r"[$\w]+")


def check(predicate: Json) -> JsonObject:
    """Return the predicate without unknown operators beside a known one.

    Raises:
        InputError: it is no predicate, ``Invalid query: Validation error: …``.
    """
    return _checked(predicate, "Invalid query: ", ())


def check_member(predicate: Json, name: str) -> JsonObject:
    """Do as ``check`` for a predicate that is checked together with the request body whose member it is.

    Raises:
        InputError: it is no predicate, ``Malformed request body (…), Validation error: …``.
    """
    hint = "(did you remember to specify an application/json content type?)"
    return _checked(predicate, f"Malformed request body {hint}, ", (name,))


def _checked(predicate: Json, prefix: str, path: Path) -> JsonObject:
    if json.is_deeper(predicate, _DEEPEST):
        raise InputError(f"{prefix}it is nested deeper than {_DEEPEST} levels")
    parsed = _predicate(predicate, path)
    if parsed.issues or parsed.failed:
        raise InputError(f"{prefix}Validation error: {'; '.join(map(_text, parsed.issues[:99]))}")
    checked: JsonObject = parsed.value
    return checked


def _text(issue: _Issue) -> str:
    if issue.options:
        return ", or ".join(dict.fromkeys("; ".join(map(_text, option)) for option in issue.options))
    if not issue.path:
        return issue.message
    if len(issue.path) == 1 and isinstance(issue.path[0], int):
        return f"{issue.message} at index {issue.path[0]}"
    return f'{issue.message} at "{_joined(issue.path)}"'


def _joined(path: Path) -> str:
    if len(path) == 1:
        return str(path[0]) or '""'
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif '"' in part:
            escaped = part.replace('"', '\\"')
            text += f'["{escaped}"]'
        elif not _IDENTIFIER.search(part):
            text += f'["{part}"]'
        else:
            text += f"{'.' if text else ''}{part}"
    return text


def _wrong(expected: str, value: Json, path: Path) -> _Parsed:
    message = zod.invalid_type(expected, json.type_name(value))
    return _Parsed(value, (_Issue(path, message),), failed=True)


def _plain(expected: str) -> _Shape:
    return lambda value, path: _Parsed(value) if json.type_name(value) == expected else _wrong(expected, value, path)


def _never(value: Json, path: Path) -> _Parsed:
    return _wrong("never", value, path)


def _union(*options: _Shape) -> _Shape:
    def run(value: Json, path: Path) -> _Parsed:
        tried: list[_Parsed] = []
        for option in options:
            parsed = option(value, path)
            if not parsed.issues and not parsed.failed:
                return parsed
            tried.append(parsed)
        if dirty := next((one for one in tried if not one.failed), None):
            return dirty
        issue = _Issue(path, "Invalid input", tuple(one.issues for one in tried))
        return _Parsed(value, (issue,), failed=True)

    return run


def _record(key_pattern: re.Pattern[str], item: _Shape) -> _Shape:
    def run(value: Json, path: Path) -> _Parsed:
        if not isinstance(value, dict):
            return _wrong("object", value, path)
        found: JsonObject = {}
        issues: list[_Issue] = []
        failed = False
        for key, part in value.items():
            if not key_pattern.search(key):
                issues.append(_Issue((*path, key), "Invalid"))
            parsed = item(part, (*path, key))
            issues += parsed.issues
            failed = failed or parsed.failed
            found[key] = parsed.value
        return _Parsed(found, tuple(issues), failed)

    return run


def _object(parts: Mapping[str, _Shape], *, strict: bool = False) -> _Shape:
    def run(value: Json, path: Path) -> _Parsed:
        if not isinstance(value, dict):
            return _wrong("object", value, path)
        found: JsonObject = {}
        issues: list[_Issue] = []
        failed = False
        for key, shape in parts.items():
            parsed = shape(value.get(key, UNDEFINED), (*path, key))
            issues += parsed.issues
            failed = failed or parsed.failed
            found[key] = parsed.value
        if strict and (unknown := [key for key in value if key not in parts]):
            names = ", ".join(f"'{key}'" for key in unknown)
            issues.append(_Issue(path, f"Unrecognized key(s) in object: {names}"))
        return _Parsed(found, tuple(issues), failed)

    return run


def _array(item: _Shape) -> _Shape:
    def run(value: Json, path: Path) -> _Parsed:
        if not isinstance(value, list):
            return _wrong("array", value, path)
        parsed = [item(part, (*path, index)) for index, part in enumerate(value)]
        issues = tuple(issue for one in parsed for issue in one.issues)
        return _Parsed([one.value for one in parsed], issues, any(one.failed for one in parsed))

    return run


def _contained(value: Json, path: Path) -> _Parsed:
    return _CONTAINED(value, path)


def _predicate(value: Json, path: Path) -> _Parsed:
    return _PREDICATE(value, path)


def _operators(part: _Shape) -> tuple[_Shape, ...]:
    return (
        _object({"$all": _array(part)}, strict=True),
        _object({"$any": _array(part)}, strict=True),
        _object({"$not": part}, strict=True),
    )


_PRIMITIVE = _union(_plain("string"), _plain("number"), _plain("boolean"))
_VALUE = _union(
    _PRIMITIVE,
    _object({"$exists": _plain("boolean")}),
    _object({"$in": _array(_PRIMITIVE)}),
    _object({"$contains": _contained}),
    _object({"$hasPrefix": _plain("string")}),
)
_EXPRESSION = _union(_record(re.compile(r"^(?:[^$\n\r].*)?$"), _VALUE), _record(re.compile(r"^\$"), _never))
_PREDICATE = _union(_EXPRESSION, *_operators(_predicate))
_CONTAINED = _union(_EXPRESSION, _PRIMITIVE, *_operators(_contained))  # only below $contains is a plain value one
