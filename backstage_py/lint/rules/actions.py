"""BPY2: actions and their input."""

import re
from collections.abc import Iterator

from backstage_py.lint import places
from backstage_py.lint.fixes import repair
from backstage_py.lint.fixes.repair import Repair
from backstage_py.lint.inputs import Mismatch, mismatches
from backstage_py.lint.nearest import misspelled, nearest
from backstage_py.lint.rule import Finding, Path, rule
from backstage_py.lint.view import Step, Template
from backstage_py.model import json, npm_jsonschema
from backstage_py.model.json import Json
from backstage_py.model.problem import Severity
from backstage_py.model.yaml.nodes import Scalar
from backstage_py.templating import tree

_LOG = "steps:\n  - id: log\n    action: debug:log\n    input:\n      message: hello\n"
_MOST_NAMES = 12
_NUMBER = re.compile(r"(?:0|[1-9][0-9]{0,14})\Z")
_ONE_OF = {"catalog:fetch": ("entityRef", "entityRefs")}
"""Inputs of which an action needs one, although its schema requires none."""

_TOLERATED = frozenset({("fetch:template", "copyWithoutRender")})
"""Inputs that many templates in the field pass although the action does nothing with them."""
_PICKER_OPTION = "allowedHosts"

_NARROWING = ('"pattern"', '"enum"', '"minimum"', '"maximum"', '"minLength"', '"maxLength"', '"minItems"', '"maxItems"')
_WRITTEN_FOR_HOSTS = {
    ("publish:github", "topics"): (re.compile(r"^[a-zA-Z0-9][a-zA-Z0-9-]{0,49}$"), "letters, digits and dashes"),
    ("github:repo:create", "topics"): (re.compile(r"^[a-zA-Z0-9][a-zA-Z0-9-]{0,49}$"), "letters, digits and dashes"),
    ("github:autolinks:create", "urlTemplate"): (re.compile("<num>"), "it needs <num>"),
}
"""Texts whose form the schema leaves to the host."""
_TAKEN_BY_HOSTS = {
    ("gitlab:projectVariable:create", "variableType"): ("env_var", "file"),
    ("azure:pr:create", "mergeStrategy"): ("NoFastForward", "Squash", "Rebase", "RebaseMerge"),
}
"""Texts whose values the schema leaves to the host, which takes these alone."""


@rule(
    "BPY201",
    "unknown-action",
    "warning",
    "template",
    summary="The action of a step is not known.",
    why="A run ends with an error at this step. It may well be an action of your own: name a file with it below "
    "`actions`, or a Backstage in `actions-from`, of `.backstage-py.yaml`. It is an error where the id is surely a "
    "misspelling of an action of Backstage, or where a running Backstage was asked.",
    bad=_LOG.replace("debug:log", "debug:lgo"),
    good=_LOG,
)
def unknown_action(template: Template) -> Iterator[Finding]:
    """Name the nearest known action."""
    for step in template.steps:
        if not step.action or step.action in template.catalogue.actions or "${{" in step.action:
            continue
        sure = template.catalogue.misspelled(step.action)
        close = sure or template.catalogue.nearest(step.action)
        known = template.catalogue.get(sure) if sure else None
        wrong = known is not None and known.origin != "community"
        severity: Severity | None = "error" if wrong or template.catalogue.complete else None
        yield Finding(
            f'Unknown action "{step.action}"',
            (*step.path, "action"),
            fix=f'Did you mean "{close}"?'
            if close
            else "If it is an action of your own, add it below `actions` or `actions-from` in .backstage-py.yaml",
            severity=severity,
            repair=repair.write((*step.path, "action"), close, sure=wrong),
        )


