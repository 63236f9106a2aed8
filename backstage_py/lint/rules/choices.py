"""BPY5, seventh part: defaults and choices of a parameter."""

import operator
from collections.abc import Iterator

from backstage_py.js import regex
from backstage_py.js.convert import deep_equal
from backstage_py.lint import schema_shape
from backstage_py.lint.form import possible_values, schema_types
from backstage_py.lint.placeholders import is_placeholder
from backstage_py.lint.rule import Finding, Path, rule
from backstage_py.lint.view import Template
from backstage_py.lint.vocabulary import SCHEMA_TYPES
from backstage_py.model.json import Json, JsonObject

_LOG = "steps:\n  - id: log\n    action: debug:log\n    input:\n      message: ${{ parameters.name }}\n"
_NAME = "parameters:\n  properties:\n    name:\n      type: string\n"
_PYTHON_TYPES = {
    "string": (str,),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
    "null": (type(None),),
    "number": (int, float),
    "integer": (int,),
}


@rule(
    "BPY508",
    "bad-default",
    "warning",
    "template",
    summary="A default does not fit its own schema.",
    why="The form starts with a value that it refuses.",
    bad=_NAME + "      enum: [small, large]\n      default: medium\n" + _LOG,
    good=_NAME + "      enum: [small, large]\n      default: small\n" + _LOG,
)
def bad_default(template: Template) -> Iterator[Finding]:
    """Type, enum, pattern and bounds, and those of the items; an empty text or list is there to be filled."""
    for one in template.form.properties:
        default = one.schema.get("default")
        if default is None or "ui:field" in one.schema:
            continue
        if reason := _unfit(default, one.schema):
            yield Finding(f"The default {reason}", (*one.path, "default"))


@rule(
    "BPY509",
    "enum-names",
    "warning",
    "template",
    summary="`enumNames` and `enum` differ in length, or a choice stands twice or is not of the type.",
    why="The names would belong to other values; a doubled value makes the schema invalid, in `oneOf` the choice.",
    bad=_NAME + "      enum: [small, large]\n      enumNames: [Small]\n" + _LOG,
    good=_NAME + "      enum: [small, large]\n      enumNames: [Small, Large]\n" + _LOG,
)
def enum_names(template: Template) -> Iterator[Finding]:
    """Compare the two lists, of items and branches, too."""
    for page, path in template.form.pages:
        for schema, where in schema_shape.schemas(page, path):
            if isinstance(schema, dict):
                yield from _of_another_type(schema, where)
            if isinstance(schema, dict) and isinstance(schema.get("enum"), list):
                yield from _names_and_values(schema, schema["enum"], where)
            for key in ("oneOf", "anyOf") if isinstance(schema, dict) else ():
                if isinstance(branches := schema.get(key), list):
                    yield from _doubled_constants(branches, (*where, key))


def _of_another_type(schema: JsonObject, where: Path) -> Iterator[Finding]:
    """Choices that the type of the schema refuses."""
    types = schema_types(schema)
    listed = schema.get("enum")
    values = [(value, ("enum", index)) for index, value in enumerate(listed)] if isinstance(listed, list) else []
    choices: list[tuple[Json, Path]] = [*values]
    if "const" in schema:
        choices.append((schema["const"], ("const",)))
    for value, place in choices if types and types <= SCHEMA_TYPES else ():
        if not any(_is_of(value, name) for name in types) and not is_placeholder(value):
            yield Finding(f"{value!r} is not of the type {' or '.join(sorted(types))}", (*where, *place))
            return


def _names_and_values(schema: JsonObject, enum: list[Json], where: Path) -> Iterator[Finding]:
    for key in ("enumNames", "ui:enumNames"):
        names = schema.get(key)
        if isinstance(names, dict):
            yield Finding(f"{key} must be a list, in the order of enum", (*where, key))
        if isinstance(names, list) and len(enum) != len(names):
            yield Finding(f"{len(names)} names for {len(enum)} values", (*where, key))
    disabled = schema.get("ui:enumDisabled")
    for index, value in enumerate(disabled if isinstance(disabled, list) else ()):
        if not any(deep_equal(value, one) for one in enum):
            yield Finding(f"{value!r} is none of the values in enum", (*where, "ui:enumDisabled", index))
    for index in _doubled(enum):
        yield Finding(f"{enum[index]!r} stands twice in enum", (*where, "enum", index))


