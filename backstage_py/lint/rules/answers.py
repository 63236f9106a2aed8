"""BPY5, second part: how answers of the form are used."""

import re
from collections.abc import Iterator

from backstage_py.lint.fixes import repair
from backstage_py.lint.form import Property, schema_types
from backstage_py.lint.rule import Finding, rule
from backstage_py.lint.view import Template
from backstage_py.model.json import Json

_CHECKBOX = (
    "parameters:\n  required: [loud]\n  properties:\n    loud:\n      type: boolean\n{}"
    "steps:\n  - id: log\n    action: debug:log\n    if: ${{{{ parameters.loud }}}}\n"
)
_ASK = (
    "parameters:\n  properties:\n    token:\n      type: string\n{}"
    "steps:\n  - id: publish\n    action: publish:github\n    input:\n      repoUrl: github.com?owner=o&repo=r\n"
    "      token: ${{{{ {}.token }}}}\n"
)
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_CONFIDENTIAL = frozenset({"password", "passwd", "passphrase", "token", "secret"})
_CONFIDENTIAL_KEYS = frozenset({"api", "access", "private", "secret"})


@rule(
    "BPY512",
    "required-checkbox",
    "info",
    "template",
    summary="A checkbox is required and has no default.",
    why="A checkbox that nobody has touched has no value, so the page is refused until people tick it, or tick and "
    "untick it. A default says what an untouched one means.",
    bad=_CHECKBOX.format(""),
    good=_CHECKBOX.format("      default: false\n"),
)
def required_checkbox(template: Template) -> Iterator[Finding]:
    """Other widgets show that nothing is chosen yet; one that has to be ticked has ``const`` or ``enum``."""
    for one in template.form.properties:
        schema = one.schema
        settled = any(key in schema for key in ("default", "const", "enum", "ui:field"))
        if schema_types(schema) != {"boolean"} or settled or schema.get("ui:widget") not in (None, "checkbox"):
            continue
        if one.name in _required_beside(template, one):
            yield Finding(
                f'The checkbox "{one.name}" is required and has no default',
                one.path,
                on_key=True,
                fix="Add default: false, or remove it from required",
            )


@rule(
    "BPY513",
    "confidential-parameter",
    "info",
    "template",
    summary="A password or token is asked for like any other text.",
    why="Parameters are stored with the task and shown to whoever may read it; `ui:widget: password` hides only what "
    "is typed. The field `Secret` hands the value on below `secrets`, which is not stored for reading and is masked in "
    "logs.",
    bad=_ASK.format("", "parameters"),
    good=_ASK.format("      ui:field: Secret\n", "secrets"),
)
def confidential_parameter(template: Template) -> Iterator[Finding]:
    """Judged by the last word of the name, for values that people type in."""
    for one in template.form.properties:
        chosen = any(key in one.schema for key in ("default", "const", "enum", "ui:field", "format"))
        if one.top and not chosen and schema_types(one.schema) == {"string"} and _is_confidential(one.name):
            yield Finding(
                f'The parameter "{one.name}" is stored in plain text',
                one.path,
                on_key=True,
                fix=f"Add ui:field: Secret, and write ${{{{ secrets.{one.name} }}}}",
            )


@rule(
    "BPY524",
    "secret-as-parameter",
    "warning",
    "template",
    summary="The value of a field `Secret` is read below `parameters`.",
    why="There it is a row of stars: the field hands what people type on below `secrets` alone.",
    bad=_ASK.format("      ui:field: Secret\n", "parameters"),
    good=_ASK.format("      ui:field: Secret\n", "secrets"),
)
def secret_as_parameter(template: Template) -> Iterator[Finding]:
    """Names that are declared as a Secret wherever they are declared."""
    names = {
        name
        for name, found in template.form.declared.items()
        if all(one.schema.get("ui:field") == "Secret" for one in found)
    }
    for use in template.uses if names else ():
        for reference in use.references():
            if reference.names[0] == "parameters" and len(reference.names) > 1 and reference.names[1] in names:
                yield Finding(
                    f'"{reference.names[1]}" is a secret, and hidden from parameters',
                    use.path,
                    reference.offsets[0],
                    fix=f"Write secrets.{reference.names[1]}",
                    repair=repair.member(use.path, use.text, reference, 0, "secrets", sure=True),
                )


def _is_confidential(name: str) -> bool:
    words = [word.lower() for word in _WORDS.findall(name)]
    if words[-1:] == ["key"]:
        return words[-2:-1] != [] and words[-2] in _CONFIDENTIAL_KEYS
    return bool(words) and words[-1] in _CONFIDENTIAL


def _required_beside(template: Template, one: Property) -> frozenset[str]:
    """The names that the object requires whose property it is."""
    node: Json = template.value
    for part in one.path[:-2]:
        node = node[part]
    required = node.get("required") if isinstance(node, dict) else None
    return frozenset(name for name in required if isinstance(name, str)) if isinstance(required, list) else frozenset()