@rule(
    "BPY202",
    "missing-input",
    "error",
    "template",
    summary="An input that the action requires is missing.",
    why="The run ends at this step with `Invalid input passed to action`. Backstage leaves out an input that is an "
    "empty text.",
    bad="steps:\n  - id: fetch\n    action: fetch:plain\n    input:\n      targetPath: ./docs\n",
    good="steps:\n  - id: fetch\n    action: fetch:plain\n    input:\n      url: https://example.com/docs\n     "
    " targetPath: ./docs\n",
)
def missing_input(template: Template) -> Iterator[Finding]:
    """Required names, at any depth."""
    for step, mismatch, exact in _mismatches(template, "missing"):
        at_top = mismatch.path == (*step.path, "input")
        path = mismatch.path if not at_top or "input" in step.value else (*step.path, "action")
        yield Finding(
            f'{step.action} requires the input "{mismatch.name}"' if at_top else f'"{mismatch.name}" is required here',
            path,
            on_key=at_top and "input" in step.value,
            fix=f'Add "{mismatch.name}"',
            severity=None if exact else "warning",
        )
    for step in template.steps:
        needed = _ONE_OF.get(step.action or "", ())
        if needed and isinstance(step.value.get("input", {}), dict) and not any(step.input.get(one) for one in needed):
            names = " or ".join(f'"{one}"' for one in needed)
            yield Finding(
                f"{step.action} requires the input {names}",
                (*step.path, "input") if "input" in step.value else (*step.path, "action"),
                on_key="input" in step.value,
                fix=f'Add "{needed[0]}"',
                severity="warning" if step.input.get("optional") else None,
            )


@rule(
    "BPY203",
    "unknown-input",
    "error",
    "template",
    summary="An action does not have this input.",
    why="Backstage refuses unknown inputs when the step runs: `is not allowed to have the additional property`.",
    bad=_LOG.replace("message:", "mesage:"),
    good=_LOG,
)
def unknown_input(template: Template) -> Iterator[Finding]:
    """Name the nearest known input."""
    for step, mismatch, exact in _mismatches(template, "unknown"):
        if (step.action, mismatch.name) in _TOLERATED or mismatch.name == _PICKER_OPTION:
            continue
        close = misspelled(mismatch.name, mismatch.known) or nearest(mismatch.name, mismatch.known)
        inside = ".".join(str(part) for part in mismatch.path[len(step.path) + 1 :])
        yield Finding(
            f'{step.action} has no input "{inside}"',
            mismatch.path,
            on_key=True,
            fix=f'Did you mean "{close}"?' if close else _known(mismatch.known),
            severity=None if exact else "warning",
            repair=repair.rename(mismatch.path, close, sure=misspelled(mismatch.name, mismatch.known) is not None),
        )


@rule(
    "BPY204",
    "input-type",
    "error",
    "template",
    summary="An input has a type that the action does not accept.",
    why="The run ends at this step with `Invalid input passed to action`. An expression that stands alone keeps "
    "the type of its "
    "value; with any text around it, it gives text.",
    bad="steps:\n  - id: wait\n    action: debug:wait\n    input:\n      seconds: '5'\n",
    good="steps:\n  - id: wait\n    action: debug:wait\n    input:\n      seconds: 5\n",
)
def input_type(template: Template) -> Iterator[Finding]:
    """Written values, and expressions whose type is known."""
    for _, mismatch, exact in _mismatches(template, "type"):
        given = f"; the expression gives {mismatch.name}" if mismatch.name else f", not {mismatch.given}"
        yield Finding(
            f'"{mismatch.path[-1]}" must be {mismatch.expected}{given}',
            mismatch.path,
            fix=_type_fix(mismatch),
            severity=None if exact else "warning",
            repair=_typed(template, mismatch),
        )


@rule(
    "BPY205",
    "input-value",
    "error",
    "template",
    summary="An input is none of the values that the action accepts.",
    why="The run ends at this step with `Invalid input passed to action`.",
    bad="steps:\n  - id: publish\n    action: publish:github\n    input:\n      repoUrl: "
    "github.com?owner=o&repo=r\n      repoVisibility: secret\n",
    good="steps:\n  - id: publish\n    action: publish:github\n    input:\n      repoUrl: "
    "github.com?owner=o&repo=r\n      repoVisibility: private\n",
)
def input_value(template: Template) -> Iterator[Finding]:
    """Written values only."""
    for _, mismatch, exact in _mismatches(template, "value"):
        yield Finding(
            f'"{mismatch.path[-1]}" must be one of {mismatch.expected}',
            mismatch.path,
            severity=None if exact else "warning",
        )
    for step in template.steps:
        for (action, name), values in _TAKEN_BY_HOSTS.items():
            given = step.input.get(name) if step.action == action else None
            if isinstance(given, str) and not tree.has_code(given) and given not in values:
                where = (*step.path, "input", name)
                yield Finding(f'"{name}" must be one of {", ".join(values)}', where, severity="warning")
        yield from _refused_by_hosts(step)
        yield from _invalid(template, step)


