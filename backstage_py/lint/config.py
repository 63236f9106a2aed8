"""The author's configuration: the nearest ``.backstage-py.yaml`` or ``pyproject.toml`` (``[tool.backstage-py]``) above.

::

    severity: {BPY511: off, BPY201: error}
    ignore: [BPY112]
    exclude: ["**/fixtures/**"]
    actions-folder: actions           # Python files with actions, filters and globals; a check executes them
    actions:                          # of your Backstage, which are not installed here
      - our-actions.json              # an answer of GET /api/scaffolder/v2/actions
      - {id: "acme:greet", input: {type: object}, output: {type: object}}   # JSON Schemas; both may be left out
    actions-from: https://backstage.example.com
    filters: [ourFilter]
    globals: [ourFunction]
    fields: [OurPicker]
    kinds: [OurKind]                  # of entities with the apiVersion backstage.io/v1alpha1
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast, get_args

from backstage_py.errors import InputError
from backstage_py.lint import schema_shape
from backstage_py.lint.files import read_text
from backstage_py.lint.nearest import nearest
from backstage_py.lint.refusals import RefusedError, Where, collect
from backstage_py.lint.view import Vocabulary
from backstage_py.lint.vocabulary import SCHEMA_TYPES
from backstage_py.model import yaml
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.problem import Severity
from backstage_py.model.yaml import Document

FILE = ".backstage-py.yaml"
Level = Severity | Literal["off"]
_LEVELS = ("off", *get_args(Severity))
KEYS = (
    "severity",
    "ignore",
    "exclude",
    "actions-folder",
    "actions",
    "actions-from",
    "filters",
    "globals",
    "fields",
    "kinds",
)
_DEEPEST = 20
ACTION_KEYS = ("id", "description", "input", "output")


@dataclass(frozen=True, slots=True)
class Config:
    """The configuration; ``folder`` is where it was found, and paths in it start there.

    ``actions`` are files of listings, ``declared`` actions that stand in the configuration, as entries of a listing.
    """

    folder: Path | None = None
    levels: Mapping[str, Level] = field(default_factory=dict)
    exclude: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    declared: tuple[JsonObject, ...] = ()
    actions_from: str | None = None
    actions_folder: str | None = None
    vocabulary: Vocabulary = field(default_factory=Vocabulary)


@dataclass(frozen=True, slots=True)
class _Source:
    """A file of settings; ``document`` says where in it they stand, where it is YAML."""

    path: Path
    document: Document | None = None

    def error(self, where: Where, reason: str) -> RefusedError:
        """Return an error that names the file, with the line of a key if that is known."""
        line = f":{self.document.key_position(where).line}" if self.document else ""
        return RefusedError(f"{self.path}{line}: {reason}", where, reason)


@dataclass(frozen=True, slots=True)
class Looked:
    """A configuration without what is wrong in it.

    Attributes:
        path: where it was looked for; None where there is none.
        document: the text as YAML, where it is.
        refused: all that is wrong, each with its place.
        is_readable: whether the text is YAML, so that what is right in it is known.
    """

    config: Config
    path: Path | None = None
    document: Document | None = None
    refused: tuple[RefusedError, ...] = ()
    is_readable: bool = True


def find(start: Path) -> Config:
    """Read the nearest configuration at or above ``start``; an empty one if there is none.

    Raises:
        InputError: the file cannot be read, or a key or value in it is wrong.
    """
    if (path := nearest_file(start)) is None:
        return Config()
    if path.name != FILE:
        return parse(_toml(path) or {}, path)
    document = _yaml(path)
    return parse(_settings(document), path, document)


def look(start: Path) -> Looked:
    """Read what ``find`` reads, or the file that is given, and collect what is wrong instead of stopping at it.

    Raises:
        InputError: a ``pyproject.toml`` cannot be read.
    """
    path = start if start.name == FILE and start.is_file() else nearest_file(start)
    if path is None:
        return Looked(Config())
    document = None
    if path.name == FILE:
        try:
            document = _yaml(path)
        except InputError:
            return Looked(Config(path.parent), path, is_readable=False)
    given = (_toml(path) or {}) if path.name != FILE else _settings(document)
    config, refused = collect(given, lambda value: parse(value, path, document))
    return Looked(config or Config(path.parent), path, document, tuple(refused))


def nearest_file(start: Path) -> Path | None:
    """Return the file with the configuration for a file or folder, None where there is none."""
    folder = start if start.is_dir() else start.parent
    for parent in (folder.absolute(), *folder.absolute().parents):
        if (own := parent / FILE).is_file():
            return own
        if (project := parent / "pyproject.toml").is_file() and _toml(project) is not None:
            return project
    return None


def _settings(document: Document | None) -> Json:
    return document.value if document and document.value is not None else {}


def parse(given: Json, path: Path, document: Document | None = None) -> Config:
    """Check what a file says.

    Raises:
        InputError: names the file, the line where there is a document, and the key.
    """
    file = _Source(path, document)
    if not isinstance(given, dict):
        raise RefusedError(f"{path}: expected a map of settings", (), "expected a map of settings")
    for key in given:
        if key not in KEYS:
            close = nearest(str(key), KEYS)
            advice = f"did you mean {close}?" if close else f"known are {', '.join(KEYS)}"
            raise file.error((key,), f"unknown key '{key}'; {advice}")
    severity = given.get("severity") or {}
    if not isinstance(severity, dict):
        raise file.error(("severity",), f"'severity' must be a map from code to one of {', '.join(_LEVELS)}")
    levels = {_code(code, file, "severity", code): _level(level, code, file) for code, level in severity.items()}
    ignored = enumerate(_names(given, "ignore", file))
    levels |= {_code(code, file, "ignore", index): "off" for index, code in ignored}
    actions = _actions(given, file)
    return Config(
        folder=path.parent,
        levels=levels,
        exclude=_names(given, "exclude", file),
        actions=tuple(one for one in actions if isinstance(one, str)),
        declared=tuple(_declared(one, file, index) for index, one in enumerate(actions) if not isinstance(one, str)),
        actions_from=_text(given, "actions-from", "a URL", file),
        actions_folder=_text(given, "actions-folder", "the path of a folder", file),
        vocabulary=Vocabulary(
            frozenset(_names(given, "filters", file)),
            frozenset(_names(given, "globals", file)),
            frozenset(_names(given, "fields", file)),
            frozenset(_names(given, "kinds", file)),
        ),
    )


def _yaml(file: Path) -> Document | None:
    found = read_text(file, str(file))
    if found.unreadable:
        raise InputError(f"Cannot read {file}: {found.unreadable}")
    try:
        yaml.load(found.text, filename=str(file))
    except yaml.YamlError as error:
        raise InputError(str(error)) from error
    return next(iter(yaml.load_all(found.text)), None)


def _toml(file: Path) -> JsonObject | None:
    try:
        parsed = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"Cannot read {file}: {error}") from error
    tools = parsed.get("tool")
    found = tools.get("backstage-py") if isinstance(tools, dict) else None
    if found is not None and not isinstance(found, dict):
        raise InputError(f"{file}: [tool.backstage-py] must be a table")
    return found


def _text(given: JsonObject, key: str, expected: str, file: _Source) -> str | None:
    value = given.get(key)
    if value is not None and not isinstance(value, str):
        raise file.error((key,), f"'{key}' must be {expected}")
    return value


def _names(given: JsonObject, key: str, file: _Source) -> tuple[str, ...]:
    value = given.get(key) or []
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise file.error((key,), f"'{key}' must be a list of texts")
    return tuple(value)


def _actions(given: JsonObject, file: _Source) -> list[Json]:
    found = given.get("actions") or []
    if not isinstance(found, list):
        raise file.error(("actions",), "'actions' must be a list of files and of actions, each with its id")
    return found


def _declared(one: Json, file: _Source, index: int) -> JsonObject:
    """Return an action of the configuration as an entry of a listing."""
    if not isinstance(one, dict) or not isinstance(one.get("id"), str):
        reason = "an entry of 'actions' must be the name of a file, or an object with the action's 'id'"
        raise file.error(("actions", index), reason)
    for key in one:
        if key not in ACTION_KEYS:
            reason = f"unknown key '{key}' of the action {one['id']}; known are {', '.join(ACTION_KEYS)}"
            raise file.error(("actions", index, key), reason)
    schema = {key: one.get(key) for key in ("input", "output")}
    if any(not isinstance(part, dict | None) for part in schema.values()):
        reason = f"'input' and 'output' of the action {one['id']} must be JSON Schemas"
        raise file.error(("actions", index), reason)
    for key, part in schema.items():
        for misfit in _misfits(part, ("actions", index, key)):
            reason = f"{one['id']}: '{misfit.keyword}' must be {misfit.expected}"
            raise file.error(misfit.path, reason)
        for where, wrong in _unknown_types(part, ()):
            raise file.error(("actions", index, key, *where), f"{one['id']}: there is no type {wrong!r}")
    return {"id": one["id"], "description": str(one.get("description") or ""), "schema": schema}


def _misfits(schema: Json, path: tuple[str | int, ...]) -> Iterator[schema_shape.Misfit]:
    """Keywords with a value that they do not take; types have words of their own."""
    for one, where in schema_shape.schemas(schema, path) if isinstance(schema, dict) else ():
        if isinstance(one, dict):
            found = schema_shape.misfits(one, where)
            yield from (misfit for misfit in found if not misfit.is_mild and misfit.keyword != "type")


def _unknown_types(schema: Json, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Types that no JSON Schema has, of the schema and of properties and items in it."""
    if not isinstance(schema, dict) or len(path) > _DEEPEST:
        return
    named = schema.get("type")
    if isinstance(named, str) and named not in SCHEMA_TYPES:
        yield (*path, "type"), named
    properties = schema.get("properties")
    for name, one in properties.items() if isinstance(properties, dict) else ():
        yield from _unknown_types(one, (*path, "properties", name))
    yield from _unknown_types(schema.get("items"), (*path, "items"))


def _code(code: Json, file: _Source, *path: str | int) -> str:
    from backstage_py.lint.rules import RULES

    by_name = {rule.name: rule.code for rule in RULES}
    known = {rule.code for rule in RULES}
    found = by_name.get(str(code), str(code).upper())
    if found not in known:
        reason = f"there is no rule '{code}'; the rules are listed by `backstage-py validate --rules`"
        raise file.error(path, reason)
    return found


def _level(level: Json, code: str, file: _Source) -> Level:
    if level is False:  # YAML 1.1 tools write off without quotes
        return "off"
    if level not in _LEVELS:
        reason = f"the severity of {code} must be one of {', '.join(_LEVELS)}, not {level!r}"
        raise file.error(("severity", code), reason)
    return cast("Level", level)
