"""BPY5, fourth part: pages of the form as JSON Schema."""

from collections.abc import Iterator

from backstage_py.lint import schema_shape
from backstage_py.lint.fixes import repair
from backstage_py.lint.nearest import misspelled, nearest, slip_of
from backstage_py.lint.rule import Finding, Path, rule
from backstage_py.lint.view import Template
from backstage_py.lint.vocabulary import FOREIGN_CHOICE_KEYS, PAGE_KEYS, SCHEMA_KEYS, SCHEMA_TYPES, TEXT_FORMATS
from backstage_py.model.json import Json, JsonObject

_LOG = "steps:\n  - id: log\n    action: debug:log\n    input:\n      message: ${{ parameters.name }}\n"
_NAME = "parameters:\n  properties:\n    name:\n      type: string\n"


@rule(
    "BPY518",
    "invalid-schema",
    "error",
    "template",
    summary="A keyword of a page's JSON Schema has a value that it does not take.",
    why="The form refuses the whole page: `schema is invalid`. It is a warning where the keyword is only shown, or "
    "empty: a task whose values come by the API is taken all the same.",
    bad=_NAME + "  dependencies:\n    name: 5\n" + _LOG,
    good=_NAME + "      enum: [a, b]\n  dependencies:\n    name:\n      oneOf:\n        - properties:\n"
    "            name:\n              enum: [a, b]\n" + _LOG,
)
def invalid_schema(template: Template) -> Iterator[Finding]:
    """Every schema of every page; what properties have for a type and a pattern has rules of its own."""
    for page, path in template.form.pages:
        for schema, where in schema_shape.schemas(page, path):
            if not isinstance(schema, dict):
                if not isinstance(schema, bool):
                    yield Finding(f'"{where[-1]}" must be a schema', where, fix=_schema_fix(schema))
                continue
            for one in schema_shape.misfits(schema, where):
                yield Finding(
                    f'"{one.keyword}" must be {one.expected}',
                    one.path,
                    severity="warning" if one.is_mild else None,
                )
            yield from _types_beside_properties(template, schema, where)
            yield from _broken_reference(page, schema, where)


@rule(
    "BPY519",
    "misspelled-page-key",
    "warning",
    "template",
    summary="A key of a page, or of a branch of it, is a misspelling, or a parameter that stands at a wrong level.",
    why="JSON Schema ignores what it does not know: the title is missing, or nothing is required.",
    bad=_NAME.replace("parameters:\n", "parameters:\n  requierd: [name]\n") + _LOG,
    good=_NAME.replace("parameters:\n", "parameters:\n  required: [name]\n") + _LOG,
)
def misspelled_page_key(template: Template) -> Iterator[Finding]:
    """Pages, items and branches; properties have a rule of their own."""
    known = PAGE_KEYS | SCHEMA_KEYS
    properties = {one.path for one in template.form.properties}
    for page, path in template.form.pages:
        for schema, where in schema_shape.schemas(page, path):
            if not isinstance(schema, dict) or where in properties:
                continue
            for key in schema:
                if key in known or ":" in str(key):
                    continue
                close = slip_of(str(key), known, schema) or _of_choice(str(key), schema, where)
                if close is None and where == path and _is_property(schema[key]) and "properties" in schema:
                    message = f'"{key}" stands beside "properties", so the form does not ask for it'
                    yield Finding(message, (*where, key), on_key=True, fix='Indent it, to stand below "properties"')
                elif close:
                    message = f'JSON Schema has no "{key}"'
                    mended = repair.rename((*where, key), close)
                    yield Finding(message, (*where, key), on_key=True, fix=f'Did you mean "{close}"?', repair=mended)


