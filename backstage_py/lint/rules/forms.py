"""BPY5: the form."""

import re
from collections.abc import Iterator

from backstage_py.js import regex
from backstage_py.js.convert import deep_equal
from backstage_py.lint import schema_shape
from backstage_py.lint.fixes import repair
from backstage_py.lint.fixes.repair import Repair
from backstage_py.lint.form import possible_values, schema_types
from backstage_py.lint.nearest import begun, misspelled, nearest, slip_of
from backstage_py.lint.rule import Finding, Path, rule
from backstage_py.lint.view import Template
from backstage_py.lint.vocabulary import (
    FIELD_OPTIONS,
    FOREIGN_SCHEMA_KEYS,
    SCHEMA_KEYS,
    SCHEMA_TYPES,
)
from backstage_py.model.json import Json, JsonObject

_LOG = "steps:\n  - id: log\n    action: debug:log\n    input:\n      message: ${{ parameters.name }}\n"
_NAME = "parameters:\n  properties:\n    name:\n      type: string\n"
_SIZES = _LOG.replace("${{ parameters.name }}", "${{ parameters.name }} ${{ parameters.size }}")
_GOOD = _NAME + _LOG
_INNER = frozenset({"properties", "items", "definitions", "not"})
"""Below these stand schemas of something else than the form's own values."""
_IN_SLASHES = re.compile(r"/(\^.*\$)/[a-z]*", re.DOTALL)
"""As JavaScript writes a regular expression; a text that begins and ends with a slash may be a path."""
_FOREIGN_TYPES = {
    "str": "string",
    "text": "string",
    "int": "integer",
    "bool": "boolean",
    "float": "number",
    "list": "array",
    "dict": "object",
    "map": "object",
    "enum": "string",
}


@rule(
    "BPY501",
    "bad-pattern",
    "error",
    "template",
    summary="A `pattern` is not a regular expression, or has the slashes around it that only code needs.",
    why="The form cannot check the value, and refuses to go on.",
    bad=_NAME + "      pattern: '[a-z'\n" + _LOG,
    good=_NAME + "      pattern: '[a-z]+'\n" + _LOG,
)
def bad_pattern(template: Template) -> Iterator[Finding]:
    """As JavaScript reads it without the flag u, so that only what no reader takes is found."""
    for one in template.form.properties:
        pattern, where = one.schema.get("pattern"), (*one.path, "pattern")
        if isinstance(pattern, str) and (reason := regex.problem(pattern)):
            yield Finding(reason, where)
        elif isinstance(pattern, str) and (found := _IN_SLASHES.fullmatch(pattern)):
            yield Finding(
                "Slashes around a pattern are part of it, so nothing matches",
                where,
                fix=f"Write {found[1]}",
                severity="warning",
                repair=repair.write(where, found[1]),
            )


@rule(
    "BPY502",
    "required-without-property",
    "error",
    "template",
    summary="`required` names a value that no page of the form asks for.",
    why="The form can never be completed.",
    bad="parameters:\n  required: [nmae]\n  properties:\n    name:\n      type: string\n" + _LOG,
    good="parameters:\n  required: [name]\n  properties:\n    name:\n      type: string\n" + _LOG,
)
def required_without_property(template: Template) -> Iterator[Finding]:
    """A property of another page is a warning: the pages before it cannot be completed."""
    form = template.form
    for index, (page, path) in enumerate(form.pages):
        required = page.get("required")
        for position, name in enumerate(required if isinstance(required, list) else ()):
            if not isinstance(name, str) or form.hidden:
                continue
            pages = {one.page for one in form.declared.get(name, ())}
            if index in pages or any(earlier < index for earlier in pages):
                continue
            close = nearest(name, [one.name for one in form.properties if one.page == index])
            later = f"; it is asked for on page {min(pages) + 1}" if pages else ""
            yield Finding(
                f'"{name}" is required on page {index + 1} but not a property of it{later}',
                (*path, "required", position),
                fix=f'Did you mean "{close}"?' if close else "Add the property, or remove the name",
                severity="warning" if pages else None,
                repair=_required(path, position, close, required, sure=not pages and _is_slip(name, close)),
            )
    yield from _required_members(template)


