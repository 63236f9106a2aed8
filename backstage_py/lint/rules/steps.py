"""BPY1, second part: the shape of a template beyond what its schema says."""

import itertools
import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from backstage_py.lint import placeholders, syntax
from backstage_py.lint.fixes import repair
from backstage_py.lint.fixes.repair import Repair
from backstage_py.lint.nearest import misspelled, nearest, slip_of
from backstage_py.lint.rule import Finding, Path, rule
from backstage_py.lint.view import Step, Template
from backstage_py.lint.vocabulary import SCHEMA_TYPES, SPEC_KEYS, STEP_KEYS, STEP_ROOTS
from backstage_py.model.json import Json
from backstage_py.templating import tree

_STEP = "steps:\n  - id: log\n    action: debug:log\n    input:\n      message: hello\n"
_STRATEGY = "EXPERIMENTAL_strategy"
_STRATEGIES = ("none", "startOver")
_EXPRESSION = re.compile(r"\$\{\{.*?\}\}", re.DOTALL)
_LITERAL = re.compile(r"^(?!\$\{\{)(?!\{%)|(?<!\}\})(?<!%\})\Z")
"""A text that begins before an expression or a tag, or ends after one."""
_FOREIGN_KEYS = {
    "inputs": "input",
    "with": "input",
    "when": "if",
    "condition": "if",
    "for": "each",
    "foreach": "each",
    "uses": "action",
}


@rule(
    "BPY111",
    "duplicate-step-id",
    "warning",
    "template",
    summary="Two steps have the same id.",
    why="The outputs of the later one replace those of the earlier without a word. Steps that exclude each "
    "other with `if` may "
    "share an id, and get a note only.",
    bad="steps:\n  - id: log\n    action: debug:log\n  - id: log\n    action: debug:log\n",
    good="steps:\n  - id: log\n    action: debug:log\n  - id: log-again\n    action: debug:log\n",
)
def duplicate_step_id(template: Template) -> Iterator[Finding]:
    """Report every step but the first."""
    used = _used_ids(template)
    for step_id, steps in template.steps_by_id.items():
        for step in steps[1:]:
            alternates = all(_exclude(one, other) for one, other in itertools.combinations(steps, 2))
            line = template.document.position((*steps[0].path, "id")).line
            use = f"; steps.{step_id} is what ran last" if step_id in used else ""
            yield Finding(
                f'The step id "{step_id}" is already used in line {line}{use}',
                (*step.path, "id"),
                fix="Give each step its own id",
                severity="info" if alternates else None,
            )


@rule(
    "BPY112",
    "missing-step-id",
    "info",
    "template",
    summary="A step has no id.",
    why="It is then called `step-1`, `step-2` and so on, by its position, which changes when a step is added above it.",
    bad="steps:\n  - action: debug:log\n    input:\n      message: hello\n",
    good=_STEP,
)
def missing_step_id(template: Template) -> Iterator[Finding]:
    """Report the step; a warning if an expression refers to it by position."""
    used = _used_ids(template)
    taken = {*template.steps_by_id, *used}
    for step in template.steps:
        if step.id is None and step.action:
            yield Finding(
                f'The step has no id; expressions know it as "{step.known_as}"',
                step.path,
                fix="Add an id",
                repair=_with_id(step, used, taken),
                severity="warning" if step.known_as in used else None,
            )


def _exclude(one: Step, other: Step) -> bool:
    """Whether the conditions of two steps exclude each other, as far as that can be read from them.

    Conditions on one name that are not equal are taken for such; those on different names are not.
    """
    first, second = (str(step.value.get("if", "")) for step in (one, other))
    if not first or not second or first == second:
        return False
    return bool(_asked(first) & _asked(second))


def _asked(condition: str) -> frozenset[tuple[str, ...]]:
    return frozenset(reference.names for reference in syntax.parse(condition).references)


def _used_ids(template: Template) -> set[str]:
    return {
        reference.names[1]
        for use in template.uses
        for reference in use.references()
        if reference.names[0] == "steps" and len(reference.names) > 1
    }