@rule(
    "BPY520",
    "required-in-branch",
    "warning",
    "template",
    summary="A branch of a form requires a value that no page asks for.",
    why="Where the branch applies, the page can never be completed.",
    bad=_NAME + "      enum: [a, b]\n  dependencies:\n    name:\n      oneOf:\n        - properties:\n"
    "            name:\n              const: a\n          required: [colour]\n" + _LOG,
    good=_NAME + "      enum: [a, b]\n  dependencies:\n    name:\n      oneOf:\n        - properties:\n"
    "            name:\n              const: a\n          required: [name]\n" + _LOG,
)
def required_in_branch(template: Template) -> Iterator[Finding]:
    """Branches of pages, not of objects in them."""
    form = template.form
    names = {one.name for one in form.properties}
    if form.takes_more:
        return
    for page, path in form.pages:
        for schema, where in schema_shape.schemas(page, path):
            required = schema.get("required") if isinstance(schema, dict) and where != path else None
            if not isinstance(required, list) or schema.get("type") == "object" or "not" in where:
                continue
            for index, name in enumerate(required):
                if isinstance(name, str) and name not in names:
                    close = nearest(name, names)
                    yield Finding(
                        f'"{name}" is required here but asked for nowhere',
                        (*where, "required", index),
                        fix=f'Did you mean "{close}"?' if close else "Add the property, or remove the name",
                    )


@rule(
    "BPY528",
    "unknown-format",
    "warning",
    "template",
    summary="`format` is a misspelling of a format of texts, or none that the form knows.",
    why="What nobody knows is not checked: the form takes any text. What is no misspelling is a note.",
    bad=_NAME + "      format: e-mail\n" + _LOG,
    good=_NAME + "      format: email\n" + _LOG,
)
def unknown_format(template: Template) -> Iterator[Finding]:
    """Of texts, wherever they stand in a page."""
    for page, path in template.form.pages:
        for schema, where in schema_shape.schemas(page, path):
            named = schema.get("format") if isinstance(schema, dict) else None
            if not isinstance(named, str) or named in TEXT_FORMATS or schema.get("type", "string") != "string":
                continue
            place = (*where, "format")
            if close := misspelled(named, TEXT_FORMATS):
                mended = repair.write(place, close)
                yield Finding(f'There is no format "{named}"', place, fix=f'Write "{close}"', repair=mended)
            else:
                yield Finding(f'The form does not know the format "{named}"', place, severity="info")


def _of_choice(key: str, schema: JsonObject, where: Path) -> str | None:
    """What a choice of ``oneOf`` or ``anyOf`` calls what stands there by another name."""
    choice = len(where) > 1 and where[-2] in ("oneOf", "anyOf") and "properties" not in schema
    close = FOREIGN_CHOICE_KEYS.get(key.lower()) if choice else None
    plain = not isinstance(schema[key], dict | list) or close == "enum"
    return close if close and plain and close not in schema and not {"const", "enum"} & {close} & set(schema) else None


def _is_property(value: Json) -> bool:
    """Whether it is what parameters have: a type that there is, and something to show."""
    name = value.get("type") if isinstance(value, dict) else None
    return isinstance(name, str) and name in SCHEMA_TYPES


def _types_beside_properties(template: Template, schema: JsonObject, where: Path) -> Iterator[Finding]:
    """Types of pages, branches and items."""
    if any(one.path == where for one in template.form.properties):
        return
    names = schema.get("type")
    for name in names if isinstance(names, list) else [names]:
        if isinstance(name, str) and name not in SCHEMA_TYPES:
            close = nearest(name, SCHEMA_TYPES)
            yield Finding(f'Unknown type "{name}"', (*where, "type"), fix=f'Write "{close}"' if close else None)


def _broken_reference(page: JsonObject, schema: JsonObject, where: Path) -> Iterator[Finding]:
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/"):
        node: Json = page
        for part in reference[2:].split("/"):
            node = node.get(part) if isinstance(node, dict) else None
        if node is None:
            yield Finding(
                f'The page has no "{reference}"', (*where, "$ref"), fix="A page knows its own definitions only"
            )


def _schema_fix(value: Json) -> str | None:
    return f"Write type: {value} below it" if isinstance(value, str) and value in SCHEMA_TYPES else None