@rule(
    "BPY503",
    "impossible-dependency",
    "warning",
    "template",
    summary="A branch of `dependencies`, or an `if`, can never apply.",
    why="It depends on a property that does not exist, or on a value that the property cannot have; what it "
    "asks for is never shown.",
    bad="parameters:\n  properties:\n    name:\n      type: string\n      enum: [small, large]\n  "
    "dependencies:\n    name:\n      oneOf:\n"
    "        - properties:\n            name:\n              const: lagre\n            size:\n              "
    "type: number\n" + _SIZES,
    good="parameters:\n  properties:\n    name:\n      type: string\n      enum: [small, large]\n  "
    "dependencies:\n    name:\n      oneOf:\n"
    "        - properties:\n            name:\n              const: small\n"
    "        - properties:\n            name:\n              const: large\n            size:\n              "
    "type: number\n" + _SIZES,
)
def impossible_dependency(template: Template) -> Iterator[Finding]:
    """Looks at the dependencies of each page, and at ``if`` of it and its branches."""
    for page, path in template.form.pages:
        for schema, where in schema_shape.schemas(page, path):
            if isinstance(schema, dict) and not _INNER.intersection(where[len(path) :]):
                yield from _dead_condition(template, schema, where)
        dependencies = page.get("dependencies")
        properties = page.get("properties")
        if not isinstance(dependencies, dict) or not isinstance(properties, dict):
            continue
        for name, dependency in dependencies.items():
            where = (*path, "dependencies", name)
            if name not in template.form.declared:
                if template.form.hidden:
                    continue
                close = nearest(name, properties)
                yield Finding(
                    f'There is no property "{name}" to depend on',
                    where,
                    on_key=True,
                    fix=f'Did you mean "{close}"?' if close else None,
                    repair=repair.rename(where, close, sure=_is_slip(name, close)),
                )
            elif isinstance(dependency, list):
                yield from _unasked(template, dependency, where)
            elif isinstance(dependency, dict) and isinstance(properties.get(name), dict):
                yield from _dead_branches(name, properties[name], dependency, where)


@rule(
    "BPY507",
    "unknown-type",
    "error",
    "template",
    summary="The `type` of a parameter is none of JSON Schema.",
    why="The form cannot be shown. The types are string, number, integer, boolean, object, array and null.",
    bad=_NAME.replace("type: string", "type: text") + _LOG,
    good=_GOOD,
)
def unknown_type(template: Template) -> Iterator[Finding]:
    """Every schema of the form."""
    for one in template.form.properties:
        for name in sorted(schema_types(one.schema) - SCHEMA_TYPES):
            close = _FOREIGN_TYPES.get(name.lower()) or nearest(name, SCHEMA_TYPES)
            sure = name.lower() in _FOREIGN_TYPES or _is_slip(name, close)
            yield Finding(
                f'Unknown type "{name}"',
                (*one.path, "type"),
                fix=f'Write "{close}"' if close else None,
                repair=repair.write((*one.path, "type"), close, sure=sure) if name == one.schema["type"] else None,
            )


