"""BPY5, third part: when the pages of a form are shown."""

from collections.abc import Iterable, Iterator

from backstage_py.lint import placeholders, syntax
from backstage_py.lint.fixes import operators, repair
from backstage_py.lint.fixes.edits import Edit
from backstage_py.lint.fixes.repair import Repair, Write
from backstage_py.lint.form import possible_values
from backstage_py.lint.nearest import misspelled, nearest
from backstage_py.lint.rule import Finding, rule
from backstage_py.lint.rules.expressions import filter_fix
from backstage_py.lint.syntax import Reference
from backstage_py.lint.view import PageCondition, Template
from backstage_py.lint.vocabulary import FILTERS, GLOBALS, TESTS
from backstage_py.model.json import Json
from backstage_py.model.problem import Severity
from backstage_py.templating import tree
from backstage_py.templating.tree import Node

_CLOUD = "parameters:\n  - properties:\n      cloud:\n        type: string\n        enum: [AWS, GCP]\n"
_PAGE = "  - when: {}\n    properties:\n      region:\n        type: string\n"
_LOG = "steps:\n  - id: log\n    action: debug:log\n    input:\n      message: ${{ parameters | dump }}\n"


def _sample(condition: str) -> str:
    return _CLOUD + _PAGE.format(condition) + _LOG


_GOOD = _sample("${{ parameters.cloud === 'AWS' }}")


@rule(
    "BPY514",
    "page-condition-syntax",
    "error",
    "template",
    summary="The `when` of a page does not parse.",
    why="The form shows the page then, whatever people answer. It is an expression of `parameters`, with or without "
    "`${{ }}` around all of it.",
    bad=_sample("parameters.cloud = 'AWS'"),
    good=_sample("parameters.cloud == 'AWS'"),
)
def page_condition_syntax(template: Template) -> Iterator[Finding]:
    """The parser's own words and hint; braces without a dollar are an object to YAML."""
    for page, path in template.form.pages:
        if isinstance(given := page.get("when"), dict | list) and not placeholders.is_placeholder(given):
            fix = "Write ${{ }} around it, or no braces at all"
            yield Finding("when is no text", (*path, "when"), on_key=True, fix=fix)
    for condition in template.page_conditions:
        for problem in condition.parsed.problems[:1]:
            hint = f"{problem.hint[:1].upper()}{problem.hint[1:]}" if problem.hint else None
            mended = _mended(condition, operators.instead(condition.template, problem.offset))
            yield condition.finding(problem.message, problem.offset, fix=hint, repair=mended)


@rule(
    "BPY515",
    "page-condition-name",
    "warning",
    "template",
    summary="The `when` of a page asks for something that is not known by then.",
    why="It sees `parameters` alone, with the answers of the pages before it; anything else is undefined.",
    bad=_sample("parameters.clod == 'AWS'"),
    good=_GOOD,
)
def page_condition_name(template: Template) -> Iterator[Finding]:
    """Other roots, parameters that no page has, and those of later pages."""
    for condition in template.page_conditions:
        minus = {right.split(".")[0].split("-")[0] for _, _, right in condition.parsed.subtractions}
        for reference in condition.parsed.free():
            if reference.names[0] in GLOBALS or reference.names[0] in minus:
                continue
            found = _unknown(template, condition, reference)
            if found is not None:
                yield found
        for at, left, right in condition.parsed.subtractions:
            if left.startswith("parameters."):
                name = f"{left.removeprefix('parameters.')}-{right}"
                yield condition.finding(f'"{left}-{right}" is a subtraction', at, fix=f"Write parameters['{name}']")


def _unknown(template: Template, condition: PageCondition, reference: Reference) -> Finding | None:
    root, *members = reference.names
    form = template.form
    if root != "parameters":
        fix = f"Write parameters.{root}" if root in form.declared else 'Conditions of pages know "parameters" alone'
        meant = f"parameters.{root}" if root in form.declared else misspelled(root, ("parameters",))
        mended = _mended(condition, repair.member_span(condition.template, reference, 0, meant) if meant else None)
        return condition.finding(f'Unknown name "{root}"', reference.offsets[0], fix=fix, repair=mended)
    if not members or form.takes_more or any(at == _end(reference) for at, _, _ in condition.parsed.subtractions):
        return None
    name = members[0]
    pages = {one.page for one in form.declared.get(name, ())}
    if any(page < condition.page for page in pages):
        return None
    if pages:
        where = "this page itself" if min(pages) == condition.page else f"page {min(pages) + 1}, which comes later"
        message = f'"{name}" is asked for on {where}'
        return condition.finding(message, reference.offsets[1], fix="Ask for it on a page before this one")
    before = {other for other, found in form.declared.items() if any(one.page < condition.page for one in found)}
    close = nearest(name, before)
    return condition.finding(
        f'There is no parameter "{name}"',
        reference.offsets[1],
        fix=f'Did you mean "{close}"?' if close else None,
        repair=_mended(
            condition,
            repair.member_span(condition.template, reference, 1, close) if close else None,
            sure=misspelled(name, before) is not None,
        ),
    )