@rule(
    "BPY113",
    "unknown-step-key",
    "warning",
    "template",
    summary="A step has a key that steps do not have.",
    why="Backstage ignores it silently.",
    bad="steps:\n  - id: log\n    action: debug:log\n    inputs:\n      message: hello\n",
    good=_STEP,
)
def unknown_step_key(template: Template) -> Iterator[Finding]:
    """Name the key that was probably meant."""
    for step in template.steps:
        for key in step.value:
            if key in STEP_KEYS or key == "":
                continue
            slip = slip_of(str(key), STEP_KEYS, step.value, shortest=2)
            close = _FOREIGN_KEYS.get(str(key)) or slip or nearest(str(key), STEP_KEYS)
            sure = close is not None and close not in step.value
            meant = str(key) in _FOREIGN_KEYS or slip is not None
            yield Finding(
                f'Steps have no key "{key}"; it is ignored',
                (*step.path, key),
                on_key=True,
                fix=f'Did you mean "{close}"?' if sure else f"Known are {', '.join(sorted(STEP_KEYS))}",
                severity=None if sure else "info",
                repair=repair.rename((*step.path, key), close, sure=meant) if sure else None,
            )


@rule(
    "BPY114",
    "unknown-spec-key",
    "warning",
    "template",
    summary="A key below `spec` is a misspelling of one that templates have.",
    why="Backstage ignores what it does not know, so the form or the steps would be missing.",
    bad=_STEP + "outputs:\n  text:\n    - title: Done\n      content: hello\n",
    good=_STEP + "output:\n  text:\n    - title: Done\n      content: hello\n",
)
def unknown_spec_key(template: Template) -> Iterator[Finding]:
    """Only what is surely a misspelling; a spec may have keys of one's own."""
    for key in template.spec:
        close = slip_of(str(key), SPEC_KEYS, template.spec) if key not in SPEC_KEYS else None
        if close:
            yield Finding(
                f'Templates have no "spec.{key}"; it is ignored',
                ("spec", key),
                on_key=True,
                fix=f'Write "{close}"',
                repair=repair.rename(("spec", key), close),
            )
    secrets: Json = template.spec.get("secrets")
    for key in secrets if isinstance(secrets, dict) else ():
        if slip_of(str(key), ("schema",), secrets):
            place: Path = ("spec", "secrets", key)
            mended = repair.rename(place, "schema")
            yield Finding(f'spec.secrets has no "{key}"', place, on_key=True, fix='Write "schema"', repair=mended)
    yield from _unasked_secrets(secrets)
    yield from _recovery(template.spec.get("EXPERIMENTAL_recovery"))


def _unasked_secrets(secrets: Json) -> Iterator[Finding]:
    """What the schema of the secrets requires and does not describe, where one of nearly that name is described."""
    schema = secrets.get("schema") if isinstance(secrets, dict) else None
    described = schema.get("properties") if isinstance(schema, dict) else None
    required = schema.get("required") if isinstance(schema, dict) else None
    for index, name in enumerate(required if isinstance(required, list) else ()):
        names = [str(one) for one in described] if isinstance(described, dict) else []
        close = nearest(name, names) if isinstance(name, str) and name not in names else None
        if close:
            place: Path = ("spec", "secrets", "schema", "required", index)
            fix = f'Did you mean "{close}"?'
            yield Finding(f'The secret "{name}" is required and not described', place, fix=fix)

    for name, one in described.items() if isinstance(described, dict) else ():
        kind = one.get("type") if isinstance(one, dict) else None
        if isinstance(kind, str) and kind not in SCHEMA_TYPES:
            meant = nearest(kind, SCHEMA_TYPES) or ("string" if kind in ("str", "text") else None)
            place = ("spec", "secrets", "schema", "properties", name, "type")
            advice = f'Write "{meant}"' if meant else None
            yield Finding(f'Unknown type "{kind}"', place, fix=advice, repair=repair.write(place, meant))


