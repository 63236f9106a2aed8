"""BPY4: expressions themselves."""

import re
from collections.abc import Iterator

from backstage_py.lint.nearest import nearest
from backstage_py.lint.rule import Finding, Path, rule
from backstage_py.lint.view import Template
from backstage_py.lint.vocabulary import BACKSTAGE_FILTERS, FILTERS, GLOBALS, STEP_GLOBALS, TESTS
from backstage_py.model.json import Json

_FORM = "parameters:\n  properties:\n    name:\n      type: string\n"
_LOG = "steps:\n  - id: log\n    action: debug:log\n    input:\n      message: "
_WRONG_DELIMITER = re.compile(r"(?<![$\w{])\{\{-?\s*(parameters|steps|user|secrets|each)\b[^{}]*\}\}")
_HALF_OPEN = re.compile(r"\$\{\s*(parameters|steps|user|secrets|each)\b[^{}]*\}(?!\})")
_ALLOWED_CODE = "${{"
_HABITS = {
    "tojson": "dump",
    "to_json": "dump",
    "json": "dump",
    "jsonify": "dump",
    "toLowerCase": "lower",
    "lowercase": "lower",
    "toUpperCase": "upper",
    "uppercase": "upper",
    "size": "length",
    "count": "length",
}
_METHODS = frozenset({"split", "startsWith", "endsWith", "includes", "slice", "replaceAll", "substring", "toString"})


@rule(
    "BPY401",
    "expression-syntax",
    "error",
    "template",
    summary="An expression does not parse.",
    why="Backstage keeps the raw text without a word, so `${{ a || b }}` ends up in files and inputs, and as a "
    "condition it is "
    "always true. Operators are `and`, `or`, `not`, `==`, `a if b else c`.",
    bad=_FORM + _LOG + "${{ parameters.name || 'nobody' }}\n",
    good=_FORM + _LOG + "${{ parameters.name or 'nobody' }}\n",
)
def expression_syntax(template: Template) -> Iterator[Finding]:
    """The parser's own words and hint."""
    for use in template.uses:
        if (problem := use.parsed.problem) and not _is_comment_sign(use.text):
            yield Finding(problem.message, use.path, problem.offset, fix=_sentence(problem.hint))


@rule(
    "BPY402",
    "unknown-filter",
    "error",
    "template",
    summary="An expression uses a filter that does not exist.",
    why="Backstage keeps the raw text of the whole expression. Filters of your own are named in the "
    "configuration (`filters`).",
    bad=_FORM + _LOG + "${{ parameters.name | lowr }}\n",
    good=_FORM + _LOG + "${{ parameters.name | lower }}\n",
)
def unknown_filter(template: Template) -> Iterator[Finding]:
    """Name the nearest filter, or what other languages' filters are called here."""
    known = FILTERS | BACKSTAGE_FILTERS | template.extra.filters
    for use in template.uses:
        for named in use.parsed.named:
            if named.kind == "filter" and named.name not in known:
                yield Finding(
                    f'Unknown filter "{named.name}"', use.path, named.offset, fix=filter_fix(named.name, known)
                )


@rule(
    "BPY403",
    "unknown-test",
    "error",
    "template",
    summary="An expression uses a test (`is …`) that does not exist.",
    why="Backstage keeps the raw text of the whole expression.",
    bad=_FORM + _LOG + "set ${{ parameters.name is empty }}\n",
    good=_FORM + _LOG + "set ${{ parameters.name is defined }}\n",
)
def unknown_test(template: Template) -> Iterator[Finding]:
    """Name the nearest test."""
    for use in template.uses:
        for named in use.parsed.named:
            if named.kind == "test" and named.name not in TESTS:
                close = nearest(named.name, TESTS)
                yield Finding(
                    f'Unknown test "{named.name}"',
                    use.path,
                    named.offset,
                    fix=f'Did you mean "{close}"?' if close else None,
                )


@rule(
    "BPY404",
    "unknown-function",
    "error",
    "template",
    summary="An expression calls a function that does not exist.",
    why="Backstage keeps the raw text of the whole expression. Functions of your own are named in the "
    "configuration (`globals`).",
    bad=_FORM + _LOG + "${{ lower(parameters.name) }}\n",
    good=_FORM + _LOG + "${{ parameters.name | lower }}\n",
)
def unknown_function(template: Template) -> Iterator[Finding]:
    """A filter that is called like a function is recognised."""
    known = GLOBALS | STEP_GLOBALS | template.extra.globals
    filters = FILTERS | BACKSTAGE_FILTERS | template.extra.filters
    for use in template.uses:
        for named in use.parsed.named:
            if named.kind == "global" and named.name not in known and named.name not in use.parsed.locals:
                close = nearest(named.name, known)
                fix = f"Write it as a filter: value | {named.name}" if named.name in filters else None
                fix = fix or (f'Did you mean "{close}"?' if close else f"Known are {', '.join(sorted(known))}")
                yield Finding(f'Unknown function "{named.name}"', use.path, named.offset, fix=fix)


