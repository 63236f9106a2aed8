"""Which texts surely give nothing when the template runs."""

from backstage_py.lint import syntax
from backstage_py.lint.syntax import Parsed
from backstage_py.lint.view import Template
from backstage_py.lint.vocabulary import GLOBALS, STEP_GLOBALS, STEP_ROOTS


def is_undefined_name(template: Template, parsed: Parsed) -> bool:
    """Say whether a text is nothing but a name that surely is undefined.

    Backstage then drops the property whose value it is, before the action sees its input.
    """
    match syntax.static_chain(parsed.sole):
        case ("parameters", name, *_):
            return name not in template.form.declared and not template.form.open
        case ("steps", step_id, *_):
            return step_id not in template.steps_by_id and not template.has_hidden_steps
        case (root, *_):
            return root not in STEP_ROOTS | GLOBALS | STEP_GLOBALS | template.extra.globals
        case _:
            return False
