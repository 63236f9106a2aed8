"""BPY5, fifth part: how the form draws a parameter, by fields, widgets and their options."""

from collections.abc import Iterator

from backstage_py.lint.fixes import repair
from backstage_py.lint.nearest import misspelled, nearest, number_of, slip_of
from backstage_py.lint.rule import Finding, Path, rule
from backstage_py.lint.view import Template
from backstage_py.lint.vocabulary import (
    CATALOG_FILTER_ROOTS,
    CREDENTIAL_KEYS,
    FIELD_OPTIONS,
    FIELDS,
    GENERAL_OPTIONS,
    SCHEMA_KEYS,
    SCOPED_HOSTS,
    UI_KEYS,
    WIDGETS,
    WIDGETS_OF_TYPES,
)
from backstage_py.model.entity_schema import KINDS
from backstage_py.model.json import Json, JsonObject

_LOG = "steps:\n  - id: log\n    action: debug:log\n    input:\n      message: ${{ parameters.name }}\n"
_NAME = "parameters:\n  properties:\n    name:\n      type: string\n"
_BORROWED = ("kind", "filter", "type", "namespace", "host", "owner", "org", "repo", "default", "allow", "scope")
"""How words begin that are meant for options of pickers; others may be notes, or read by a field of one's own."""
_OUTSIDE_UI = frozenset({"autofocus", "field", "help", "options", "placeholder", "widget"})
"""What is written without ``ui:`` by mistake, and is no keyword of JSON Schema."""


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
        for key in ("ui:field", "ui:widget"):
            if isinstance(one.schema.get(key), list | int | float):
                yield Finding(f"{key} must be a text", (*one.path, key), severity="warning")
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
        widget, where = one.schema.get("ui:widget"), (*one.path, "ui:widget")
        if isinstance(widget, str) and widget in FIELDS and "ui:field" not in one.schema:
            fix, mended = "Write ui:field for ui:widget", repair.rename(where, "ui:field")
            yield Finding(f'"{widget}" is a field, not a widget', where, on_key=True, fix=fix, repair=mended)
            continue
        if not isinstance(widget, str) or (widget[:1].isupper() and widget.lower() not in WIDGETS):
            continue
        known = _widgets_of(one.schema)
        if widget not in WIDGETS:
            close = nearest(widget, known or WIDGETS)
            yield Finding(
                f'Unknown widget "{widget}"',
                where,
                fix=f'Did you mean "{close}"?' if close else f"Known are {', '.join(sorted(known or WIDGETS))}",
                repair=repair.write(where, close, sure=_is_slip(widget, close)),
            )
        elif known and widget not in known and "ui:field" not in one.schema:
            close = nearest(widget, known)
            yield Finding(
                f'The type {one.schema["type"]} has no widget "{widget}"',
                where,
                fix=f'Did you mean "{close}"?' if close else f"It has {', '.join(sorted(known))}",
                repair=repair.write(where, close, sure=_is_slip(widget, close)),
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
    places = [*template.form.pages, *((one.schema, one.path) for one in template.form.properties)]
    for schema, path in places:
        for key in schema:
            if close := _ui_key_meant(str(key), schema):
                fix, mended = f'Did you mean "{close}"?', repair.rename((*path, key), close)
                yield Finding(f'Unknown key "{key}"', (*path, key), on_key=True, fix=fix, repair=mended)
    for one in template.form.properties:
        for options, where, known, owner in _closed_options(one.schema, one.path):
            for key in options:
                is_closed = known is not GENERAL_OPTIONS
                close = None if key in known else _option_meant(str(key), known, is_closed=is_closed)
                if key not in known and is_closed and not close and str(key).startswith(_BORROWED):
                    fix = f"It has {', '.join(sorted(known - GENERAL_OPTIONS))}"
                    yield Finding(f'{owner} has no option "{key}"', (*where, key), on_key=True, fix=fix)
                if close and close not in options:
                    yield Finding(
                        f'{owner} has no option "{key}"',
                        (*where, key),
                        on_key=True,
                        fix=f'Did you mean "{close}"?',
                        repair=repair.rename((*where, key), close, sure=_is_slip(str(key), close)),
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
            close = slip_of(kind.capitalize(), KINDS, ()) if kind.capitalize() not in template.extra.kinds else None
            if close and close.lower() != kind.lower():
                mended = repair.write(path, close)
                yield Finding(f'There is no kind "{kind}"', path, fix=f'Did you mean "{close}"?', repair=mended)


@rule(
    "BPY523",
    "unknown-filter-field",
    "warning",
    "template",
    summary="`catalogFilter` asks for a field that no entity has.",
    why="No entity fits, so there is nothing to choose. Fields are `kind`, and paths below `metadata`, `spec` and "
    "`relations`.",
    bad=_NAME
    + "      ui:field: EntityPicker\n      ui:options:\n        catalogFilter:\n          type: service\n"
    + _LOG,
    good=_NAME
    + "      ui:field: EntityPicker\n      ui:options:\n        catalogFilter:\n          spec.type: service\n"
    + _LOG,
)
def unknown_filter_field(template: Template) -> Iterator[Finding]:
    """The first part of each path, without its case; the catalog refuses entities with other fields at the top."""
    for one in template.form.properties:
        options = one.schema.get("ui:options")
        for wanted, where in _filters(options, (*one.path, "ui:options")) if isinstance(options, dict) else ():
            for key in wanted:
                root = str(key).partition(".")[0].lower()
                inner = wanted[key]
                if inner is None:
                    yield Finding(f'"{key}" has no value, so nothing fits', (*where, key), on_key=True)
                if isinstance(inner, dict) and "exists" not in inner and not any(str(one)[:1] == "$" for one in inner):
                    fix = "Write " + ", ".join(f"{key}.{one}: …" for one in inner) if inner else None
                    yield Finding("Paths of fields are written with dots", (*where, key), on_key=True, fix=fix)
                path_meant = misspelled(str(key), _PATHS) if str(key).lower() not in _PATHS else None
                if root in CATALOG_FILTER_ROOTS and path_meant and path_meant.lower() != str(key).lower():
                    yield Finding(
                        f'Entities have no "{key}"',
                        (*where, key),
                        on_key=True,
                        fix=f'Did you mean "{path_meant}"?',
                        repair=repair.rename((*where, key), path_meant, sure=False),
                    )
                if root not in CATALOG_FILTER_ROOTS and not str(key).startswith("$"):
                    close = nearest(str(key), CATALOG_FILTER_ROOTS) or (f"spec.{key}" if key in _OF_SPEC else None)
                    yield Finding(
                        f'Entities have no "{key}"',
                        (*where, key),
                        on_key=True,
                        fix=f'Did you mean "{close}"?' if close else "Write the whole path, such as spec.type",
                        repair=repair.rename((*where, key), close, sure=_is_slip(str(key), close)),
                    )


_PATHS = (
    *("spec.type", "spec.owner", "spec.lifecycle", "spec.system", "spec.domain", "spec.parent", "spec.profile.email"),
    *("metadata.name", "metadata.namespace", "metadata.title", "metadata.tags", "relations.ownedby"),
)
"""Paths that are often asked for; entities may have others."""
_OF_SPEC = frozenset({"type", "owner", "lifecycle", "system", "domain"})


def _is_slip(name: str, close: str | None) -> bool:
    return close is not None and misspelled(name, (close,)) is not None


def _widgets_of(schema: JsonObject) -> frozenset[str] | None:
    """The widgets of a schema's type, None where it is not one type that is sure."""
    name = schema.get("type")
    return WIDGETS_OF_TYPES.get(name) if isinstance(name, str) else None


def _ui_key_meant(key: str, schema: JsonObject) -> str | None:
    """The key with ``ui:`` that was meant, where it is not there already."""
    if key in UI_KEYS:
        return None
    if key.startswith("ui:"):
        is_stock = schema.get("ui:field") is None or schema["ui:field"] in FIELDS
        if key[3:] in SCHEMA_KEYS and key[3:] not in schema:
            return key[3:]
        close = nearest(key, UI_KEYS) if is_stock else misspelled(key, UI_KEYS)
        return close if close not in schema else None
    if key[:2].lower() == "ui" and key[2:3] in (".", "_", "-", " ", ":"):
        close = f"ui:{key[3:].strip()}"
        close = close if close in UI_KEYS else misspelled(close, UI_KEYS) or ""
    elif key.startswith("ui") and key[2:3].isupper():
        close = f"ui:{key[2].lower()}{key[3:]}"
        close = close if close in UI_KEYS else ""
    else:
        close = f"ui:{key}" if key in _OUTSIDE_UI else ""
    return close if close and close not in schema else None


def _option_meant(key: str, known: frozenset[str], *, is_closed: bool) -> str | None:
    """Widgets take more than is known, so that only what is surely a slip counts there."""
    return nearest(key, known) if is_closed else misspelled(key, known) or number_of(key, known)


def _closed_options(schema: JsonObject, path: Path) -> Iterator[tuple[JsonObject, Path, frozenset[str], str]]:
    """Yield the options of a built-in field, with where they stand, the options that it has, and who has them."""
    options, field = schema.get("ui:options"), schema.get("ui:field")
    if isinstance(options, dict) and field is None:
        yield options, (*path, "ui:options"), GENERAL_OPTIONS, str(schema.get("ui:widget", "ui:options"))
    known = FIELD_OPTIONS.get(field) if isinstance(field, str) else None
    if known is None or not isinstance(options, dict):
        return
    yield options, (*path, "ui:options"), known | GENERAL_OPTIONS, str(field)
    asked = options.get("requestUserCredentials")
    if isinstance(asked, dict):
        where = (*path, "ui:options", "requestUserCredentials")
        yield asked, where, CREDENTIAL_KEYS, "requestUserCredentials"
        if isinstance(scopes := asked.get("additionalScopes"), dict):
            yield scopes, (*where, "additionalScopes"), SCOPED_HOSTS, "additionalScopes"


def _kinds(options: JsonObject, path: Path) -> Iterator[tuple[str, Path]]:
    places: list[tuple[Json, Path]] = [(options.get(name), (*path, name)) for name in ("allowedKinds", "defaultKind")]
    places += [(one.get("kind"), (*where, "kind")) for one, where in _filters(options, path)]
    for value, where in places:
        for index, kind in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(kind, str):
                yield kind, (*where, index) if isinstance(value, list) else where


def _filters(options: JsonObject, path: Path) -> Iterator[tuple[JsonObject, Path]]:
    """Yield the objects of ``catalogFilter``, which is one or a list of them."""
    filters = options.get("catalogFilter")
    for index, one in enumerate(filters if isinstance(filters, list) else [filters]):
        if isinstance(one, dict):
            yield one, (*path, "catalogFilter", index) if isinstance(filters, list) else (*path, "catalogFilter")
