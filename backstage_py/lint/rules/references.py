"""BPY3: what expressions refer to."""

from collections.abc import Iterator

from backstage_py.lint import required
from backstage_py.lint.fixes import escapes, repair
from backstage_py.lint.fixes.repair import Repair
from backstage_py.lint.nearest import misspelled, nearest, slip_of
from backstage_py.lint.rule import Finding, Path, rule
from backstage_py.lint.syntax import Reference
from backstage_py.lint.view import Template, Use
from backstage_py.lint.vocabulary import GLOBALS, NOTHING, STEP_GLOBALS, STEP_ROOTS
from backstage_py.model.json import JsonObject
from backstage_py.model.problem import Severity

_FORM = "parameters:\n  properties:\n    name:\n      type: string\n"
_LOUDER = "It is an error where an action requires the input that would be left out."
_FETCH = "steps:\n  - id: list\n    action: fs:readdir\n    input:\n      paths: ['.']\n"
_OTHER_ROOTS = ("values", "inputs", "params", "input", "cookiecutter")
_LOG = "  - id: log\n    action: debug:log\n    input:\n      message: "


@rule(
    "BPY301",
    "undeclared-parameter",
    "warning",
    "template",
    summary="An expression uses a parameter that no page of the form declares.",
    why="It is undefined when the template runs: the text is empty there, or the input is left out. Where an action "
    "requires that input, it is an error; where the expression copes with it (a condition, a default), a note. A form "
    "with decorators, or with an open schema, may set anything: there only a misspelling of what it declares counts.",
    bad=_FORM + "steps:\n" + _LOG + "${{ parameters.name }} and ${{ parameters.nmae }}\n",
    good=_FORM + "steps:\n" + _LOG + "${{ parameters.name }}\n",
)
def undeclared_parameter(template: Template) -> Iterator[Finding]:
    """Compare with every declaration, in whatever branch."""
    form = template.form
    if form.hidden:
        return
    for use, reference in _references(template, "parameters"):
        name = reference.names[1]
        if name in form.declared or _is_before_dash(use, reference):
            continue
        if name not in {one.name for one in form.properties}:
            fix = nearest(name, form.declared)
            sure = misspelled(name, form.declared) is not None
            fix = fix or slip_of(name, form.declared, (), shortest=3)
            if form.decorated and not sure:
                continue
            copes = use.is_optional(reference) or form.open
            severity: Severity = "warning" if fix or not copes else "info"
            if not copes and required.needs(template, use):
                severity = "error"
            yield Finding(
                f'The form declares no parameter "{name}"',
                use.path,
                reference.offsets[1],
                fix=f'Did you mean "{fix}"?' if fix else "Declare it below spec.parameters, or remove the expression",
                severity=severity,
                repair=repair.member(use.path, use.text, reference, 1, fix, sure=sure),
            )
        else:
            owner, item = _owner(next(one.path for one in form.properties if one.name == name))
            whose = f'the items of the parameter "{owner}"' if item else f'the parameter "{owner}"'
            yield Finding(
                f'"{name}" is a member of {whose}, not a parameter of its own',
                use.path,
                reference.offsets[1],
                fix=f"Write parameters.{owner}{item}.{name}",
                severity="warning",
                repair=repair.member(use.path, use.text, reference, 1, f"{owner}{item}.{name}", sure=False),
            )


@rule(
    "BPY302",
    "unknown-step",
    "warning",
    "template",
    summary="An expression uses a step that the template does not have.",
    why="It is undefined when the template runs, without a word: the text is empty there, or the input is left out. "
    + _LOUDER,
    bad=_FETCH + _LOG + "files ${{ steps.lits.output.files }}\n",
    good=_FETCH + _LOG + "files ${{ steps.list.output.files }}\n",
)
def unknown_step(template: Template) -> Iterator[Finding]:
    """Name the nearest step."""
    ids = template.steps_by_id
    for use, reference in _references(template, "steps"):
        step_id = reference.names[1]
        if step_id in ids or template.has_hidden_steps or _is_before_dash(use, reference):
            continue
        close = nearest(step_id, ids)
        yield Finding(
            f'There is no step "{step_id}"',
            use.path,
            reference.offsets[1],
            fix=f'Did you mean "{close}"?' if close else f"Steps are {', '.join(ids)}" if ids else None,
            severity=_severity(template, use, reference),
            repair=repair.member(use.path, use.text, reference, 1, close, sure=misspelled(step_id, ids) is not None),
        )


