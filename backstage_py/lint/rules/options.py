"""BPY5, fifth part: options of form fields that have another name today."""

from collections.abc import Iterator

from backstage_py.lint.fixes.repair import Nest, Repair
from backstage_py.lint.rule import Finding, rule
from backstage_py.lint.view import Template

_PICKERS = frozenset({"EntityPicker", "OwnedEntityPicker", "OwnerPicker"})
_FORMER, _KEY = "allowedKinds", "catalogFilter"
_LOG = "steps:\n  - id: log\n    action: debug:log\n    input:\n      message: ${{ parameters.owner }}\n"
_ASK = "parameters:\n  properties:\n    owner:\n      type: string\n      ui:field: OwnerPicker\n      ui:options:\n"


@rule(
    "BPY521",
    "former-option",
    "info",
    "template",
    summary="A picker has an option by its former name.",
    why="`allowedKinds: [Group]` means `catalogFilter: {kind: [Group]}`; Backstage still reads it, though deprecated. "
    "Beside a `catalogFilter` it has no effect but in OwnedEntityPicker, and nothing is said of it.",
    bad=_ASK + "        allowedKinds: [Group]\n" + _LOG,
    good=_ASK + "        catalogFilter:\n          kind: [Group]\n" + _LOG,
)
def former_option(template: Template) -> Iterator[Finding]:
    """Only where the two surely mean the same: without the new one beside it."""
    for one in template.form.properties:
        options = one.schema.get("ui:options")
        if str(one.schema.get("ui:field")) not in _PICKERS or not isinstance(options, dict) or _KEY in options:
            continue
        if isinstance(options.get(_FORMER), list):
            path = (*one.path, "ui:options", _FORMER)
            yield Finding(
                f"{_FORMER} is the former name of {_KEY}",
                path,
                on_key=True,
                fix=f"Write {_KEY}, and the kinds below kind",
                repair=Repair(f"Write {_KEY} with kind", (Nest(path, _KEY, "kind"),)),
            )
