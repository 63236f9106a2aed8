"""BPY4: expressions themselves."""

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from backstage_py.errors import InputError
from backstage_py.lint import required
from backstage_py.lint.fixes import escapes, operators, repair
from backstage_py.lint.fixes.repair import Repair, Write
from backstage_py.lint.nearest import misspelled, nearest
from backstage_py.lint.rule import Finding, Path, rule
from backstage_py.lint.syntax import Named
from backstage_py.lint.view import Template, Use
from backstage_py.lint.vocabulary import BACKSTAGE_FILTERS, FILTERS, GLOBALS, STEP_GLOBALS, TESTS
from backstage_py.model.json import Json
from backstage_py.model.vault_ref import VaultRef

_FORM = "parameters:\n  properties:\n    name:\n      type: string\n"
_LOG = "steps:\n  - id: log\n    action: debug:log\n    input:\n      message: "
_WRONG_DELIMITER = re.compile(r"(?<![$\w{])\{\{-?[\s(]*(?:not\s+)?(parameters|steps|user|secrets|each)\b[^{}]*\}\}")
_SPLIT = re.compile(r"\$ ?\{ +\{\s*\(*(?:not\s+)?(parameters|steps|user|secrets|each)\b[^{}]*\} ?\}")
_HALF_OPEN = re.compile(r"\$\{\s*(parameters|steps|user|secrets|each)\b[^{}]*\}(?!\})")
_BARE = re.compile(
    r"\{\s*(\(*(?:not\s+)?(?:parameters|steps|user|secrets|each|environment|context)\b.*)\}\Z", re.DOTALL
)
"""The key that YAML makes of ``{{ parameters.name }}`` without quotes: a map in a map."""
_ALLOWED_CODE = "${{"
_WORKFLOW_CONTEXT = re.compile(r"(?<![\w.$])(?:github|env|matrix|runner|vars|needs|inputs|jobs?|strategy)\s*[.\[]")
_WORKFLOW_FUNCTIONS = frozenset({"hashFiles", "toJSON", "fromJSON", "contains", "startsWith", "endsWith", "format"})
_HABITS = {
    "replaceAll": "replace",
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
_VAULT_CALL = re.compile(r"""vault\(\s*(?P<quote>['"])(?P<reference>[^'"\\]*)(?P=quote)\s*\)""")
_KEYS = {"filter": "filters", "function": "globals"}
_METHODS = frozenset({"split", "startsWith", "endsWith", "includes", "slice", "substring", "toString"})


@rule(
    "BPY401",
    "expression-syntax",
    "error",
    "template",
    summary="An expression does not parse.",
    why="Backstage keeps the raw text without a word, so `${{ a || b }}` ends up in files and inputs, and as a "
    "condition it is "
    "always true. Operators are `and`, `or`, `not`, `==`, `a if b else c`. Each expression of a text is reported. "
    "It is a warning in the output, and where the raw text is probably what is wanted: an expression of GitHub Actions "
    "(`github.`, `env.`, `matrix.` …) that a step writes into a file, or tags of another template language in a text "
    "without any `${{ }}`.",
    bad=_FORM + _LOG + "${{ parameters.name || 'nobody' }}\n",
    good=_FORM + _LOG + "${{ parameters.name or 'nobody' }}\n",
)
def expression_syntax(template: Template) -> Iterator[Finding]:
    """The parser's own words and hint."""
    for use in template.uses:
        for problem in () if _is_comment_sign(use.text) else use.parsed.problems:
            wanted = _ALLOWED_CODE not in use.text or _is_for_workflow(use.text, problem.offset)
            lenient = wanted or use.where == "output"
            yield Finding(
                problem.message,
                use.path,
                problem.offset,
                fix=_sentence(problem.hint),
                severity="warning" if lenient else None,
                repair=_mended(use, problem.offset, wanted=wanted),
            )


@rule(
    "BPY402",
    "unknown-filter",
    "warning",
    "template",
    summary="An expression uses a filter that is not known.",
    why="Backstage keeps the raw text of the whole expression, and runs on. It may well be a filter of your own: name "
    "it in the configuration (`filters`). It is an error where the name is surely a misspelling, except in the output "
    "and in a branch that need not be taken.",
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
                    f'Unknown filter "{named.name}"',
                    use.path,
                    named.offset,
                    fix=filter_fix(named.name, known) or own("filter"),
                    severity="error" if misspelled(named.name, known) and not _is_lenient(use, named) else None,
                    repair=filter_repair(use.path, named, known),
                )


@rule(
    "BPY403",
    "unknown-test",
    "error",
    "template",
    summary="An expression uses a test (`is …`) that does not exist.",
    why="Backstage keeps the raw text of the whole expression. In the output, and in a branch that need not be taken, "
    "it is a warning.",
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
                    fix=f'Did you mean "{close}"?' if close else f"Known are {', '.join(sorted(TESTS))}",
                    severity="warning" if _is_lenient(use, named) else None,
                    repair=slip(use.path, named, TESTS),
                )


@rule(
    "BPY404",
    "unknown-function",
    "warning",
    "template",
    summary="An expression calls a function that is not known.",
    why="Backstage keeps the raw text of the whole expression, and runs on. It may well be a function of your own: "
    "name it in the configuration (`globals`). It is an error where a filter is called like a function, or where the "
    "name is surely a misspelling, except in the output and in a branch that need not be taken.",
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
                fix = fix or (f'Did you mean "{close}"?' if close else own("function"))
                lenient = _is_lenient(use, named) or named.name in _WORKFLOW_FUNCTIONS
                sure = named.name in filters or misspelled(named.name, known)
                yield Finding(
                    f'Unknown function "{named.name}"',
                    use.path,
                    named.offset,
                    fix=fix,
                    severity="error" if sure and not lenient else None,
                    repair=_escaped(use) or slip(use.path, named, known),
                )


@rule(
    "BPY405",
    "dash-is-minus",
    "warning",
    "template",
    summary="A dash in a name is read as a subtraction.",
    why="`steps.enable-build.output.id` is `steps.enable` minus `build.output.id`, which gives null. Backstage runs it "
    "all the same; it is an error only where the action accepts neither number nor null as this input.",
    bad="steps:\n  - id: list-files\n    action: fs:readdir\n    input:\n      paths: ['.']\n"
    "  - id: log\n    action: debug:log\n    input:\n      message: files ${{ steps.list-files.output.files }}\n",
    good="steps:\n  - id: list-files\n    action: fs:readdir\n    input:\n      paths: ['.']\n"
    "  - id: log\n    action: debug:log\n    input:\n      message: files ${{ steps['list-files'].output.files }}\n",
)
def dash_is_minus(template: Template) -> Iterator[Finding]:
    """Reported where no space is around the dash and both sides are names."""
    for use in template.uses:
        for at, left, right in use.parsed.subtractions:
            root, _, last = left.rpartition(".")
            name = f"{last}-{right.split('.')[0]}"
            rest = "".join(f"['{one}']" if "-" in one else f".{one}" for one in right.split(".")[1:])
            exists = name in template.steps_by_id or name in template.form.declared
            both = any(one.split(".")[0] in ("parameters", "steps", "each", "user") for one in right.split("-"))
            if both or not (exists or root in ("steps", "parameters")):
                continue
            yield Finding(
                f'"{left}-{right}" is a subtraction',
                use.path,
                at,
                fix=f"Write {root}['{name}']{rest}",
                severity="error" if required.refuses_numbers(template, use) else None,
                repair=_bracketed(use, at, left, right, sure=exists),
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
    why="Backstage keeps the raw text without a word, with the expressions in it. It is a warning in the output, and "
    "where the text has no expression, so that nothing is lost.",
    bad=_FORM + _LOG + "'colour {#fff of ${{ parameters.name }}'\n",
    good=_FORM + _LOG + "'colour { #fff of ${{ parameters.name }}'\n",
)
def unclosed_comment(template: Template) -> Iterator[Finding]:
    """Only texts whose comment does not end or has not begun."""
    for use in template.uses:
        for problem in use.parsed.problems[:1] if _is_comment_sign(use.text) else ():
            yield Finding(
                problem.message,
                use.path,
                problem.offset,
                fix='Put a space between "{" and "#"',
                severity=None if _ALLOWED_CODE in use.text and use.where != "output" else "warning",
                repair=_sign(use, problem.offset),
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


def own(kind: str) -> str:
    """Return how a filter or a function of one's own is made known."""
    return f"If it is a {kind} of your own, name it below `{_KEYS[kind]}` in .backstage-py.yaml"


def filter_fix(name: str, known: frozenset[str]) -> str | None:
    """Return what to write instead of an unknown filter."""
    if name in _HABITS:
        return f'Write "{_HABITS[name]}"'
    if name in _METHODS:
        return f"Call the method instead: value.{name}(…)"
    close = nearest(name, known)
    return f'Did you mean "{close}"?' if close else None


def filter_repair(path: Path, named: Named, known: frozenset[str]) -> Repair | None:
    """Return the repair that writes the filter that was meant; the names that others have for it are sure."""
    if meant := _HABITS.get(named.name):
        return repair.word(path, named.offset, named.name, meant)
    return None if named.name in _METHODS else slip(path, named, known)


def slip(path: Path, named: Named, known: AbstractSet[str]) -> Repair | None:
    """Return the repair that writes the nearest known name; it is sure where the name is surely a misspelling."""
    sure = misspelled(named.name, known) is not None
    return repair.word(path, named.offset, named.name, nearest(named.name, known), sure=sure)


def _escaped(use: Use) -> Repair | None:
    escaped = escapes.in_value(use.path, use.text)
    return Repair(escapes.TITLE, escaped) if escaped else None


def _mended(use: Use, offset: int, *, wanted: bool) -> Repair | None:
    if wanted:
        return None
    found = operators.instead(use.text, offset)
    return repair.word(use.path, found.start, use.text[found.start : found.end], found.text) if found else None


def _bracketed(use: Use, at: int, left: str, right: str, *, sure: bool) -> Repair | None:
    """``steps['a-b'].c`` for ``steps.a-b.c``; only the first name, since those behind it have their own finding."""
    root, _, last = left.rpartition(".")
    second = right.split(".", maxsplit=1)[0]
    start, end = at - len(last), at + 1 + len(second)
    written = f"{root}.{last}-{second}"
    if not root or use.text[end - len(written) : end] != written:
        return None
    return Repair(f"Write {root}['{last}-{second}']", (Write(use.path, f"['{last}-{second}']", start - 1, end),), sure)


def _sign(use: Use, offset: int) -> Repair | None:
    sign = use.text[offset : offset + 2]
    return repair.word(use.path, offset, sign, f"${{{{ '{sign}' }}}}") if sign in ("{#", "#}") else None


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
    if isinstance(value, dict) and len(value) == 1 and (bare := _BARE.match(str(next(iter(value))))):
        yield Finding("This is a map of YAML, not an expression", path, fix=f"Write ${{{{ {bare[1].strip()} }}}}")
    elif isinstance(value, str):
        for pattern in (_WRONG_DELIMITER, _HALF_OPEN, _SPLIT):
            if (found := pattern.search(value)) and not _is_inside_code(value[: found.start()]):
                inner = found[0].strip("${} ")
                yield Finding(
                    "This is plain text, not an expression",
                    path,
                    found.start(),
                    fix=f"Write ${{{{ {inner} }}}}",
                    repair=repair.word(path, found.start(), found[0], f"${{{{ {inner} }}}}", sure=False),
                )
                return
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _delimiters(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _delimiters(item, (*path, index))


@rule(
    "BPY409",
    "vault-reference",
    "warning",
    "template",
    summary="`vault()` gives nothing here, or cannot be read.",
    why="`vault('<mount>/<path>#<key>')` is read when its step begins, for the step's `input` and `each`. In `if` and "
    "in the template's `output` it is undefined, so that no secret decides what is shown. A reference of another form "
    "is an error, with which the step fails. Stock Backstage has no such function, and keeps the text.",
    bad=_FORM + _LOG + "${{ vault('shop#token') }}\n",
    good=_FORM + _LOG + "${{ vault('secrets/shop#token') }}\n",
)
def vault_reference(template: Template) -> Iterator[Finding]:
    """References that are written out are read as a run reads them."""
    for use in template.uses:
        for named in use.parsed.named:
            if named.kind != "global" or named.name != "vault" or "vault" in template.extra.globals:
                continue
            if use.where in {"if", "output"}:
                fix = "Use it in the step's input"
                yield Finding(f"vault() gives nothing in '{use.where}'", use.path, named.offset, fix=fix)
            elif problem := _vault_problem(use.text[named.offset :]):
                yield Finding(problem, use.path, named.offset, severity="error")


def _vault_problem(call: str) -> str | None:
    written = _VAULT_CALL.match(call)
    if written is None:
        return None
    try:
        VaultRef.of(written["reference"])
    except InputError as error:
        return error.message
    return None


def _is_inside_code(before: str) -> bool:
    """Whether what follows stands inside an expression, or may stand in a raw block."""
    return before.rfind(_ALLOWED_CODE) > before.rfind("}}") or "raw" in before


def _is_for_workflow(text: str, offset: int) -> bool:
    """Whether the expression at the offset speaks of what only GitHub Actions knows."""
    start = max(text.rfind(_ALLOWED_CODE, 0, offset + 1), 0)
    end = text.find("}}", offset)
    return bool(_WORKFLOW_CONTEXT.search(text, start, end if end >= 0 else len(text)))


def _is_lenient(use: Use, named: Named) -> bool:
    """Whether nothing that runs needs what is named: the output is only shown, and a branch need not be taken."""
    return use.where == "output" or named.conditional


def _is_comment_sign(text: str) -> bool:
    return text.count("{#") != text.count("#}")


def _sentence(hint: str | None) -> str | None:
    return hint[:1].upper() + hint[1:] if hint else None