@rule(
    "BPY303",
    "later-step",
    "warning",
    "template",
    summary="A step uses the output of itself or of a step that runs later.",
    why="Steps run from top to bottom, so the value is undefined. It is an error where an action requires the input "
    "that would be left out.",
    bad="steps:\n"
    + _LOG.removeprefix("\n")
    + "files ${{ steps.list.output.files }}\n"
    + _FETCH.removeprefix("steps:\n"),
    good=_FETCH + _LOG + "files ${{ steps.list.output.files }}\n",
)
def later_step(template: Template) -> Iterator[Finding]:
    """Compare positions; an id that stands several times counts from its first."""
    for use, reference in _references(template, "steps"):
        found = template.steps_by_id.get(reference.names[1])
        if use.step is None or not found or found[0].index < use.step:
            continue
        same = found[0].index == use.step
        yield Finding(
            f'The step "{reference.names[1]}" {"is this step itself" if same else "runs after this one"}',
            use.path,
            reference.offsets[1],
            fix=None if same else "Move that step up",
            severity=_severity(template, use, reference),
        )


@rule(
    "BPY304",
    "unknown-output",
    "warning",
    "template",
    summary="An expression uses an output that the step's action does not have.",
    why="It is undefined when the template runs. Where an action requires the input that would be left out, it is an "
    "error; where the expression copes with that, a note.",
    bad=_FETCH + _LOG + "files ${{ steps.list.output.fils }}\n",
    good=_FETCH + _LOG + "files ${{ steps.list.output.files }}\n",
)
def unknown_output(template: Template) -> Iterator[Finding]:
    """Only actions that declare their outputs; several steps of one id may have different ones."""
    for use, reference in _references(template, "steps"):
        steps = template.steps_by_id.get(reference.names[1], [])
        if not steps or len(reference.names) < 4 or reference.names[2] != "output":  # noqa: PLR2004  # steps.id.output.name
            continue
        actions = {step.action for step in steps}
        known = template.action_of(steps[0]) if len(actions) == 1 else None
        name = reference.names[3]
        if actions == {"catalog:fetch"} and len(steps) == 1 and (other := _other_entities(steps[0].input, name)):
            fix = f"Write {other}"
            yield Finding(f'The step fetches no "{name}", but "{other}"', use.path, reference.offsets[3], fix=fix)
        if known is None or name in known.outputs or any("each" in step.value for step in steps):
            continue
        if known.has_no_outputs:
            yield Finding(f"{known.id} has no outputs", use.path, reference.offsets[3])
        if not known.outputs:
            continue
        if known.output.get("additionalProperties"):
            continue
        sure = known.exact and required.needs(template, use) and not use.is_optional(reference)
        close = nearest(name, known.outputs)
        yield Finding(
            f'{known.id} has no output "{name}"',
            use.path,
            reference.offsets[3],
            fix=f'Did you mean "{close}"?' if close else f"Known are {', '.join(sorted(known.outputs))}",
            severity="error" if sure else "info" if use.is_optional(reference) else None,
            repair=repair.member(
                use.path, use.text, reference, 3, close, sure=misspelled(name, known.outputs) is not None
            ),
        )


@rule(
    "BPY305",
    "missing-output-word",
    "warning",
    "template",
    summary="Something other than `output` is looked up on a step.",
    why="A step has `output` and nothing else; the value is undefined. " + _LOUDER,
    bad=_FETCH + _LOG + "files ${{ steps.list.files }}\n",
    good=_FETCH + _LOG + "files ${{ steps.list.output.files }}\n",
)
def missing_output_word(template: Template) -> Iterator[Finding]:
    """``steps.id.outputs`` and ``steps.id.name``."""
    for use, reference in _references(template, "steps"):
        if len(reference.names) < 3 or reference.names[1] not in template.steps_by_id:  # noqa: PLR2004  # steps.id.member
            continue
        member = reference.names[2]
        if member == "output":
            continue
        outputs = member.lower() in ("outputs", "out", "result", "results")
        fix = "output" if outputs or misspelled(member, ("output",)) else f"output.{member}"
        yield Finding(
            f'A step has no "{member}", only "output"',
            use.path,
            reference.offsets[2],
            fix=f"Write steps.{reference.names[1]}.{fix}",
            severity=_severity(template, use, reference),
            repair=_with_output(template, use, reference, fix),
        )


@rule(
    "BPY306",
    "unknown-name",
    "warning",
    "template",
    summary="An expression starts with a name that does not exist.",
    why="It is undefined when the template runs. Templates know parameters, steps, user, each, secrets, "
    "environment and context. " + _LOUDER,
    bad=_FORM + "steps:\n" + _LOG + "${{ parameter.name }}\n",
    good=_FORM + "steps:\n" + _LOG + "${{ parameters.name }}\n",
)
def unknown_name(template: Template) -> Iterator[Finding]:
    """A declared parameter without ``parameters.`` in front is recognised."""
    known = STEP_ROOTS | GLOBALS | STEP_GLOBALS | NOTHING | template.extra.globals
    for use in template.uses:
        minus = {part.split(".")[0] for _, _, right in use.parsed.subtractions for part in right.split("-")}
        for reference in use.references():
            name = reference.names[0]
            if name in known or name in minus:
                continue
            close = misspelled(name, known)
            fix = f'Did you mean "{close}"?' if close else None
            if name in template.form.declared:
                fix = f"Write parameters.{name}"
            elif name in _OTHER_ROOTS:
                fix = (
                    'Write "parameters"; "values" is known in skeleton files only'
                    if name == "values"
                    else 'Write "parameters"'
                )
            elif name in template.steps_by_id:
                fix = f"Write steps.{name}"
            yield Finding(
                f'Unknown name "{name}"',
                use.path,
                reference.offsets[0],
                fix=fix or f"Known are {', '.join(sorted(STEP_ROOTS))}",
                severity=_severity(template, use, reference),
                repair=_rooted(template, use, reference, close),
            )


