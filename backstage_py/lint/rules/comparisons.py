"""BPY4, third part: comparisons that come out the same whatever people choose."""

from collections.abc import Iterator

from backstage_py.lint import syntax, types
from backstage_py.lint.fixes import repair
from backstage_py.lint.form import Form, possible_values
from backstage_py.lint.nearest import misspelled, nearest, same_ignoring_style
from backstage_py.lint.rule import Finding, rule
from backstage_py.lint.rules.skeletons import at, both, fetching, files_with
from backstage_py.lint.skeleton import Rendering
from backstage_py.lint.syntax import Comparison
from backstage_py.lint.view import Template, Use
from backstage_py.model.json import Json
from backstage_py.templating import tree
from backstage_py.templating.tree import Node

_TYPES = {bool: "boolean", int: "number", float: "number", str: "string"}
_SIZES = "parameters:\n  properties:\n    size:\n      type: string\n      enum: [small, large]\n"
_TEMPLATE = fetching("size", "size: ${{ parameters.size }}", "enum: [small, large]")
_STEP = "steps:\n  - id: log\n    action: debug:log\n    if: "


@rule(
    "BPY411",
    "impossible-comparison",
    "warning",
    "template",
    summary="A parameter is compared with a value that it can never have.",
    why="The comparison comes out the same whatever people choose, so the step always runs, or never. A checkbox is "
    "`true` or `false`, never the text `'true'`; texts are compared with their case.",
    bad=_SIZES + _STEP + "${{ parameters.size == 'Large' }}\n",
    good=_SIZES + _STEP + "${{ parameters.size == 'large' }}\n",
)
def impossible_comparison(template: Template) -> Iterator[Finding]:
    """Parameters whose values are listed; what is compared with an empty text may be left out by people."""
    for use in template.uses:
        for one in use.parsed.comparisons:
            possible = _possible(template.form, one.names, one.operator)
            if possible is not None and one.value != "" and not any(_may_equal(one, value) for value in possible):
                yield _finding(use, one, possible)
            is_strict = len(one.operator) > 2 and one.value not in (None, "")  # noqa: PLR2004  # === and !==
            given = types.of_names(template, one.names) if is_strict and possible is None else None
            if given and not given & {_TYPES.get(type(one.value), "string"), "null"}:
                shown = " or a ".join(sorted(given))
                whose = "output" if one.names[0] == "steps" else "parameter"
                message = f'The {whose} "{one.names[-1]}" is a {shown}, never {one.value!r}'
                yield Finding(message, use.path, one.offset)


@rule(
    "BPY617",
    "impossible-comparison-in-skeleton",
    "warning",
    "skeleton",
    summary="A file compares a value with one that the parameter behind it can never have.",
    why="The comparison comes out the same whatever people choose. Texts are compared with their case.",
    bad=files_with("{% if values.size == 'Large' %}large{% endif %}\n", template=_TEMPLATE),
    good=files_with("{% if values.size == 'large' %}large{% endif %}\n", template=_TEMPLATE),
)
def impossible_comparison_in_skeleton(rendering: Rendering) -> Iterator[Finding]:
    """Values that are nothing but a parameter, and which the file does not set itself."""
    for parsed, text in both(rendering):
        for one in parsed.comparisons:
            possible = _of_value(rendering, one)
            if possible is not None and one.value != "" and not any(_may_equal(one, value) for value in possible):
                texts = [value for value in possible if isinstance(value, str)]
                close = nearest(str(one.value), texts)
                fix = f'Did you mean "{close}"?' if close else None
                message = f'"{one.names[1]}" is never "{one.value}"; it is one of {_shown(possible)}'
                yield at(rendering, text, one.offset, message, fix)


def _of_value(rendering: Rendering, one: Comparison) -> list[Json] | None:
    """What a value of a skeleton can be: that of a parameter, or of one or another."""
    if len(one.names) != 2 or one.names[0] != "values":  # noqa: PLR2004  # values.name
        return None
    given = rendering.fetch.given(one.names[1])
    sole = syntax.parse(given).sole if isinstance(given, str) and tree.has_code(given) else None
    return _of_node(rendering.fetch.form, sole, one.operator)


def _of_node(form: Form, node: Node | None, operator: str) -> list[Json] | None:
    if isinstance(node, tree.InlineIf):
        first = _of_node(form, node.body, operator)
        second = _of_node(form, node.otherwise, operator) if node.otherwise else None
        return None if first is None or second is None else [*first, *(one for one in second if one not in first)]
    if isinstance(node, tree.Group) and len(node.items) == 1:
        return _of_node(form, node.items[0], operator)
    if isinstance(node, tree.Literal) and operator != "in":
        return [node.value]
    chain = syntax.static_chain(node)
    return _possible(form, chain, operator) if chain else None


def _finding(use: Use, one: Comparison, possible: list[Json]) -> Finding:
    texts = [value for value in possible if isinstance(value, str)]
    written = use.text[one.offset : one.offset + len(str(one.value)) + 2]
    close = None
    if isinstance(one.value, str) and all(isinstance(value, bool) for value in possible):
        close = one.value if one.value in ("true", "false") else None
    elif isinstance(one.value, str):
        same = next((text for text in texts if same_ignoring_style(text, one.value)), None)
        found = same or nearest(one.value, texts)
        close = f"{written[:1]}{found}{written[:1]}" if found else None
    sure = close is not None and (close == one.value or misspelled(str(one.value), texts) is not None)
    shown = _shown(possible)
    return Finding(
        f'"{one.names[1]}" is never {written if isinstance(one.value, str) else one.value}; it is one of {shown}',
        use.path,
        one.offset,
        fix=f"Write {close}" if close else None,
        repair=repair.word(use.path, one.offset, written, close, sure=sure),
    )


def _shown(possible: list[Json]) -> str:
    return ", ".join("true" if value is True else "false" if value is False else str(value) for value in possible)


def _possible(form: Form, names: tuple[str, ...], operator: str) -> list[Json] | None:
    """The values that a parameter, or for ``in`` an item of it, can have; None where they are not known for sure."""
    if len(names) != 2 or names[0] != "parameters" or form.hidden:  # noqa: PLR2004  # parameters.name
        return None
    found: list[Json] = []
    for declared in form.declared.get(names[1], ()):
        schema: Json = declared.schema.get("items") if operator == "in" else declared.schema
        is_sure = "ui:field" not in declared.schema and isinstance(schema, dict)
        values = possible_values(schema) if is_sure else None
        if values is None:
            return None
        found += [value for value in values if value not in found]
    return found or None


def _may_equal(one: Comparison, value: Json) -> bool:
    """As JavaScript compares, but for texts and numbers under ``==``, which it converts: those count as equal."""
    if isinstance(one.value, bool) or isinstance(value, (bool, type(one.value))):
        return type(one.value) is type(value) and one.value == value
    if isinstance(value, int | float) and isinstance(one.value, int | float):
        return value == one.value
    return one.operator in ("==", "!=") or value is None