def _doubled_constants(branches: list[Json], where: Path) -> Iterator[Finding]:
    """Two choices with one value: then neither can be chosen, as ``oneOf`` takes what fits exactly one."""
    found = [(index, one, _only(one)) for index, one in enumerate(branches) if isinstance(one, dict)]
    choices = [(index, one, values[0]) for index, one, values in found if values is not None]
    for at in _doubled([value for _, _, value in choices]):
        index, one, value = choices[at]
        place = (*where, index, "const" if "const" in one else "enum")
        yield Finding(f"{value!r} stands twice in {where[-1]}", place)


def _only(choice: JsonObject) -> list[Json] | None:
    """The one value of a choice that asks for nothing else."""
    asks = {key for key in choice if key not in ("title", "description", "type")}
    if asks == {"const"}:
        return [choice["const"]]
    enum = choice.get("enum")
    return enum if asks == {"enum"} and isinstance(enum, list) and len(enum) == 1 else None


def _doubled(values: list[Json]) -> Iterator[int]:
    """Yield where a value stands that stood before."""
    seen: list[tuple[type, Json]] = []
    for index, value in enumerate(values):
        if (type(value), value) in seen:
            yield index
        seen.append((type(value), value))


def _unfit(default: Json, schema: JsonObject) -> str | None:
    types = schema_types(schema)
    if types and types <= SCHEMA_TYPES and not any(_is_of(default, name) for name in types):
        return f"is not of the type {' or '.join(sorted(types))}"
    enum = schema.get("enum")
    if isinstance(enum, list) and not isinstance(default, list) and not any(deep_equal(default, one) for one in enum):
        return "is none of the values in enum"
    if (
        "oneOf" in schema
        and (listed := possible_values(schema))
        and not any(deep_equal(default, one) for one in listed)
    ):
        return "is none of the values in oneOf"
    pattern = schema.get("pattern")
    if isinstance(pattern, str) and isinstance(default, str) and default and _never_matches(pattern, default):
        return "does not match the pattern"
    return _beyond(default, schema) or _unfit_item(default, schema.get("items"))


def _unfit_item(default: Json, items: Json) -> str | None:
    if not isinstance(default, list) or not isinstance(items, dict):
        return None
    for index, item in enumerate(default):
        if item is not None and (reason := _unfit(item, items)):
            return f"has an item ({index + 1}) that {reason}"
    return None


def _beyond(default: Json, schema: JsonObject) -> str | None:
    """Which bound a default is beyond; a bound that is no number is reported by another rule."""
    for name, is_beyond in (("exclusiveMinimum", operator.le), ("exclusiveMaximum", operator.ge)):
        limit: Json = schema.get(name)
        if _is_of(limit, "number") and _is_of(default, "number") and is_beyond(default, limit):
            return f"is beyond {name} {limit}"
    step: Json = schema.get("multipleOf")
    if _is_of(step, "number") and step > 0 and _is_of(default, "number") and not (default / step).is_integer():
        return f"is no multiple of {step}"
    size, names = _size(default)
    for name, is_beyond in zip(names, (operator.lt, operator.gt), strict=True):
        bound: Json = schema.get(name, size)
        if size is not None and _is_of(bound, "number") and is_beyond(size, bound):
            return f"is {'below' if name.startswith('min') else 'above'} {name} {bound}"
    return None


def _size(default: Json) -> tuple[float | None, tuple[str, str]]:
    """What bounds are about, with their keywords; None for what has none, and for an empty text or list."""
    if isinstance(default, str):
        return len(default) or None, ("minLength", "maxLength")
    if isinstance(default, list):
        return len(default) or None, ("minItems", "maxItems")
    return default if _is_of(default, "number") else None, ("minimum", "maximum")


def _never_matches(pattern: str, value: str) -> bool:
    try:
        return not regex.tester(pattern)(value)
    except ValueError:  # not valid, which another rule reports, or beyond the bound of our engine
        return False


def _is_of(value: Json, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    if name == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _PYTHON_TYPES[name])