@rule(
    "BPY510",
    "misplaced-key",
    "warning",
    "template",
    summary="A key of a parameter's schema is a misspelling, or stands at a wrong level.",
    why="JSON Schema ignores what it does not know, so the rule is not applied. `required` is a list beside "
    "`properties`, "
    "not a flag of a property.",
    bad=_NAME + "      required: true\n" + _LOG,
    good="parameters:\n  required: [name]\n  properties:\n    name:\n      type: string\n" + _LOG,
)
def misplaced_key(template: Template) -> Iterator[Finding]:
    """Surely misspelled keys, ``required`` as a flag, and ``ui`` as an object instead of a prefix."""
    for one in template.form.properties:
        items = one.schema.get("items")
        for schema, path in ((one.schema, one.path), (items, (*one.path, "items"))):
            if isinstance(schema, dict) and isinstance(schema.get("required"), bool):
                fix = f'Add "{one.name}" to the list "required" of the object'
                fix = fix if schema is one.schema else "Write a list of the properties that have to be there"
                yield Finding("required is a list beside properties", (*path, "required"), on_key=True, fix=fix)
        if isinstance(nested := one.schema.get("ui"), dict) and nested:
            yield Finding(
                'JSON Schema has no "ui", and the form does not look into it',
                (*one.path, "ui"),
                on_key=True,
                fix="Write " + ", ".join(f"ui:{key}" for key in nested) + " beside type",
            )
        yield from _beside_another_type(one.schema, one.path)
        for key in one.schema:
            word, _, rest = str(key).partition(" ")
            if rest and one.schema[key] is None and word in SCHEMA_KEYS and word not in one.schema:
                fix = f"Write a colon: {word}: {rest}"
                yield Finding(f'"{key}" is a key without a value', (*one.path, key), on_key=True, fix=fix)
                continue
            field = one.schema.get("ui:field")
            if isinstance(field, str) and key in FIELD_OPTIONS.get(field, ()) and key not in SCHEMA_KEYS:
                fix = "Move it below ui:options"
                yield Finding(f'"{key}" is an option of {field}', (*one.path, key), on_key=True, fix=fix)
                continue
            unknown = key not in SCHEMA_KEYS and not str(key).startswith("ui:")
            close = _foreign(str(key), one.schema) or (
                slip_of(str(key), SCHEMA_KEYS, one.schema) or begun(str(key), SCHEMA_KEYS) if unknown else None
            )
            if close and isinstance(one.schema[key], str | int | list | dict):
                yield Finding(
                    f'JSON Schema has no "{key}"',
                    (*one.path, key),
                    on_key=True,
                    fix=f'Did you mean "{close}"?',
                    repair=repair.rename((*one.path, key), close),
                )


@rule(
    "BPY511",
    "unused-parameter",
    "info",
    "template",
    summary="A parameter is asked for and never used.",
    why="People fill in what has no effect. Nothing is reported where parameters are handed on as a whole.",
    bad="parameters:\n  properties:\n    name:\n      type: string\n    colour:\n      type: string\n" + _LOG,
    good=_GOOD,
)
def unused_parameter(template: Template) -> Iterator[Finding]:
    """A parameter that others depend on counts as used."""
    used: set[str] = set()
    for parsed in (*(use.parsed for use in template.uses), *(one.parsed for one in template.page_conditions)):
        if parsed.problems:
            return
        for reference in parsed.references:
            if reference.names[0] == "parameters":
                if len(reference.names) < 2:  # noqa: PLR2004  # parameters as a whole
                    return
                used.add(reference.names[1])
    if not template.uses or not used or template.has_hidden_steps:
        return
    for name, declarations in template.form.declared.items():
        first = declarations[0]
        steered = len(declarations) > 1 or any(
            isinstance(steering, dict) and name in steering
            for page, _ in template.form.pages
            for steering in (page.get("dependencies"), _asked(page))
        )
        secret = (
            name in template.form.secrets
            or "object" in schema_types(first.schema)
            or first.schema.get("type") == "null"
        )
        if name not in used and not steered and not secret and not _only_shows(first.schema):
            yield Finding(f'The parameter "{name}" is not used', first.path, on_key=True)


def _unasked(template: Template, names: list[Json], where: Path) -> Iterator[Finding]:
    """What is required beside a property and asked for nowhere."""
    for index, name in enumerate(names):
        if isinstance(name, str) and name not in template.form.declared and not template.form.takes_more:
            close = nearest(name, template.form.declared)
            fix = f'Did you mean "{close}"?' if close else "Add the property, or remove the name"
            yield Finding(f'"{name}" is required here but asked for nowhere', (*where, index), fix=fix)


def _beside_another_type(schema: JsonObject, path: Path) -> Iterator[Finding]:
    """What describes members or items, beside a type that has none."""
    kinds = schema_types(schema)
    for key, kind in (("properties", "object"), ("items", "array")):
        if isinstance(schema.get(key), dict) and kinds and kinds <= SCHEMA_TYPES - {kind}:
            fix = (
                "Indent it, to stand below items"
                if key == "properties" and "items" in schema
                else f"Write type: {kind}"
            )
            yield Finding(
                f'"{key}" has no effect beside type {" or ".join(sorted(kinds))}', (*path, key), on_key=True, fix=fix
            )