def _refused_by_hosts(step: Step) -> Iterator[Finding]:
    for (action, name), (pattern, words) in _WRITTEN_FOR_HOSTS.items():
        given = step.input.get(name) if step.action == action else None
        for index, one in enumerate(given if isinstance(given, list) else [given]):
            if isinstance(one, str) and one and not tree.has_code(one) and not pattern.search(one):
                where: Path = (*step.path, "input", name)
                place = (*where, index) if isinstance(given, list) else where
                yield Finding(f"The host refuses {one!r}: {words}", place, severity="warning")


def _invalid(template: Template, step: Step) -> Iterator[Finding]:
    """Written values that a pattern, a bound or all branches of the schema refuse, which are no other mismatch."""
    known = template.action_of(step)
    properties = known.input.get("properties") if known and known.exact else None
    if known is None or not isinstance(properties, dict):
        return
    other = {
        one.path[: len(step.path) + 2] for one in mismatches(template, step.input, known.input, (*step.path, "input"))
    }
    for name, value in step.input.items():
        path: Path = (*step.path, "input", name)
        schema = properties.get(name)
        written = json.text(value)
        if path in other or value in (None, "") or not isinstance(schema, dict) or "${{" in written or '{"$' in written:
            continue
        text = json.text(schema)
        if not any(keyword in text for keyword in _NARROWING):
            continue
        try:
            problems = npm_jsonschema.validate(value, schema)
        except (npm_jsonschema.SchemaProblem, ValueError):
            continue
        if problems:
            yield Finding(f'"{name}" {problems[0].message}', path)


@rule(
    "BPY206",
    "ineffective-input",
    "warning",
    "template",
    summary="An input is accepted, or was accepted once, and has no effect.",
    why="`copyWithoutRender` is the former name of `copyWithoutTemplating`; since Backstage 4.2 the files are "
    "rendered all the same.",
    bad="steps:\n  - id: fetch\n    action: fetch:template\n    input:\n      url: https://example.com/skeleton\n"
    "      copyWithoutRender: ['.github/**']\n",
    good="steps:\n  - id: fetch\n    action: fetch:template\n    input:\n      url: https://example.com/skeleton\n"
    "      copyWithoutTemplating: ['.github/**']\n",
)
def ineffective_input(template: Template) -> Iterator[Finding]:
    """An input that authors often write and that has no effect."""
    for step in template.steps:
        if step.action == "fetch:template" and "copyWithoutRender" in step.input:
            yield Finding(
                "copyWithoutRender has no effect",
                (*step.path, "input", "copyWithoutRender"),
                on_key=True,
                fix="Write copyWithoutTemplating",
                repair=repair.rename((*step.path, "input", "copyWithoutRender"), "copyWithoutTemplating"),
            )


@rule(
    "BPY209",
    "picker-option-as-input",
    "error",
    "template",
    summary="`allowedHosts` is passed to an action.",
    why="It is an option of the form's RepoUrlPicker. Backstage refuses it as an input when the step runs; this "
    "service tolerates it for the actions that create a repository, with a line in the task's log, since so many "
    "templates pass it.",
    bad="steps:\n  - id: publish\n    action: publish:github\n    input:\n      allowedHosts: [github.com]\n"
    "      repoUrl: github.com?owner=o&repo=r\n",
    good="steps:\n  - id: publish\n    action: publish:github\n    input:\n      repoUrl: github.com?owner=o&repo=r\n",
)
def picker_option(template: Template) -> Iterator[Finding]:
    """A warning where the action is not from Backstage, whose version may differ from the schema that is known."""
    for step, mismatch, exact in _mismatches(template, "unknown"):
        if mismatch.name == _PICKER_OPTION:
            yield Finding(
                f"{step.action} has no input {_PICKER_OPTION}",
                mismatch.path,
                on_key=True,
                fix="Remove it; the RepoUrlPicker of the form has this option",
                severity=None if exact else "warning",
                repair=Repair("Remove allowedHosts", (repair.Remove(mismatch.path),)),
            )