@rule(
    "BPY307",
    "each-outside",
    "warning",
    "template",
    summary="`each` is used in a step that has no `each`.",
    why="It is undefined there.",
    bad="steps:\n" + _LOG + "${{ each.value }}\n",
    good="steps:\n" + _LOG + "${{ each.value }}\n    each: [1, 2]\n",
)
def each_outside(template: Template) -> Iterator[Finding]:
    """Includes the output, where it is never known."""
    looping = {step.index for step in template.steps if "each" in step.value}
    for use in template.uses:
        for reference in use.references():
            if reference.names[0] == "each" and use.step not in looping:
                yield Finding("This step has no each", use.path, reference.offsets[0], fix="Add each to the step")


@rule(
    "BPY308",
    "unknown-member-of-user",
    "warning",
    "template",
    summary="Something is looked up on `user` or `context` that is not there.",
    why="`user` has `entity` and `ref`; `context.task.id` is the id of the task.",
    bad="steps:\n" + _LOG + "${{ user.name }}\n",
    good="steps:\n" + _LOG + "${{ user.entity.metadata.name }}\n",
)
def unknown_member(template: Template) -> Iterator[Finding]:
    """The first member only; entities may hold anything."""
    members = {"user": ("entity", "ref"), "context": ("task",), "each": ("key", "value")}
    for root, known in members.items():
        for use, reference in _references(template, root):
            name = reference.names[1]
            if name not in known:
                yield Finding(
                    f'"{root}" has no "{name}"', use.path, reference.offsets[1], fix=f"Known are {' and '.join(known)}"
                )


def _other_entities(given: JsonObject, name: str) -> str | None:
    """What ``catalog:fetch`` gives, where it is asked for the other: one entity, or several."""
    one, several = "entityRef" in given, "entityRefs" in given
    if one == several:
        return None
    return {"entity": "entities[0]"}.get(name) if several else {"entities": "entity"}.get(name)


def _with_output(template: Template, use: Use, reference: Reference, fix: str) -> Repair | None:
    """``output`` for the wrong word, or in front of what is surely an output of the action."""
    if fix == "output":
        return repair.member(use.path, use.text, reference, 2, fix, sure=True)
    steps = template.steps_by_id[reference.names[1]]
    known = template.action_of(steps[0]) if len(steps) == 1 else None
    sure = known is not None and reference.names[2] in known.outputs
    return None if reference.quoted[2] else repair.member(use.path, use.text, reference, 2, fix, sure=sure)


def _rooted(template: Template, use: Use, reference: Reference, close: str | None) -> Repair | None:
    """A known root for a misspelled one, or in front of a parameter's name; expressions of workflows are escaped."""
    if escaped := escapes.in_value(use.path, use.text):
        return Repair(escapes.TITLE, escaped)
    name = reference.names[0]
    if name in template.form.declared:
        return repair.member(use.path, use.text, reference, 0, f"parameters.{name}", sure=True)
    if name in _OTHER_ROOTS and len(reference.names) > 1:
        return repair.member(
            use.path, use.text, reference, 0, "parameters", sure=reference.names[1] in template.form.declared
        )
    return repair.member(use.path, use.text, reference, 0, close, sure=True)


def _owner(path: Path) -> tuple[str, str]:
    """Return the property that a member belongs to, and ``[0]`` if it is one of its items."""
    above = [part for part in path[:-1] if part != "properties"]
    item = "[0]" if above[-1] == "items" else ""
    return str(above[-2] if item else above[-1]), item


def _is_before_dash(use: Use, reference: Reference) -> bool:
    """Whether the name is the first half of one with a dash, for which there is another rule."""
    end = reference.offsets[1] + len(reference.names[1])
    return any(at == end for at, _, _ in use.parsed.subtractions)


def _severity(template: Template, use: Use, reference: Reference) -> Severity:
    """The severity of an undefined value: an error only if it ends the run."""
    return "error" if not use.is_optional(reference) and required.needs(template, use) else "warning"


def _references(template: Template, root: str) -> Iterator[tuple[Use, Reference]]:
    for use in template.uses:
        for reference in use.references():
            if reference.names[0] == root and len(reference.names) > 1:
                yield use, reference
