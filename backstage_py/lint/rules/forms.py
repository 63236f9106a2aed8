"""BPY5: the form."""

from collections.abc import Iterator

from backstage_py.js import regex
from backstage_py.js.convert import deep_equal
from backstage_py.lint.fixes import repair
from backstage_py.lint.fixes.repair import Repair
from backstage_py.lint.form import possible_values, schema_types
from backstage_py.lint.nearest import misspelled, nearest, slip_of
from backstage_py.lint.rule import Finding, Path, rule
from backstage_py.lint.view import Template
from backstage_py.lint.vocabulary import (
    FIELD_OPTIONS,
    FIELDS,
    GENERAL_OPTIONS,
    SCHEMA_KEYS,
    SCHEMA_TYPES,
    UI_KEYS,
    WIDGETS,
)
from backstage_py.model.entity_schema import KINDS
from backstage_py.model.json import Json, JsonObject

_LOG = "steps:\n  - id: log\n    action: debug:log\n    input:\n      message: ${{ parameters.name }}\n"
_NAME = "parameters:\n  properties:\n    name:\n      type: string\n"
_SIZES = _LOG.replace("${{ parameters.name }}", "${{ parameters.name }} ${{ parameters.size }}")
_GOOD = _NAME + _LOG
_PYTHON_TYPES = {
    "string": (str,),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
    "null": (type(None),),
    "number": (int, float),
    "integer": (int,),
}
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
    summary="A `pattern` is not a regular expression.",
    why="The form cannot check the value, and refuses to go on.",
    bad=_NAME + "      pattern: '[a-z'\n" + _LOG,
    good=_NAME + "      pattern: '[a-z]+'\n" + _LOG,
)
def bad_pattern(template: Template) -> Iterator[Finding]:
    """As JavaScript reads it without the flag u, so that only what no reader takes is found."""
    for one in template.form.properties:
        pattern = one.schema.get("pattern")
        if isinstance(pattern, str) and (reason := regex.problem(pattern)):
            yield Finding(reason, (*one.path, "pattern"))


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
            if not isinstance(name, str) or form.decorated:
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
    summary="A branch of `dependencies` can never apply.",
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
    """Looks at the dependencies of each page."""
    for page, path in template.form.pages:
        dependencies = page.get("dependencies")
        properties = page.get("properties")
        if not isinstance(dependencies, dict) or not isinstance(properties, dict):
            continue
        for name, dependency in dependencies.items():
            where = (*path, "dependencies", name)
            if name not in template.form.declared:
                if template.form.decorated:
                    continue
                close = nearest(name, properties)
                yield Finding(
                    f'There is no property "{name}" to depend on',
                    where,
                    on_key=True,
                    fix=f'Did you mean "{close}"?' if close else None,
                    repair=repair.rename(where, close, sure=_is_slip(name, close)),
                )
            elif isinstance(dependency, dict) and isinstance(properties.get(name), dict):
                yield from _dead_branches(name, properties[name], dependency, where)


@rule(
    "BPY504",
    "unknown-form-field",
    "info",
    "template",
    summary="`ui:field` names a field that the scaffolder does not have built in.",
    why="It may be a field of your own (name it in the configuration, `fields`). A name that is nearly a "
    "built-in one is a warning: "
    "the form would show a plain text field.",
    bad=_NAME + "      ui:field: RepoUrlPiker\n" + _LOG,
    good=_NAME + "      ui:field: RepoUrlPicker\n" + _LOG,
)
def unknown_field(template: Template) -> Iterator[Finding]:
    """Compare with the built-in fields and the configured ones."""
    known = FIELDS | template.extra.fields
    for one in template.form.properties:
        field = one.schema.get("ui:field")
        if isinstance(field, str) and field not in known:
            close = misspelled(field, known)
            yield Finding(
                f'Unknown field "{field}"',
                (*one.path, "ui:field"),
                fix=f'Did you mean "{close}"?' if close else "If it is your own, add it to the configured fields",
                severity="warning" if close else None,
                repair=repair.write((*one.path, "ui:field"), close),
            )


