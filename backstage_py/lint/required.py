"""Whether a step fails if one of its expressions gives nothing, or no number."""

from backstage_py.lint import inputs, syntax, types
from backstage_py.lint.actions import KnownAction
from backstage_py.lint.view import Template, Use
from backstage_py.model.json import Json, JsonObject
from backstage_py.templating import tree

_INPUT_LENGTH = 5
"""Length of the path ``spec.steps.N.input.name``."""


def needs(template: Template, use: Use) -> bool:
    """Say whether a text is nothing but a name, and all of an input that its action surely requires.

    Backstage drops an input whose expression gives undefined, and refuses the step if the action requires it.
    """
    if syntax.static_chain(use.parsed.sole) is None:
        return False
    known = _action(template, use)
    if known is None:
        return False
    step = template.step_of(use)
    left = {name: value for name, value in step.input.items() if name != use.path[-1]}
    found = inputs.mismatches(template, left, known.input, (*step.path, "input"))
    return any(one.kind == "missing" and one.name == use.path[-1] for one in found)


def refuses_numbers(template: Template, use: Use) -> bool:
    """Say whether a text is nothing but a subtraction, and all of an input that surely is no number.

    What is no number becomes null, which such an action refuses.
    """
    if not isinstance(use.parsed.sole, tree.Binary):
        return False
    known = _action(template, use)
    schema = _property(known.input, str(use.path[-1])) if known else None
    accepted = types.accepted(schema) if schema else None
    return accepted is not None and not accepted & {"number", "null"}


def _action(template: Template, use: Use) -> KnownAction | None:
    """The action whose whole input the text is; None if the step need not come to it, or the schema is not sure."""
    if use.where != "input" or len(use.path) != _INPUT_LENGTH:
        return None
    step = template.step_of(use)
    known = template.action_of(step)
    return known if known and known.exact and "if" not in step.value and "each" not in step.value else None


def _property(schema: JsonObject, name: str) -> JsonObject | None:
    """The schema of an input, in whatever branch."""
    branches: list[Json] = [schema, *(schema.get("anyOf") or ()), *(schema.get("oneOf") or ())]
    for branch in branches:
        found = branch.get("properties", {}).get(name) if isinstance(branch, dict) else None
        if isinstance(found, dict):
            return found
    return None