def _mended(condition: PageCondition, found: Edit | None, *, sure: bool = True) -> Repair | None:
    """The edit of the template that the form makes of a condition, as one of the text that was written."""
    if found is None or found.start + condition.shift < 0:
        return None
    written = Write(condition.path, found.text, found.start + condition.shift, found.end + condition.shift)
    return Repair(f'Write "{found.text.strip()}"', (written,), sure)


def _end(reference: Reference) -> int:
    return reference.offsets[1] + len(reference.names[1])


@rule(
    "BPY516",
    "page-condition-vocabulary",
    "error",
    "template",
    summary="The `when` of a page uses a filter, test or function that forms do not have, or a regular expression.",
    why="It fails, so the page is always shown. Forms know the filters of the language alone: neither Backstage's "
    "(`parseRepoUrl`, `pick` …) nor your own, and run no regular expressions. It is a warning in a branch that need "
    "not be taken.",
    bad=_sample("parameters.cloud | pick('name')"),
    good=_sample("parameters.cloud | lower == 'aws'"),
)
def page_condition_vocabulary(template: Template) -> Iterator[Finding]:
    """Name what was probably meant."""
    known: dict[str, tuple[str, frozenset[str]]] = {
        "filter": ("filter", FILTERS),
        "test": ("test", TESTS),
        "global": ("function", GLOBALS),
    }
    for condition in template.page_conditions:
        for named in condition.parsed.named:
            severity: Severity | None = "warning" if named.conditional else None
            if named.kind == "regex":
                yield condition.finding("Forms run no regular expressions", named.offset, severity=severity)
                continue
            word, names = known[named.kind]
            if named.name in names or named.name in condition.parsed.locals:
                continue
            close = nearest(named.name, names)
            fix = filter_fix(named.name, names) if named.kind == "filter" else None
            yield condition.finding(
                f'Forms have no {word} "{named.name}"',
                named.offset,
                fix=fix or (f'Did you mean "{close}"?' if close else None),
                severity=severity,
                repair=_mended(
                    condition,
                    Edit(named.offset, named.offset + len(named.name), close) if close else None,
                    sure=misspelled(named.name, names) is not None,
                ),
            )


@rule(
    "BPY517",
    "page-never-shown",
    "warning",
    "template",
    summary="A page can never be shown.",
    why="Its `when` is false, or compares a parameter with a value that it cannot have.",
    bad=_sample("parameters.cloud == 'AZURE'"),
    good=_GOOD,
)
def page_never_shown(template: Template) -> Iterator[Finding]:
    """Only what is sure: constants, and parameters with known values."""
    for page, path in template.form.pages:
        if page.get("when") is False:
            yield Finding("This page is never shown", (*path, "when"), fix="Remove the page, or its condition")
    for condition in template.page_conditions:
        if not condition.parsed.problems and (reason := _never(template, condition.parsed.sole)) is not None:
            yield condition.finding(f"This page is never shown{reason}", None)


def _never(template: Template, node: Node | None) -> str | None:
    """Return why an expression is never true, None if it may be."""
    match node:
        case tree.Literal():
            return "" if node.value in (None, False, "", 0) else None
        case tree.Array():
            return None if node.items else ""
        case tree.Logic():
            sides = (_never(template, node.left), _never(template, node.right))
            found = [one for one in sides if one is not None]
            return found[0] if len(found) > (node.operator == "or") else None
        case tree.Compare(left=left, operations=[("==" | "===", right)]):
            return _never_equal(template, left, right) or _never_equal(template, right, left)
        case _:
            return None


def _never_equal(template: Template, left: Node, right: Node) -> str | None:
    names = syntax.static_chain(left)
    form = template.form
    match names, right:
        case ("parameters", name), tree.Literal(value=str() as wanted) if not form.hidden and name in form.declared:
            possible = [possible_values(one.schema) for one in form.declared[name]]
            known = [value for values in possible if values is not None for value in values]
            if None in possible or any(_may_equal(value, wanted) for value in known):
                return None
            return f'; "{name}" is one of {_shown(known)}'
        case _:
            return None


def _may_equal(value: Json, wanted: str) -> bool:
    """Whether a value may be a text: what is no text may be, by JavaScript's ``==``."""
    return value == wanted or not isinstance(value, str)


def _shown(values: Iterable[Json]) -> str:
    return ", ".join(dict.fromkeys(str(one) for one in values))
