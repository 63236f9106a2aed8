"""Which value each keyword of JSON Schema (draft 7) takes, and where in a page of a form schemas stand.

The form compiles a page's schema before it shows or checks anything, and refuses the page if one keyword is wrong:
observed with ``@rjsf/validator-ajv8`` 5.24.13, which Backstage's form uses.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from backstage_py.lint import placeholders
from backstage_py.lint.rule import Path
from backstage_py.lint.vocabulary import SCHEMA_TYPES
from backstage_py.model.json import Json, JsonObject

_DEEPEST = 40
_SCHEMAS = frozenset(
    {"additionalProperties", "additionalItems", "contains", "propertyNames", "not", "if", "then", "else"}
)
_MAPS = frozenset({"properties", "patternProperties", "definitions"})
_LISTS = frozenset({"allOf", "anyOf", "oneOf"})
_TEXTS = frozenset({"title", "description", "pattern", "format", "$ref", "$id", "$comment"})
_COUNTS = frozenset({"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"})
_NUMBERS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})
_FLAGS = frozenset({"uniqueItems", "readOnly", "writeOnly"})
_SHOWN = frozenset({"title", "description", "$comment", "format", "readOnly", "writeOnly", "examples"})
_FLAGS_ONCE = frozenset({"exclusiveMinimum", "exclusiveMaximum"})


@dataclass(frozen=True, slots=True)
class Misfit:
    """A keyword with a value that it does not take.

    Attributes:
        is_mild: the backend takes values all the same, since the keyword is only shown, or empty.
    """

    path: Path
    keyword: str
    expected: str
    is_mild: bool


def schemas(page: JsonObject, path: Path) -> Iterator[tuple[Json, Path]]:
    """Yield the page, and all that stands where a schema should, whatever it is."""
    pending: list[tuple[Json, Path, int]] = [(page, path, 0)]
    while pending:
        value, where, depth = pending.pop()
        if placeholders.is_placeholder(value):
            continue
        yield value, where
        if isinstance(value, dict) and depth < _DEEPEST:
            inner = [(child, (*where, *part), depth + 1) for part, child in _children(value)]
            pending.extend(reversed(inner))


def misfits(schema: JsonObject, path: Path) -> Iterator[Misfit]:
    """Yield the keywords of one schema that have a wrong value; schemas within it are not looked into."""
    for keyword, value in schema.items():
        expected = None if placeholders.is_placeholder(value) else _expected(keyword, value)
        if expected is not None:
            empty = value is None and keyword not in ("type", "enum", "required", "items", "pattern", *_LISTS)
            flag = keyword in _FLAGS_ONCE and isinstance(value, bool)
            doubled = keyword == "required" and expected.startswith("each")
            tuple_ = keyword == "items" and isinstance(value, list)
            yield Misfit((*path, keyword), keyword, expected, empty or flag or doubled or tuple_ or keyword in _SHOWN)
    dependencies = schema.get("dependencies")
    for name, value in dependencies.items() if isinstance(dependencies, dict) else ():
        if not (isinstance(value, dict | bool) or _is_texts(value)):
            expected = "a schema, or a list of the names that are required then"
            yield Misfit((*path, "dependencies", name), f"dependencies.{name}", expected, is_mild=False)


def _children(schema: JsonObject) -> Iterator[tuple[Path, Json]]:
    for keyword, value in schema.items():
        if keyword in _SCHEMAS or (keyword == "items" and not isinstance(value, list)):
            if isinstance(value, dict):
                yield (keyword,), value
        elif keyword in _MAPS and isinstance(value, dict):
            yield from (((keyword, name), child) for name, child in value.items())
        elif keyword == "dependencies" and isinstance(value, dict):
            yield from (((keyword, name), child) for name, child in value.items() if isinstance(child, dict))
        elif (keyword in _LISTS or keyword == "items") and isinstance(value, list):
            yield from (((keyword, index), child) for index, child in enumerate(value))


def _expected(keyword: str, value: Json) -> str | None:
    """Return what a keyword takes, None if the value is that, or the keyword takes anything."""
    for keywords, fits, expected in _KINDS:
        if keyword in keywords:
            return None if fits(value) else expected
    match keyword:
        case "items":
            single = isinstance(value, list) and len(value) == 1
            return "a schema" if single or not isinstance(value, dict | bool | list) else None
        case "enum":
            return None if isinstance(value, list) and value else "a list of values"
        case "required":
            return _expected_names(value)
        case "type":
            return _expected_type(value)
        case _:
            return None


def _expected_names(value: Json) -> str | None:
    if isinstance(value, bool):  # a rule of its own says where it belongs
        return None
    if not _is_texts(value):
        return "a list of names"
    return None if len(set(value)) == len(value) else "each name once"


def _expected_type(value: Json) -> str | None:
    names = value if isinstance(value, list) else [value]
    known = bool(names) and all(isinstance(name, str) for name in names)
    return None if known else f"one of {', '.join(sorted(SCHEMA_TYPES))}"


def _is_texts(value: Json) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_KINDS: tuple[tuple[frozenset[str], Callable[[Json], bool], str], ...] = (
    (_SCHEMAS, lambda value: isinstance(value, dict | bool), "a schema"),
    (_MAPS, lambda value: isinstance(value, dict), "a map from names to schemas"),
    (frozenset({"dependencies"}), lambda value: isinstance(value, dict), "a map from a name to what comes with it"),
    (_LISTS, lambda value: isinstance(value, list) and value != [], "a list of schemas"),
    (_TEXTS, lambda value: isinstance(value, str), "a text"),
    (_COUNTS, lambda value: _is_number(value) and value >= 0 and float(value).is_integer(), "a whole number"),
    (_NUMBERS, _is_number, "a number"),
    (frozenset({"multipleOf"}), lambda value: _is_number(value) and value > 0, "a number above 0"),
    (_FLAGS, lambda value: isinstance(value, bool), "true or false"),
    (frozenset({"examples"}), lambda value: isinstance(value, list), "a list"),
)