@rule(
    "BPY505",
    "unknown-widget",
    "warning",
    "template",
    summary="`ui:widget` names a widget that the form does not have.",
    why="The page cannot be shown.",
    bad=_NAME + "      ui:widget: texarea\n" + _LOG,
    good=_NAME + "      ui:widget: textarea\n" + _LOG,
)
def unknown_widget(template: Template) -> Iterator[Finding]:
    """Compare with the widgets of the form library; custom ones begin with a capital letter, as components do."""
    for one in template.form.properties:
        widget = one.schema.get("ui:widget")
        if isinstance(widget, str) and widget not in WIDGETS and not widget[:1].isupper():
            close = nearest(widget, WIDGETS)
            yield Finding(
                f'Unknown widget "{widget}"',
                (*one.path, "ui:widget"),
                fix=f'Did you mean "{close}"?' if close else f"Known are {', '.join(sorted(WIDGETS))}",
                repair=repair.write((*one.path, "ui:widget"), close, sure=_is_slip(widget, close)),
            )


@rule(
    "BPY506",
    "unknown-ui-key",
    "warning",
    "template",
    summary="A key with `ui:`, or an option of a built-in field, does not exist.",
    why="It is ignored.",
    bad=_NAME + "      ui:field: RepoUrlPicker\n      ui:options:\n        allowedHost: [github.com]\n" + _LOG,
    good=_NAME + "      ui:field: RepoUrlPicker\n      ui:options:\n        allowedHosts: [github.com]\n" + _LOG,
)
def unknown_ui_key(template: Template) -> Iterator[Finding]:
    """Only names that are nearly known ones: fields of one's own have options of their own."""
    for one in template.form.properties:
        for key in one.schema:
            if str(key).startswith("ui:") and key not in UI_KEYS:
                close = misspelled(str(key), UI_KEYS)
                if close:
                    yield Finding(
                        f'Unknown key "{key}"',
                        (*one.path, key),
                        on_key=True,
                        fix=f'Did you mean "{close}"?',
                        repair=repair.rename((*one.path, key), close),
                    )
        options = one.schema.get("ui:options")
        known = FIELD_OPTIONS.get(str(one.schema.get("ui:field")), frozenset())
        for key in options if isinstance(options, dict) else ():
            if key not in known | GENERAL_OPTIONS:
                close = misspelled(str(key), known)
                if close:
                    yield Finding(
                        f'{one.schema["ui:field"]} has no option "{key}"',
                        (*one.path, "ui:options", key),
                        on_key=True,
                        fix=f'Did you mean "{close}"?',
                        repair=repair.rename((*one.path, "ui:options", key), close),
                    )


@rule(
    "BPY522",
    "misspelled-kind",
    "warning",
    "template",
    summary="A picker offers entities of a kind that is a misspelling.",
    why="The catalog has none of it, so there is nothing to choose.",
    bad=_NAME
    + "      ui:field: EntityPicker\n      ui:options:\n        catalogFilter:\n          kind: Componet\n"
    + _LOG,
    good=_NAME
    + "      ui:field: EntityPicker\n      ui:options:\n        catalogFilter:\n          kind: Component\n"
    + _LOG,
)
def misspelled_kind(template: Template) -> Iterator[Finding]:
    """``catalogFilter``, ``allowedKinds`` and ``defaultKind``; kinds are compared without their case."""
    for one in template.form.properties:
        options = one.schema.get("ui:options")
        for kind, path in _kinds(options, (*one.path, "ui:options")) if isinstance(options, dict) else ():
            close = misspelled(kind.capitalize(), KINDS)
            if close and close.lower() != kind.lower():
                mended = repair.write(path, close)
                yield Finding(f'There is no kind "{kind}"', path, fix=f'Did you mean "{close}"?', repair=mended)


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
    """Type, enum and pattern."""
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
    summary="`enumNames` and `enum` differ in length, or a value stands twice in `enum`.",
    why="The names would belong to other values; a doubled value makes the schema invalid.",
    bad=_NAME + "      enum: [small, large]\n      enumNames: [Small]\n" + _LOG,
    good=_NAME + "      enum: [small, large]\n      enumNames: [Small, Large]\n" + _LOG,
)
def enum_names(template: Template) -> Iterator[Finding]:
    """Compare the two lists."""
    for one in template.form.properties:
        enum, names = one.schema.get("enum"), one.schema.get("enumNames")
        if isinstance(enum, list) and isinstance(names, list) and len(enum) != len(names):
            yield Finding(f"{len(names)} names for {len(enum)} values", (*one.path, "enumNames"))
        if isinstance(enum, list):
            seen: list[tuple[type, Json]] = []
            for index, value in enumerate(enum):
                if (type(value), value) in seen:
                    yield Finding(f"{value!r} stands twice in enum", (*one.path, "enum", index))
                seen.append((type(value), value))


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
        if isinstance(one.schema.get("required"), bool):
            yield Finding(
                "required is a list beside properties",
                (*one.path, "required"),
                on_key=True,
                fix=f'Add "{one.name}" to the list "required" of the object',
            )
        if isinstance(nested := one.schema.get("ui"), dict) and nested:
            yield Finding(
                'JSON Schema has no "ui", and the form does not look into it',
                (*one.path, "ui"),
                on_key=True,
                fix="Write " + ", ".join(f"ui:{key}" for key in nested) + " beside type",
            )
        for key in one.schema:
            unknown = key not in SCHEMA_KEYS and not str(key).startswith("ui:")
            close = slip_of(str(key), SCHEMA_KEYS, one.schema) if unknown else None
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
            isinstance(page.get("dependencies"), dict) and name in page["dependencies"]
            for page, _ in template.form.pages
        )
        secret = (
            name in template.form.secrets
            or "object" in schema_types(first.schema)
            or first.schema.get("type") == "null"
        )
        if name not in used and not steered and not secret and not _only_shows(first.schema):
            yield Finding(f'The parameter "{name}" is not used', first.path, on_key=True)


