"""BPY5, sixth part: keywords of a form that do not go together."""

import re
from collections.abc import Iterator, Mapping

from backstage_py.lint import schema_shape
from backstage_py.lint.fixes import repair
from backstage_py.lint.nearest import misspelled, nearest
from backstage_py.lint.rule import Finding, Path, rule
from backstage_py.lint.view import Template
from backstage_py.model.json import Json, JsonObject
from backstage_py.templating import tree

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
_TEXTS = ("defaultKind", "defaultNamespace", "helperText", "host", "secretsKey")
_TAKES: dict[str, tuple[type | tuple[type, ...], str]] = {
    **dict.fromkeys(_LISTS, (list, "a list")),
    **dict.fromkeys(_FLAGS, (bool, "true or false")),
    **dict.fromkeys(_TEXTS, ((str, bool), "a text")),
    **dict.fromkeys(("catalogFilter",), ((dict, list), "an object, or a list of them")),
    **dict.fromkeys(("requestUserCredentials", "additionalScopes"), (dict, "an object")),
}
_OF_WIDGETS: dict[str, tuple[type | tuple[type, ...], str]] = {
    "rows": (int, "a number"),
    **dict.fromkeys(("inline", "addable", "orderable", "removable", "copyable"), (bool, "true or false")),
}
"""Options of the form's own widgets."""
_FIELDS = frozenset(
    [
        *("RepoUrlPicker", "RepoBranchPicker", "RepoOwnerPicker"),
        *("EntityPicker", "MultiEntityPicker", "OwnedEntityPicker", "OwnerPicker", "EntityTagsPicker"),
    ]
)
_WITH_HOST = re.compile(r"(?:[a-z]+://[^/]+|(?:www\.)?(?:github|gitlab|bitbucket|dev\.azure)\.(?:com|org))/(.+)")
_ADDRESS = re.compile(r"[a-z]+://|[^/?]+[/?]")


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
    """Lists, texts and flags of Backstage's own pickers, and hosts that are written as addresses."""
    for one in template.form.properties:
        options, field = one.schema.get("ui:options"), one.schema.get("ui:field")
        where: Path = (*one.path, "ui:options")
        if not isinstance(options, dict) or (field is not None and str(field) not in _FIELDS):
            continue
        yield from _unlike(options, where, _TAKES if field else _OF_WIDGETS)
        if field is None:
            continue
        asked = options.get("requestUserCredentials")
        scopes = asked.get("additionalScopes") if isinstance(asked, dict) else None
        if isinstance(asked, dict):
            yield from _unlike(asked, (*where, "requestUserCredentials"), _TAKES)
            if asked.get("secretsKey", "") is None:
                place: Path = (*where, "requestUserCredentials", "secretsKey")
                yield Finding("secretsKey needs a name, below which the token is known", place, on_key=True)
        for host, value in scopes.items() if isinstance(scopes, dict) else ():
            if not isinstance(value, list):
                yield Finding(
                    f"{host} must be a list", (*where, "requestUserCredentials", "additionalScopes", str(host))
                )
        yield from _owners_with_hosts(options, where)
        hosts = options.get("allowedHosts")
        for index, host in enumerate(hosts if isinstance(hosts, list) else ()):
            if isinstance(host, str) and _ADDRESS.match(host) and not tree.has_code(host):
                name = re.sub(r"^[a-z]+://|[/?].*", "", host)
                place = (*where, "allowedHosts", index)
                yield Finding(f'"{host}" is no host', place, fix=f'Write "{name}"', repair=repair.write(place, name))


def _owners_with_hosts(options: JsonObject, where: Path) -> Iterator[Finding]:
    """Owners are names alone; groups of GitLab have slashes in theirs, but no host."""
    for key in ("allowedOwners", "allowedOrganizations", "allowedRepos"):
        names = options.get(key)
        for index, name in enumerate(names if isinstance(names, list) else ()):
            found = _WITH_HOST.match(name) if isinstance(name, str) and not tree.has_code(name) else None
            if found:
                place = (*where, key, index)
                mended = repair.write(place, found[1], sure=False)
                yield Finding(f'"{name}" begins with a host', place, fix=f'Write "{found[1]}"', repair=mended)


def _unlike(
    options: JsonObject, where: Path, takes: Mapping[str, tuple[type | tuple[type, ...], str]]
) -> Iterator[Finding]:
    """Options of another type; what an expression or a placeholder gives is not known."""
    for key, value in options.items():
        kind, expected = takes.get(str(key), (object, ""))
        open_ = isinstance(value, dict) and any(str(name).startswith("$") for name in value)
        if value is not None and not open_ and not isinstance(value, kind) and not tree.has_code(str(value)):
            yield Finding(f"{key} must be {expected}", (*where, str(key)))


def _schemas(template: Template) -> Iterator[tuple[JsonObject, Path]]:
    for page, path in template.form.pages:
        for schema, where in schema_shape.schemas(page, path):
            if isinstance(schema, dict):
                yield schema, where


def _number(value: Json) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