@rule(
    "BPY207",
    "fetch-conflict",
    "error",
    "template",
    summary="templateFileExtension goes neither with copyWithoutTemplating nor with cookiecutterCompat.",
    why="fetch:template ends with an error: which files are rendered is said either by extension or by globs.",
    bad="steps:\n  - id: fetch\n    action: fetch:template\n    input:\n      url: https://example.com/skeleton\n"
    "      templateFileExtension: true\n      copyWithoutTemplating: ['.github/**']\n",
    good="steps:\n  - id: fetch\n    action: fetch:template\n    input:\n      url: https://example.com/skeleton\n"
    "      templateFileExtension: true\n",
)
def fetch_conflict(template: Template) -> Iterator[Finding]:
    """Look at fetch:template only."""
    for step in template.steps:
        if step.action != "fetch:template" or not step.input.get("templateFileExtension"):
            continue
        for other in ("copyWithoutTemplating", "cookiecutterCompat"):
            if step.input.get(other):
                yield Finding(
                    f"templateFileExtension and {other} exclude each other", (*step.path, "input", other), on_key=True
                )


@rule(
    "BPY208",
    "missing-extra",
    "info",
    "template",
    summary="An action needs an extra of `backstage-py` that is not installed here.",
    why="The template is fine; `backstage-py run` would end with this sentence at the step. Where the actions "
    "of a running Backstage are asked for with `--actions-from URL`, it is not said. "
    "(The example is checked as if the extra were missing.)",
    bad=_LOG.replace("debug:log", "kube:apply"),
    good=_LOG,
)
def missing_extra(template: Template) -> Iterator[Finding]:
    """Say how to install it, once for each extra: at the first step that needs it."""
    said: set[str] = set()
    for step in template.steps:
        known = template.action_of(step)
        extra = known.unavailable.removeprefix(known.id) if known and known.unavailable else ""
        if known and known.unavailable and extra not in said:
            said.add(extra)
            yield Finding(known.unavailable, (*step.path, "action"))


def _mismatches(template: Template, kind: str) -> Iterator[tuple[Step, Mismatch, bool]]:
    for step in template.steps:
        known = template.action_of(step)
        if known is None or not known.input or isinstance(step.value.get("input"), str):
            continue
        for found in mismatches(template, step.input, known.input, (*step.path, "input")):
            if found.kind == kind:
                yield step, found, known.exact


def _known(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:_MOST_NAMES])
    return f"Known are {shown}{' …' if len(names) > _MOST_NAMES else ''}"


def _type_fix(mismatch: Mismatch) -> str | None:
    if mismatch.name:
        made_text = mismatch.expected == "string" and mismatch.name in ("number", "boolean")
        return "Make it text: ${{ (…) | string }}" if made_text else None
    if mismatch.given in ("object", "array") and mismatch.expected in ("string", "boolean", "number"):
        return (
            f"Write one {'text' if mismatch.expected == 'string' else mismatch.expected} there, without anything below"
        )
    if mismatch.expected in ("boolean", "number"):
        return f"Write the {mismatch.expected} without quotes"
    if mismatch.expected == "string":
        return "Put quotes around the value"
    return "Write it as a list" if mismatch.expected == "array" else None


def _typed(template: Template, mismatch: Mismatch) -> Repair | None:
    """The value that is written without the quotes that make it text, or with those that it lacks."""
    value: Json = template.value
    for part in mismatch.path:
        value = value[part]
    if mismatch.expected == "string" and isinstance(value, bool | int | float):
        node = places.find(template.document, mismatch.path)
        written = node.text if isinstance(node, Scalar) else None
        return Repair("Put quotes around the value", (repair.Put(mismatch.path, written),)) if written else None
    if mismatch.expected == "boolean" and value in ("true", "false"):
        return Repair("Write it without quotes", (repair.Put(mismatch.path, value == "true"),))
    if mismatch.expected in ("number", "integer") and isinstance(value, str) and _NUMBER.match(value):
        return Repair("Write it without quotes", (repair.Put(mismatch.path, int(value)),))
    return None
