"""BPY5, eighth part: who sees a page, a parameter or a step, and what is done before a form is sent."""

from collections.abc import Iterator

from backstage_py.lint import placeholders
from backstage_py.lint.fixes import repair
from backstage_py.lint.nearest import misspelled, nearest, slip_of
from backstage_py.lint.rule import Finding, Path, rule
from backstage_py.lint.view import Template
from backstage_py.model.json import Json, JsonObject

_LOG = "steps:\n  - id: log\n    action: debug:log\n    input:\n      message: ${{ parameters.name }}\n"
_GATED = "parameters:\n  - title: Name\n    GATE\n    properties:\n      name:\n        type: string\n" + _LOG
_MARK = "backstage:"
_GATES = ("backstage:featureFlag", "backstage:permissions")
_DECORATED = "formDecorators:\n  - KEY: fill-in\nparameters:\n  properties:\n    name:\n      type: string\n" + _LOG


@rule(
    "BPY529",
    "misspelled-gate",
    "warning",
    "template",
    summary="A key with `backstage:` is a misspelling, or has not the form that it needs.",
    why="Nothing reads it, so that everybody sees the page, the parameter or the step. There are "
    "`backstage:featureFlag`, which is a text, and `backstage:permissions`, which has `tags`, a list.",
    bad=_GATED.replace("GATE", "backstage:featureflag: names"),
    good=_GATED.replace("GATE", "backstage:featureFlag: names"),
)
def misspelled_gate(template: Template) -> Iterator[Finding]:
    """Pages and parameters; of steps the form of what they have, as their keys have a rule of their own."""
    for step in template.steps:
        yield from _unfit(_GATES[1], step.value.get(_GATES[1], {}), (*step.path, _GATES[1]))
    places = [*template.form.pages, *((one.schema, one.path) for one in template.form.properties)]
    for value, path in places:
        for key, given in value.items():
            where = (*path, key)
            if key in _GATES:
                yield from _unfit(str(key), given, where)
            elif str(key).lower().startswith(_MARK) and (close := nearest(str(key), _GATES)):
                fix = f'Did you mean "{close}"?'
                mended = repair.rename(where, close, sure=misspelled(str(key), _GATES) is not None)
                yield Finding(f'Nothing reads "{key}"', where, on_key=True, fix=fix, repair=mended)


@rule(
    "BPY530",
    "nameless-decorator",
    "warning",
    "template",
    summary="A form decorator has no `id`.",
    why="The form looks its decorators up by their ids, and shows an error when it is sent.",
    bad=_DECORATED.replace("KEY", "name"),
    good=_DECORATED.replace("KEY", "id"),
)
def nameless_decorator(template: Template) -> Iterator[Finding]:
    """Both names under which decorators stand."""
    for name in ("formDecorators", "EXPERIMENTAL_formDecorators"):
        found = template.spec.get(name)
        for index, one in enumerate(found if isinstance(found, list) else ()):
            if isinstance(one, dict) and not one.get("id") and not placeholders.is_placeholder(one):
                slip = next((key for key in one if key == "name" or slip_of(str(key), ("id",), (), shortest=2)), None)
                path: Path = ("spec", name, index)
                place = (*path, slip) if slip else path
                yield Finding(
                    "A form decorator needs an id",
                    place,
                    on_key=slip is not None,
                    fix=f'Write "id" for "{slip}"' if slip else "Add its id",
                    repair=repair.rename(place, "id", sure=False) if slip else None,
                )


def _unfit(key: str, given: Json, where: Path) -> Iterator[Finding]:
    if placeholders.is_placeholder(given):
        return
    if key == "backstage:featureFlag":
        if not isinstance(given, str):
            yield Finding(f"{key} must be a text", where)
    elif not isinstance(given, dict):
        yield Finding(f"{key} must be an object with tags", where, fix="Write tags: [NAME] below it")
    else:
        yield from _tags(given, where)


def _tags(given: JsonObject, where: Path) -> Iterator[Finding]:
    for name, value in given.items():
        if name == "tags":
            if not isinstance(value, list):
                yield Finding("tags must be a list", (*where, "tags"), fix=f"Write [{value}]")
        elif "tags" not in given and nearest(str(name), ("tags",)):
            mended = repair.rename((*where, name), "tags")
            yield Finding(
                f'Permissions have no "{name}"', (*where, name), on_key=True, fix='Write "tags"', repair=mended
            )