@rule(
    "BPY405",
    "dash-is-minus",
    "error",
    "template",
    summary="A dash in a name is read as a subtraction.",
    why="`steps.enable-build.output.id` is `steps.enable` minus `build.output.id`, which gives null.",
    bad="steps:\n  - id: list-files\n    action: fs:readdir\n    input:\n      paths: ['.']\n"
    "  - id: log\n    action: debug:log\n    input:\n      message: files ${{ steps.list-files.output.files }}\n",
    good="steps:\n  - id: list-files\n    action: fs:readdir\n    input:\n      paths: ['.']\n"
    "  - id: log\n    action: debug:log\n    input:\n      message: files ${{ steps['list-files'].output.files }}\n",
)
def dash_is_minus(template: Template) -> Iterator[Finding]:
    """Where no space stands around the dash and the two sides are names."""
    for use in template.uses:
        for at, left, right in use.parsed.subtractions:
            root, _, last = left.rpartition(".")
            name = f"{last}-{right.split('.')[0]}"
            rest = right.partition(".")[2]
            exists = name in template.steps_by_id or name in template.form.declared
            both = right.split(".")[0] in ("parameters", "steps", "each", "user")
            if both or not (exists or root in ("steps", "parameters")):
                continue
            yield Finding(
                f'"{left}-{right}" is a subtraction',
                use.path,
                at,
                fix=f"Write {root}['{name}']{f'.{rest}' if rest else ''}",
            )


@rule(
    "BPY406",
    "wrong-delimiter",
    "warning",
    "template",
    summary="An expression has delimiters that templates do not use.",
    why="`{{ }}` and `${ }` are plain text in a template's YAML; only `${{ }}` is an expression.",
    bad=_FORM + _LOG + "'{{ parameters.name }}'\n",
    good=_FORM + _LOG + "'${{ parameters.name }}'\n",
)
def wrong_delimiter(template: Template) -> Iterator[Finding]:
    """Only where what is inside starts with a name that expressions know."""
    for step in template.steps:
        for key in ("if", "each", "input"):
            yield from _delimiters(step.value.get(key), (*step.path, key))
    yield from _delimiters(template.spec.get("output"), ("spec", "output"))


@rule(
    "BPY407",
    "unclosed-comment",
    "error",
    "template",
    summary="A text contains `{#`, which starts a comment, or `#}`, which ends one.",
    why="The text is not rendered at all if the comment does not end, and loses what stands between if it does.",
    bad=_LOG + "'colour {#fff'\n",
    good=_LOG + "'colour { #fff'\n",
)
def unclosed_comment(template: Template) -> Iterator[Finding]:
    """Only texts whose comment does not end or has not begun."""
    for use in template.uses:
        if use.parsed.problem and _is_comment_sign(use.text):
            yield Finding(
                use.parsed.problem.message, use.path, use.parsed.problem.offset, fix='Put a space between "{" and "#"'
            )


@rule(
    "BPY408",
    "expression-outside",
    "warning",
    "template",
    summary="An expression stands where templates are not rendered.",
    why="Only `if`, `each` and `input` of steps and `spec.output` are rendered; elsewhere the text stays as it is.",
    bad=_FORM + "steps:\n  - id: log\n    name: Greet ${{ parameters.name }}\n    action: debug:log\n",
    good=_FORM + "steps:\n  - id: log\n    name: Greet\n    action: debug:log\n",
)
def expression_outside(template: Template) -> Iterator[Finding]:
    """Names and ids of steps, and parameters."""
    for step in template.steps:
        for key in ("id", "name", "action"):
            value = step.value.get(key)
            if isinstance(value, str) and _ALLOWED_CODE in value:
                yield Finding(f'"{key}" of a step is not rendered', (*step.path, key), value.index(_ALLOWED_CODE))
    for page, path in template.form.pages:
        yield from _outside(page, path)


def filter_fix(name: str, known: frozenset[str]) -> str | None:
    """Return what to write instead of an unknown filter."""
    if name in _HABITS:
        return f'Write "{_HABITS[name]}"'
    if name in _METHODS:
        return f"Call the method instead: value.{name}(…)"
    close = nearest(name, known)
    return f'Did you mean "{close}"?' if close else None


def _outside(value: Json, path: Path) -> Iterator[Finding]:
    if isinstance(value, str):
        at = value.find(_ALLOWED_CODE)
        inside = value[at + 3 :].lstrip()
        if at >= 0 and inside.startswith(("parameters", "steps", "secrets")):
            shown = ("title", "description", "ui:help", "ui:description", "default")
            if path[-1] in shown:
                yield Finding(f'"{path[-1]}" of a form is not rendered', path, at)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key not in ("ui:options", "ui:backstage"):
                yield from _outside(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _outside(item, (*path, index))


def _delimiters(value: Json, path: Path) -> Iterator[Finding]:
    if isinstance(value, str):
        for pattern in (_WRONG_DELIMITER, _HALF_OPEN):
            if (found := pattern.search(value)) and "${{" not in value[: found.start()]:
                inner = found[0].strip("${} ")
                yield Finding(
                    "This is plain text, not an expression", path, found.start(), fix=f"Write ${{{{ {inner} }}}}"
                )
                return
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _delimiters(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _delimiters(item, (*path, index))


def _is_comment_sign(text: str) -> bool:
    return text.count("{#") != text.count("#}")


def _sentence(hint: str | None) -> str | None:
    return hint[:1].upper() + hint[1:] if hint else None