def _is_slip(name: str, close: str | None) -> bool:
    return close is not None and misspelled(name, (close,)) is not None


def _required(path: Path, index: int, close: str | None, required: Json, *, sure: bool) -> Repair | None:
    """Another name in a list of required ones, where it does not stand already."""
    return None if close in required else repair.write((*path, "required", index), close, sure=sure)


def _kinds(options: JsonObject, path: Path) -> Iterator[tuple[str, Path]]:
    places: list[tuple[Json, Path]] = [(options.get(name), (*path, name)) for name in ("allowedKinds", "defaultKind")]
    filters = options.get("catalogFilter")
    for index, one in enumerate(filters if isinstance(filters, list) else [filters]):
        where = (*path, "catalogFilter", index) if isinstance(filters, list) else (*path, "catalogFilter")
        places.append((one.get("kind") if isinstance(one, dict) else None, (*where, "kind")))
    for value, where in places:
        for index, kind in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(kind, str):
                yield kind, (*where, index) if isinstance(value, list) else where


def _only_shows(schema: JsonObject) -> bool:
    """Whether the field is there for what it shows, or for other fields, not for its value."""
    return "ui:field" in schema or schema.get("ui:widget") == "hidden" or bool(schema.get("ui:backstage"))


def _required_members(template: Template) -> Iterator[Finding]:
    for one in template.form.properties:
        required, properties = one.schema.get("required"), one.schema.get("properties")
        if one.schema.get("type") != "object" or not isinstance(required, list) or not isinstance(properties, dict):
            continue
        inner = {found.name for found in template.form.properties if found.path[: len(one.path)] == one.path}
        for index, name in enumerate(required):
            if isinstance(name, str) and name not in inner:
                close = nearest(name, inner)
                yield Finding(
                    f'"{name}" is required but not a property of "{one.name}"',
                    (*one.path, "required", index),
                    fix=f'Did you mean "{close}"?' if close else "Add the property, or remove the name",
                    repair=_required(one.path, index, close, required, sure=_is_slip(name, close)),
                )


def _dead_branches(name: str, schema: JsonObject, dependency: JsonObject, where: Path) -> Iterator[Finding]:
    possible = possible_values(schema)
    branches = dependency.get("oneOf")
    for index, branch in enumerate(branches if isinstance(branches, list) else ()):
        condition = (
            branch.get("properties", {}).get(name)
            if isinstance(branch, dict) and isinstance(branch.get("properties"), dict)
            else None
        )
        if not isinstance(condition, dict) or possible is None:
            continue
        wanted = possible_values(condition)
        if wanted and not any(deep_equal(one, other) for one in wanted for other in possible):
            shown = ", ".join(str(one) for one in possible)
            key = "const" if "const" in condition else "enum"
            yield Finding(
                f'"{name}" can never be {", ".join(str(one) for one in wanted)}; it is one of {shown}',
                (*where, "oneOf", index, "properties", name, key),
            )


def _unfit(default: Json, schema: JsonObject) -> str | None:
    types = schema_types(schema)
    if types and types <= SCHEMA_TYPES and not any(_is_of(default, name) for name in types):
        return f"is not of the type {' or '.join(sorted(types))}"
    enum = schema.get("enum")
    if isinstance(enum, list) and not isinstance(default, list) and not any(deep_equal(default, one) for one in enum):
        return "is none of the values in enum"
    pattern = schema.get("pattern")
    if isinstance(pattern, str) and isinstance(default, str) and default:
        return "does not match the pattern" if _never_matches(pattern, default) else None
    return None


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
