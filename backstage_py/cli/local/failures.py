"""Why a run failed, in an author's words: with the file and line of the step, and what stands there."""

from collections.abc import Iterator, Mapping, Sequence

from backstage_py.cli.local.template_file import LocalTemplate
from backstage_py.errors import BackstageError
from backstage_py.js.values import UNDEFINED
from backstage_py.model import json
from backstage_py.model.json import Json
from backstage_py.model.npm_jsonschema import Problem
from backstage_py.scaffolder.run.spec import steps_with_defaults
from backstage_py.scaffolder.run.steps import InvalidInput

_KINDS = {
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
}


def located(error: BackstageError, local: LocalTemplate, position: int) -> BackstageError:
    """Return the error of the step at a position with its place in the template."""
    step, where = steps_with_defaults(local.template.steps)[position], ("spec", "steps", position)
    if isinstance(error, InvalidInput):
        lines = [f"The input of step '{step['id']}' does not fit {step['action']}:", *_input(error, local, where)]
        return error.reworded("\n".join(lines))
    return error.reworded(f"{error.message}\n  in step '{step['id']}' ({step['action']}), {local.place(where)}")


def _input(error: InvalidInput, local: LocalTemplate, where: tuple[str | int, ...]) -> Iterator[str]:
    for problem in error.problems:
        extra = (str(problem.argument),) if problem.name == "additionalProperties" else ()
        path = (*where, "input", *problem.path, *extra)
        yield f"  {local.place(path, on_key=bool(extra))}: {sentence(problem)}"
        if (problem.path or extra) and (line := local.line(path)):
            yield f"      {line}"


def sentence(problem: Problem) -> str:
    """Return what a violation says, in words."""
    return worded(problem.path, problem.name, problem.argument, problem.instance, problem.message)


def worded(path: Sequence[str | int], rule: str, argument: Json, value: Json, message: str) -> str:
    """Return the words for a violation of a schema's rule at a path; ``message`` where there are none.

    The value itself is not shown: it may be a secret.
    """
    name = dotted(path)
    if rule == "required":
        return f"'{dotted((*path, str(argument)))}' is missing"
    if rule == "additionalProperties":
        return f"'{dotted((*path, str(argument)))}' is not known to it"
    subject = f"'{name}'" if name else "it"
    if rule == "type":
        kinds = argument if isinstance(argument, list) else [argument]
        given = "" if value is UNDEFINED else f", but is {kind_of(value)}"
        return f"{subject} must be {' or '.join(_KINDS.get(str(one), str(one)) for one in kinds)}{given}"
    if rule == "enum":
        return f"{subject} must be one of {', '.join(json.text(one) for one in _list(argument))}"
    return f"{subject} {message}"


def kind_of(value: Json) -> str:
    """Return what a value is, in words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    names = ((str, "text"), (int | float, "a number"), (Mapping, "an object"), (list, "a list"))
    return next((name for type_, name in names if isinstance(value, type_)), "nothing")


def dotted(path: Sequence[str | int]) -> str:
    """Return a path as ``values.ports[0]``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else [value]
