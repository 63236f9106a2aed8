"""BPY5, sixth part: keywords of a form that do not go together."""

from collections.abc import Iterator

from backstage_py.lint import schema_shape
from backstage_py.lint.fixes import repair
from backstage_py.lint.nearest import misspelled, nearest
from backstage_py.lint.rule import Finding, Path, rule
from backstage_py.lint.view import Template
from backstage_py.model.json import Json, JsonObject

_LOG = "steps:\n  - id: log\n    action: debug:log\n    input:\n      message: ${{ parameters.name }}\n"
_NAME = "parameters:\n  properties:\n    name:\n      type: string\n"
_PAIRS = (
    ("minimum", "maximum"),
    ("minLength", "maxLength"),
    ("minItems", "maxItems"),
    ("minProperties", "maxProperties"),
)
_LISTS = ("allowedHosts", "allowedOrganizations", "allowedOwners", "allowedProjects", "allowedRepos", "kinds")
_FLAGS = ("allowArbitraryValues", "autoSelect", "showCounts")
_TAKES: dict[str, tuple[type, str]] = {
    **dict.fromkeys(_LISTS, (list, "a list")),
    **dict.fromkeys(_FLAGS, (bool, "true or false")),
}
_FIELDS = frozenset(
    ["RepoUrlPicker", "EntityPicker", "MultiEntityPicker", "OwnedEntityPicker", "OwnerPicker", "EntityTagsPicker"]
)


@rule(
    "BPY525",
    "nothing-fits",
    "warning",
    "template",
    summary="A lower bound is above the upper one, or `then` and `else` stand without an `if`.",
    why="No value fits such bounds, so the page can never be completed; without `if` the branches have no effect.",
    bad=_NAME + "      minLength: 9\n      maxLength: 3\n" + _LOG,
    good=_NAME + "      minLength: 3\n      maxLength: 9\n" + _LOG,
)
def nothing_fits(template: Template) -> Iterator[Finding]:
    """All schemas of all pages."""
    for schema, where in _schemas(template):
        for low, high in _PAIRS:
            least, most = _number(schema.get(low)), _number(schema.get(high))
            if least is not None and most is not None and least > most:
                yield Finding(f"{low} {least} is above {high} {most}", (*where, low))
        branches = [key for key in ("then", "else") if isinstance(schema.get(key), dict)]
        if branches and "if" not in schema:
            slip = next((str(key) for key in schema if "if" in str(key) and len(str(key)) == len("iff")), None)
            place = (*where, slip or branches[0])
            fix = f'Write "if" for "{slip}"' if slip else 'Add the "if"'
            yield Finding(f'"{branches[0]}" has no "if" beside it', place, on_key=True, fix=fix)


@rule(
    "BPY526",
    "form-order",
    "warning",
    "template",
    summary="`ui:order` names a property that is not there, or leaves one out.",
    why="A name that is not there is ignored. Where one is left out and `*` does not stand for the rest, the form "
    "shows an error instead of the page.",
    bad=_NAME.replace("parameters:\n", "parameters:\n  ui:order: [nmae]\n") + _LOG,
    good=_NAME.replace("parameters:\n", "parameters:\n  ui:order: [name]\n") + _LOG,
)
def form_order(template: Template) -> Iterator[Finding]:
    """Properties of branches may be named, but need not."""
    for schema, where in _schemas(template):
        order, properties = schema.get("ui:order"), schema.get("properties")
        if not isinstance(order, list) or not isinstance(properties, dict) or template.form.hidden:
            continue
        known = {one.name for one in template.form.properties if one.path[: len(where)] == where}
        for index, name in enumerate(order):
            if isinstance(name, str) and name != "*" and name not in known:
                close = nearest(name, known - set(order))
                yield Finding(
                    f'There is no property "{name}" to put in order',
                    (*where, "ui:order", index),
                    fix=f'Did you mean "{close}"?' if close else "Remove the name",
                    repair=repair.write(
                        (*where, "ui:order", index),
                        close,
                        sure=close is not None and misspelled(name, (close,)) is not None,
                    ),
                )
        left_out = [name for name in properties if name not in order]
        if left_out and "*" not in order and all(isinstance(name, str) for name in order):
            message = f"ui:order leaves out {', '.join(str(name) for name in left_out)}"
            yield Finding(message, (*where, "ui:order"), on_key=True, fix='Add it, or "*" for all others')


@rule(
    "BPY527",
    "option-type",
    "warning",
    "template",
    summary="An option of a built-in field has a value that it does not take.",
    why="A text is not a list, and `'no'` is true: the picker offers something else than was meant, or breaks.",
    bad=_NAME + "      ui:field: RepoUrlPicker\n      ui:options:\n        allowedHosts: github.com\n" + _LOG,
    good=_NAME + "      ui:field: RepoUrlPicker\n      ui:options:\n        allowedHosts: [github.com]\n" + _LOG,
)
def option_type(template: Template) -> Iterator[Finding]:
    """Lists and flags of Backstage's own pickers."""
    for one in template.form.properties:
        options = one.schema.get("ui:options")
        if not isinstance(options, dict) or str(one.schema.get("ui:field")) not in _FIELDS:
            continue
        for key, value in options.items():
            kind, expected = _TAKES.get(str(key), (object, ""))
            if isinstance(value, dict) and any(str(name).startswith("$") for name in value):
                continue
            if value is not None and not isinstance(value, kind):
                yield Finding(f"{key} must be {expected}", (*one.path, "ui:options", key))


def _schemas(template: Template) -> Iterator[tuple[JsonObject, Path]]:
    for page, path in template.form.pages:
        for schema, where in schema_shape.schemas(page, path):
            if isinstance(schema, dict):
                yield schema, where


def _number(value: Json) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
