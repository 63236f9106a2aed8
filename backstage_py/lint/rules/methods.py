"""BPY4 and BPY6: methods that are called on values, and functions that are not called."""

from collections.abc import Iterator

from backstage_py.lint import shapes, types
from backstage_py.lint.fixes import calls, repair
from backstage_py.lint.fixes.repair import Repair
from backstage_py.lint.form import schema_types
from backstage_py.lint.nearest import misspelled
from backstage_py.lint.rule import Finding, Path, rule
from backstage_py.lint.rules.skeletons import at, both, files_with, in_file
from backstage_py.lint.skeleton import Rendering
from backstage_py.lint.syntax import Method, Parsed, Reference
from backstage_py.lint.view import Template
from backstage_py.lint.vocabulary import (
    COOKIECUTTER_METHODS,
    LIST_METHODS,
    NUMBER_METHODS,
    OTHER_METHODS,
    TEXT_METHODS,
)
from backstage_py.templating import tree

_FORM = "parameters:\n  properties:\n    name:\n      type: string\n"
_LOG = "steps:\n  - id: log\n    action: debug:log\n    input:\n      message: "
_CLEAN_UP = "steps:\n  - id: clean\n    action: fs:delete\n    input:\n      files: [draft]\n    if: "
_OUTCOMES = frozenset({"always", "failure"})
_ALL = TEXT_METHODS | LIST_METHODS | NUMBER_METHODS | OTHER_METHODS
_BY_TYPE = {
    "string": TEXT_METHODS,
    "array": LIST_METHODS,
    "number": NUMBER_METHODS,
    "boolean": frozenset[str](),
    "object": frozenset[str](),
}
_INSTEAD = {
    "replaceAll": "Write the filter, which replaces all: value | replace('a', 'b')",
    "map": "Use the tag {% for %}",
    "forEach": "Use the tag {% for %}",
    "filter": "Use the filter select or selectattr, or the tag {% for %}",
    "reduce": "Use the tag {% for %}",
    "length": "It is no method: value.length",
    "lower": "Write it as a filter: value | lower",
    "upper": "Write it as a filter: value | upper",
    "capitalize": "Write it as a filter: value | capitalize",
    "title": "Write it as a filter: value | title",
    "strip": "Write trim",
    "padStart": "Put it together with +",
    "padEnd": "Put it together with +",
}


@rule(
    "BPY415",
    "uncalled-function",
    "warning",
    "template",
    summary="A function, or a method of a text or list, is written without its parentheses.",
    why="The function itself is always true, so the step runs whatever happened before; a method that is not called "
    "gives no text.",
    bad=_CLEAN_UP + "${{ failure }}\n",
    good=_CLEAN_UP + "${{ failure() }}\n",
)
def uncalled_function(template: Template) -> Iterator[Finding]:
    """Wherever templates know them."""
    for use in template.uses:
        for reference in use.references():
            name = reference.names[0]
            method = _uncalled(template, reference)
            if method:
                yield Finding(
                    f'"{method}" is a method, and is not called',
                    use.path,
                    reference.offsets[2],
                    fix=f"Write {method}(…)",
                )
            if name in _OUTCOMES and not reference.called:
                mended = repair.word(use.path, reference.offsets[0], name, f"{name}()")
                yield Finding(
                    f'"{name}" is a function, and is not called',
                    use.path,
                    reference.offsets[0],
                    fix=f"Write {name}()",
                    repair=mended,
                )


@rule(
    "BPY410",
    "unknown-method",
    "error",
    "template",
    summary="An expression calls a method that the engine does not have.",
    why="Values have the methods that the engine lists, not all of JavaScript's: `replaceAll`, `map` and `match` are "
    "none. Backstage keeps the raw text of the whole expression. In the output, and in a branch that need not be "
    "taken, it is a warning.",
    bad=_FORM + _LOG + "${{ parameters.name.replaceAll('a', 'b') }}\n",
    good=_FORM + _LOG + "${{ parameters.name | replace('a', 'b') }}\n",
)
def unknown_method(template: Template) -> Iterator[Finding]:
    """Where the type of the value is known, its methods alone count."""
    for use in template.uses:
        for method in use.parsed.methods:
            known = _known(template, method)
            if _is_unknown(use.parsed, method, known):
                lenient = use.where == "output" or method.conditional
                yield Finding(
                    f'Values have no method "{method.name}"',
                    use.path,
                    method.offset,
                    fix=_fix(method.name, known),
                    severity="warning" if lenient else None,
                    repair=_mended(use.path, use.text, method, known),
                )


@rule(
    "BPY611",
    "unknown-method-in-skeleton",
    "error",
    "skeleton",
    summary="A file calls a method that the engine does not have.",
    why="fetch:template ends with an error when it comes to it. In a branch that need not be taken, it is a warning.",
    bad=files_with("# ${{ values.name.replaceAll('a', 'b') }}\n"),
    good=files_with("# ${{ values.name | replace('a', 'b') }}\n"),
)
def unknown_method_in_skeleton(rendering: Rendering) -> Iterator[Finding]:
    """Jinja's methods count where cookiecutter's ways are wanted."""
    known = _ALL | COOKIECUTTER_METHODS if rendering.fetch.settings.cookiecutter else _ALL
    for parsed, text in both(rendering):
        for method in parsed.methods:
            if _is_unknown(parsed, method, known):
                yield at(
                    rendering,
                    text,
                    method.offset,
                    f'Values have no method "{method.name}"',
                    _fix(method.name, known),
                    in_file(text, _mended((), text, method, known)),
                    severity="warning" if method.conditional else None,
                )


def _uncalled(template: Template, reference: Reference) -> str | None:
    """The method of a parameter that is surely a text or a list, where it stands without parentheses."""
    if reference.names[0] != "parameters" or len(reference.names) < 3 or reference.called:  # noqa: PLR2004  # parameters.name.method
        return None
    schema = shapes.of_parameter(template.form, reference.names[1:2])
    known: frozenset[str] = frozenset().union(*(_BY_TYPE.get(one, frozenset()) for one in schema_types(schema or {})))
    return reference.names[2] if reference.names[2] in known - OTHER_METHODS else None


def _mended(path: Path, text: str, method: Method, known: frozenset[str]) -> Repair | None:
    close = misspelled(method.name, known)
    if close:
        return repair.word(path, method.offset, method.name, close)
    found = calls.instead(text, method.offset, method.name)
    return repair.word(path, found.start, text[found.start : found.end], found.text) if found else None


def _known(template: Template, method: Method) -> frozenset[str]:
    found = types.of_node(template, method.on)
    return frozenset().union(*(_BY_TYPE.get(name, _ALL) for name in found)) if found else _ALL


def _is_unknown(parsed: Parsed, method: Method, known: frozenset[str]) -> bool:
    """Names that the text defines, and what calls give, may be objects with methods of their own."""
    node = method.on
    while isinstance(node, tree.Lookup):
        node = node.target
    defined = isinstance(node, tree.Symbol) and node.name in parsed.locals and node.name not in parsed.items
    own = isinstance(node, tree.Call) or defined
    return method.name not in known and not own


def _fix(name: str, known: frozenset[str]) -> str:
    close = misspelled(name, known)
    return f'Did you mean "{close}"?' if close else _INSTEAD.get(name, f"Known are {', '.join(sorted(known))}")
