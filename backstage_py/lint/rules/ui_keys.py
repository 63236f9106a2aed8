"""BPY5, ninth part: keys that only the form reads, and the values that it takes for them."""

from collections.abc import Iterator

from backstage_py.lint import placeholders, schema_shape
from backstage_py.lint.rule import Finding, rule
from backstage_py.lint.view import Template
from backstage_py.model.json import Json
from backstage_py.templating import tree

_LOG = "steps:\n  - id: log\n    action: debug:log\n    input:\n      message: ${{ parameters.name }}\n"
_NAME = "parameters:\n  properties:\n    name:\n      type: string\n      ui:options: "
_TEXT, _MAP, _LIST, _FLAG = (str, "a text"), (dict, "an object"), (list, "a list"), (bool, "true or false")
_TAKEN: dict[str, tuple[type, str]] = {
    **dict.fromkeys(("ui:field", "ui:widget", "ui:placeholder", "ui:title", "ui:inputType", "ui:autocomplete"), _TEXT),
    **dict.fromkeys(("ui:options", "ui:backstage", "ui:style"), _MAP),
    **dict.fromkeys(("ui:order", "ui:enumNames", "ui:enumDisabled", "enumNames"), _LIST),
    **dict.fromkeys(("ui:autofocus", "ui:disabled", "ui:readonly"), _FLAG),
}
_NEEDED = frozenset({"ui:field", "ui:widget"})
"""Keys that say nothing without a value; the form passes over others that are empty."""
_ELSEWHERE = {("ui:options", list), ("ui:autocomplete", dict), ("ui:autocomplete", bool)}
_ELSEWHERE |= {("ui:enumNames", dict), ("enumNames", dict)}
"""What other rules speak of, and what people write for fields of their own."""


@rule(
    "BPY531",
    "ui-key-type",
    "warning",
    "template",
    summary="A key with `ui:` has a value that the form does not take.",
    why="A field or widget that is no text is not found, so the page shows an error; an option that is no object, or a "
    "flag that is a text, has another effect than it says, or none.",
    bad=_NAME + "none\n" + _LOG,
    good=_NAME + "{rows: 3}\n" + _LOG,
)
def ui_key_type(template: Template) -> Iterator[Finding]:
    """Wherever a schema stands in a page."""
    for page, path in template.form.pages:
        for schema, where in schema_shape.schemas(page, path):
            for key, value in schema.items() if isinstance(schema, dict) else ():
                kind, expected = _TAKEN.get(str(key), (object, ""))
                if not isinstance(value, kind) and not _is_open(str(key), value):
                    yield Finding(f"{key} must be {expected}", (*where, key), on_key=value is None)


def _is_open(key: str, value: Json) -> bool:
    if value is None:
        return key not in _NEEDED
    by_other = (key, type(value)) in _ELSEWHERE
    return by_other or placeholders.is_placeholder(value) or (isinstance(value, str) and tree.has_code(value))