def _foreign(key: str, schema: JsonObject) -> str | None:
    """What another language calls a keyword, where that keyword is not there."""
    name = schema.get("type")
    close = FOREIGN_SCHEMA_KEYS.get(key.lower(), {}).get(name) if isinstance(name, str) else None
    return close if close not in schema and close != key else None


def _is_slip(name: str, close: str | None) -> bool:
    return close is not None and misspelled(name, (close,)) is not None


def _required(path: Path, index: int, close: str | None, required: Json, *, sure: bool) -> Repair | None:
    """Another name in a list of required ones, where it does not stand already."""
    return None if close in required else repair.write((*path, "required", index), close, sure=sure)


def _asked(page: JsonObject) -> Json:
    """The properties that the ``if`` of a page asks about."""
    condition = page.get("if")
    return condition.get("properties") if isinstance(condition, dict) else None


def _only_shows(schema: JsonObject) -> bool:
    """Whether the field is there for what it shows, or for other fields, not for its value."""
    return "ui:field" in schema or schema.get("ui:widget") == "hidden" or bool(schema.get("ui:backstage"))


def _required_members(template: Template) -> Iterator[Finding]:
    """Objects that are properties, and those that are items of a list."""
    for one in template.form.properties:
        items = one.schema.get("items")
        yield from _lacking(template, one.schema, one.path, f'of "{one.name}"')
        if isinstance(items, dict):
            yield from _lacking(template, items, (*one.path, "items"), f'of the items of "{one.name}"')


def _lacking(template: Template, schema: JsonObject, path: Path, owner: str) -> Iterator[Finding]:
    required, properties = schema.get("required"), schema.get("properties")
    if schema.get("type") != "object" or not isinstance(required, list) or not isinstance(properties, dict):
        return
    inner = {found.name for found in template.form.properties if found.path[: len(path)] == path}
    for index, name in enumerate(required):
        if isinstance(name, str) and name not in inner:
            close = nearest(name, inner)
            yield Finding(
                f'"{name}" is required but not a property {owner}',
                (*path, "required", index),
                fix=f'Did you mean "{close}"?' if close else "Add the property, or remove the name",
                repair=_required(path, index, close, required, sure=_is_slip(name, close)),
            )


def _dead_branches(name: str, schema: JsonObject, dependency: JsonObject, where: Path) -> Iterator[Finding]:
    branches = dependency.get("oneOf")
    for index, branch in enumerate(branches if isinstance(branches, list) else ()):
        conditions = branch.get("properties") if isinstance(branch, dict) else None
        condition = conditions.get(name) if isinstance(conditions, dict) else None
        if isinstance(condition, dict):
            yield from _impossible(name, schema, condition, (*where, "oneOf", index, "properties", name))


def _dead_condition(template: Template, page: JsonObject, path: Path) -> Iterator[Finding]:
    """An ``if`` about a property that no page has is always true; about a value that it cannot have, never."""
    condition = page.get("if")
    wanted = condition.get("properties") if isinstance(condition, dict) else None
    for name, schema in wanted.items() if isinstance(wanted, dict) else ():
        where = (*path, "if", "properties", name)
        declared = template.form.declared.get(name, ())
        if not declared and not template.form.takes_more:
            close = nearest(name, template.form.declared)
            yield Finding(
                f'There is no property "{name}" to depend on',
                where,
                on_key=True,
                fix=f'Did you mean "{close}"?' if close else None,
                repair=repair.rename(where, close, sure=_is_slip(name, close)),
            )
        elif len(declared) == 1 and isinstance(schema, dict):
            yield from _impossible(name, declared[0].schema, schema, where)


def _impossible(name: str, schema: JsonObject, condition: JsonObject, where: Path) -> Iterator[Finding]:
    """What a property is asked to be, and cannot be."""
    possible, wanted = possible_values(schema), possible_values(condition)
    if wanted and possible is not None and not any(deep_equal(one, other) for one in wanted for other in possible):
        shown = ", ".join(str(one) for one in possible)
        yield Finding(
            f'"{name}" can never be {", ".join(str(one) for one in wanted)}; it is one of {shown}',
            (*where, "const" if "const" in condition else "enum"),
        )
