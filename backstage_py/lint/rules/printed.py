"""BPY4 and BPY6: objects that are written into a text."""

from collections.abc import Iterator

from backstage_py.lint import shapes
from backstage_py.lint.form import schema_types
from backstage_py.lint.rule import Finding, rule
from backstage_py.lint.rules.skeletons import at, fetching, files_with
from backstage_py.lint.skeleton import Rendering
from backstage_py.lint.view import Template

_FORM = (
    "parameters:\n  properties:\n    size:\n      type: object\n      properties:\n"
    "        cpu:\n          type: number\n"
)
_LOG = "steps:\n  - id: log\n    action: debug:log\n    input:\n      message: size "
_WHOLE = frozenset({("parameters",), ("user",), ("user", "entity"), ("context",), ("secrets",), ("environment",)})
_TEMPLATE = fetching("address", "target: ${{ parameters.address | parseRepoUrl }}")
_PARSERS = ("parseRepoUrl", "parseEntityRef")
_FIX = "Write a member of it, or | dump"


@rule(
    "BPY416",
    "object-in-text",
    "warning",
    "template",
    summary="An object is written into a text.",
    why="The text has `[object Object]` there. An object stays one only where the expression stands alone.",
    bad=_FORM + _LOG + "${{ parameters.size }}\n",
    good=_FORM + _LOG + "${{ parameters.size.cpu }}\n",
)
def object_in_text(template: Template) -> Iterator[Finding]:
    """Objects of the form, and names that stand for all that is below them."""
    for use in template.uses:
        for names, offset in use.parsed.printed if use.parsed.sole is None and not use.parsed.is_tag else ():
            is_step = names[0] == "steps" and (len(names) == 2 or (len(names) == 3 and names[2] == "output"))  # noqa: PLR2004  # steps.id.output
            is_object = names[0] == "parameters" and _is_object(shapes.of_parameter(template.form, names[1:]))
            if is_step or is_object or names in _WHOLE:
                message = f'"{".".join(names)}" is an object, and the text has [object Object] there'
                yield Finding(message, use.path, offset, fix=_FIX)


@rule(
    "BPY620",
    "object-in-file",
    "warning",
    "skeleton",
    summary="A file has an object as a text.",
    why="There stands `[object Object]` in the result.",
    bad=files_with("# ${{ values.target }}\n", template=_TEMPLATE),
    good=files_with("# ${{ values.target.owner }}\n", template=_TEMPLATE),
)
def object_in_file(rendering: Rendering) -> Iterator[Finding]:
    """What the step passes is an object of the form, or what is read from an address or a reference."""
    for names, offset in rendering.parsed.printed:
        if names == ("values",) and "values" not in rendering.parsed.locals:
            yield _finding(rendering, names, offset)
        elif len(names) == 2 and names[0] == "values":  # noqa: PLR2004  # values.name
            fetch = rendering.fetch
            given = fetch.given(names[1])
            if _is_object(shapes.of_text(fetch.form, given)) or shapes.last_filter(given) in _PARSERS:
                yield _finding(rendering, names, offset)


def _finding(rendering: Rendering, names: tuple[str, ...], offset: int) -> Finding:
    message = f'"{".".join(names)}" is an object, and the file has [object Object] there'
    return at(rendering, rendering.text, offset, message, _FIX)


def _is_object(schema: object) -> bool:
    return isinstance(schema, dict) and schema_types(schema) == {"object"}