def _recovery(recovery: Json) -> Iterator[Finding]:
    """The one key that it has, and the two strategies that there are; another one is none."""
    path: Path = ("spec", "EXPERIMENTAL_recovery")
    for key, value in recovery.items() if isinstance(recovery, dict) else ():
        if key != _STRATEGY:
            close = misspelled(str(key), (_STRATEGY,)) or (_STRATEGY if str(key).lower() == "strategy" else None)
            fix = f'Write "{close}"' if close else f"It has {_STRATEGY} alone"
            yield Finding(f'EXPERIMENTAL_recovery has no "{key}"', (*path, key), on_key=True, fix=fix)
        elif value not in _STRATEGIES and not placeholders.is_placeholder(value):
            fix = f"Write {' or '.join(_STRATEGIES)}"
            yield Finding(f'There is no strategy "{value}", so nothing is recovered', (*path, key), fix=fix)


@rule(
    "BPY115",
    "condition-is-text",
    "warning",
    "template",
    summary="The `if` of a step is a text without an expression.",
    why="A text that is not empty is true, so the step always runs. `if: parameters.x` needs `${{ }}`.",
    bad="parameters:\n  properties:\n    loud:\n      type: boolean\n"
    + _STEP.replace("    action", "    if: parameters.loud\n    action"),
    good="parameters:\n  properties:\n    loud:\n      type: boolean\n"
    + _STEP.replace("    action", "    if: ${{ parameters.loud }}\n    action"),
)
def condition_is_text(template: Template) -> Iterator[Finding]:
    """The text "true" is accepted, since its effect is the one that it names."""
    for step in template.steps:
        condition = step.value.get("if")
        if isinstance(condition, str) and condition.strip() and not tree.has_code(condition):
            if condition.strip().lower() == "true":
                continue
            bare = condition.strip().removeprefix("{{").removesuffix("}}").strip()
            fix = "Write if: false without quotes" if bare.lower() == "false" else f"Write if: ${{{{ {bare} }}}}"
            path = (*step.path, "if")
            yield Finding(
                "This condition is a text, which is always true", path, fix=fix, repair=_condition(path, bare)
            )
        elif isinstance(condition, str) and _has_text_around(condition):
            bare = condition.strip()
            path = (*step.path, "if")
            sole = syntax.parse(bare).sole is not None
            fix = f"Write if: {bare}" if sole else "Put all of it into one expression"
            mended = repair.write(path, bare) if sole else None
            yield Finding("This condition gives a text, which is always true", path, fix=fix, repair=mended)


@rule(
    "BPY116",
    "no-steps",
    "warning",
    "template",
    summary="A template has no steps.",
    why="It runs and does nothing.",
    bad="steps: []\n",
    good=_STEP,
)
def no_steps(template: Template) -> Iterator[Finding]:
    """Look at the list only; a missing one is a problem of the schema."""
    if template.spec.get("steps") == []:
        yield Finding("The template has no steps", ("spec", "steps"))


def _with_id(step: Step, used: AbstractSet[str], taken: set[str]) -> Repair | None:
    """The id by which expressions know the step already, else one of the words of its action."""
    words = [word for word in re.split(r"[^A-Za-z0-9]+", step.action or "") if word]
    name = "".join((words[0], *(word[:1].upper() + word[1:] for word in words[1:]))) if words else ""
    if not name or name[0].isdigit():
        return None
    names = itertools.chain((name,), (f"{name}{count}" for count in itertools.count(2)))
    found = step.known_as if step.known_as in used else next(one for one in names if one not in taken)
    taken.add(found)
    return Repair(f"Add id: {found}", (repair.Insert(step.path, "id", found),))


def _has_text_around(condition: str) -> bool:
    """Whether something stands beside an expression, a space or another one, so that the whole gives a text."""
    parsed = syntax.parse(condition)
    around = _LITERAL.search(condition) or ("{%" not in condition and _EXPRESSION.sub("", condition))
    return not parsed.problems and parsed.sole is None and parsed.outputs > 0 and bool(around)


def _condition(path: Path, bare: str) -> Repair | None:
    if bare.lower() == "false":
        return Repair("Write if: false, so that the step never runs", (repair.Put(path, value=False),), sure=False)
    written = f"${{{{ {bare} }}}}"
    parsed = syntax.parse(written)
    known = {reference.names[0] for reference in parsed.references} & STEP_ROOTS
    return repair.write(path, written, sure=bool(known)) if not parsed.problems and parsed.sole else None
