"""BPY6: skeletons, each file read with the settings of the step that fetches it."""

import re
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet

from backstage_py.lint.fixes import escapes, operators, repair
from backstage_py.lint.fixes.edits import Edit
from backstage_py.lint.fixes.repair import Repair
from backstage_py.lint.nearest import misspelled, nearest
from backstage_py.lint.rule import Finding, rule
from backstage_py.lint.rules.expressions import filter_fix, filter_repair, own, slip
from backstage_py.lint.skeleton import Fetch, Rendering
from backstage_py.lint.syntax import Parsed, Reference
from backstage_py.lint.vocabulary import BACKSTAGE_FILTERS, COOKIECUTTER_FILTERS, FILTERS, GLOBALS, NOTHING, TESTS
from backstage_py.model.problem import Severity
from backstage_py.templating import tree

_FETCHING = """apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata:
  name: example
spec:
  type: service
  owner: team-a
  parameters:
    properties:
      {parameter}:
        type: string{more}
  steps:
    - id: fetch
      action: fetch:template
      input:
        url: ./skeleton
        values:
          {value}
"""


def fetching(parameter: str, value: str, more: str = "") -> str:
    """Return an example: a template with one parameter, a text, and a step that passes one value to a skeleton.

    Args:
        parameter: its name; ``more`` is what its schema says beside the type, a line in YAML.
        value: name and expression, as YAML has them.
        more: see ``parameter``.
    """
    return _FETCHING.format(parameter=parameter, value=value, more=more and f"\n        {more}")


_TEMPLATE = fetching("name", "name: ${{ parameters.name }}")
NAMED = "# ${{ values.name }}\n"
WORKFLOW_CONTEXTS = frozenset(
    ["github", "secrets", "env", "matrix", "runner", "inputs", "vars", "jobs", "needs", "strategy", "job"]
)
_OTHERS_ROOTS = {"parameters": "values", "cookiecutter": "values", "value": "values", "vals": "values"}
WORKFLOW = re.compile(r"(^|/)(\.github|\.gitea|\.forgejo)/|action\.ya?ml$")


def files_with(content: str, name: str = "skeleton/README.md", template: str = _TEMPLATE) -> dict[str, str]:
    """Return an example: a template, and a file of its skeleton."""
    return {"template.yaml": template, name: content}


@rule(
    "BPY601",
    "missing-skeleton",
    "error",
    "fetches",
    summary="The folder or file that a fetch step reads does not exist.",
    why="The run ends at this step. Relative paths start at the template's own folder.",
    bad=files_with(NAMED, template=_TEMPLATE.replace("./skeleton", "./skelton")),
    good=files_with(NAMED),
)
def missing_skeleton(fetches: tuple[Fetch, ...]) -> Iterator[Finding]:
    """Only relative paths that are written out."""
    for fetch in fetches:
        if fetch.is_address:
            yield Finding(
                f'"{fetch.url}" is no path, and no address that Backstage reads',
                fetch.path,
                fix="Write the address of the folder, such as https://github.com/OWNER/REPO/tree/BRANCH/FOLDER",
            )
        elif not fetch.is_inside:
            yield Finding(
                f'"{fetch.url}" leaves the repository',
                fetch.path,
                fix="Move the files into the repository, or give a full URL",
                severity="warning",
            )
        elif not fetch.target.exists():
            close = _neighbour(fetch)
            yield Finding(
                f'"{fetch.url}" does not exist{", but a choice of the form leads to it" if fetch.chosen else ""}',
                fetch.path,
                severity="warning" if fetch.chosen else None,
                fix=f'Did you mean "{close}"?'
                if close
                else f"Create {fetch.target.name} beside the template, or correct the path",
                repair=None if fetch.chosen else repair.write(fetch.path, close, sure=_is_slip(fetch.url, close)),
            )
        elif fetch.is_file == fetch.target.is_dir():
            family = "fetch:template" if fetch.is_rendered else "fetch:plain"
            kind, other = ("a folder", family) if fetch.is_file else ("a file", f"{family}:file")
            severity = None if fetch.is_file else "warning"
            yield Finding(f'"{fetch.url}" is {kind}', fetch.path, fix=f"Use {other}", severity=severity)  # type: ignore[arg-type]  # one of the literals


@rule(
    "BPY602",
    "skeleton-syntax",
    "error",
    "skeleton",
    summary="A file of a skeleton is no valid template.",
    why="fetch:template ends with an error. Files that should stay as they are belong into `copyWithoutTemplating`.",
    bad=files_with("{% if values.name %}yes\n"),
    good=files_with("{% if values.name %}yes{% endif %}\n"),
)
def skeleton_syntax(rendering: Rendering) -> Iterator[Finding]:
    """Content and path."""
    if rendering.unreadable:
        return
    for parsed, text in both(rendering):
        for problem in () if has_unbalanced_comment(text) else parsed.problems:
            mended = _mended(rendering, text, problem.offset)
            place = _unclosed(text, problem.offset)
            yield at(rendering, text, place, problem.message, _sentence(problem.hint), mended)


def _unclosed(text: str, offset: int) -> int:
    """Where a tag begins that was never closed on its line, so that what follows is read as part of it."""
    for opening, closing in (("{%", "%}"), ("${{", "}}")):
        start = text.rfind(opening, 0, offset)
        between = text[start:offset] if start >= 0 else ""
        if "\n" in between and closing not in between and "{" in text[offset - 1 : offset + 2]:
            return start
    return offset


@rule(
    "BPY606",
    "unknown-value",
    "warning",
    "skeleton",
    summary="A file uses a value that the fetch step does not pass.",
    why="It is undefined, so the text is empty there.",
    bad=files_with("# ${{ values.nmae }}\n"),
    good=files_with(NAMED),
)
def unknown_value(rendering: Rendering) -> Iterator[Finding]:
    """Compares with the names below ``values``; names that the file tests for first are a note, unless misspelled.

    Other templates, and other steps, may pass them to a skeleton that they share.
    """
    values = rendering.fetch.values
    if values is None:
        return
    root = "cookiecutter" if rendering.fetch.settings.cookiecutter else "values"
    for parsed, text in both(rendering):
        guarded = {one.names for one in parsed.references if one.optional} - set(parsed.iterated)
        reported: set[str] = set()
        for reference in parsed.free():
            if reference.names[0] != root or len(reference.names) < 2:  # noqa: PLR2004  # values.name
                continue
            name = reference.names[1]
            accepted = any(reference.names[: len(one)] == one for one in guarded)
            accepted = accepted and not _is_misspelled(name, rendering.fetch)
            is_fine = accepted and (misspelled(name, values) or _copes(name, text) or not _is_alone(rendering.fetch))
            if name in values or name in reported or is_fine:
                continue
            reported.add(name)
            close = nearest(name, values)
            yield at(
                rendering,
                text,
                reference.offsets[1],
                f'The step "{rendering.fetch.step.known_as}" passes no value "{name}"',
                f'Did you mean "{close}"?' if close else f"Add {name} to the values of the step",
                _member(text, reference, 1, close, sure=misspelled(name, values) is not None),
                severity="info" if accepted else None,
            )


@rule(
    "BPY607",
    "unknown-filter-in-skeleton",
    "error",
    "skeleton",
    summary="A file uses a filter, a test or a function that does not exist.",
    why="fetch:template ends with an error when it comes to it. It is a warning in a branch that need not be taken "
    "(`if`, `for`, `a if b else c`), and for a filter or function that may be one of your own: name it in the "
    "configuration (`filters`, `globals`).",
    bad=files_with("# ${{ values.name | lowr }}\n"),
    good=files_with("# ${{ values.name | lower }}\n"),
)
def unknown_filter_in_skeleton(rendering: Rendering) -> Iterator[Finding]:
    """Functions of GitHub Actions have a rule of their own."""
    extra = rendering.fetch.extra
    filters = FILTERS | BACKSTAGE_FILTERS | extra.filters
    filters |= COOKIECUTTER_FILTERS if rendering.fetch.settings.cookiecutter else frozenset()
    for parsed, text in both(rendering):
        for named in parsed.named:
            if named.kind == "filter" and named.name not in filters:
                yield at(
                    rendering,
                    text,
                    named.offset,
                    f'Unknown filter "{named.name}"',
                    filter_fix(named.name, filters) or own("filter"),
                    in_file(text, filter_repair((), named, filters)),
                    severity=None if misspelled(named.name, filters) and not named.conditional else "warning",
                )
            elif named.kind == "test" and named.name not in TESTS:
                close = nearest(named.name, TESTS)
                yield at(
                    rendering,
                    text,
                    named.offset,
                    f'Unknown test "{named.name}"',
                    f'Did you mean "{close}"?' if close else f"Known are {', '.join(sorted(TESTS))}",
                    in_file(text, slip((), named, TESTS)),
                    severity="warning" if named.conditional else None,
                )
            elif (
                named.kind == "global"
                and named.name not in GLOBALS | extra.globals | parsed.locals
                and not WORKFLOW.search(rendering.file)
            ):
                yield at(
                    rendering,
                    text,
                    named.offset,
                    f'Unknown function "{named.name}"',
                    _function_fix(named.name, filters),
                    severity=None if named.name in filters and not named.conditional else "warning",
                )


@rule(
    "BPY608",
    "wrong-root",
    "warning",
    "skeleton",
    summary="A file uses `parameters` where only `values` is known.",
    why="Skeleton files know what the step passes below `values`, and nothing else; the text is empty there.",
    bad=files_with("# ${{ parameters.name }}\n"),
    good=files_with(NAMED),
)
def wrong_root(rendering: Rendering) -> Iterator[Finding]:
    """Names that exist in the template only, and misspellings of ``values``."""
    root = "cookiecutter" if rendering.fetch.settings.cookiecutter else "values"
    for parsed, text in both(rendering):
        reported: set[str] = set()
        for reference in parsed.free():
            name = reference.names[0]
            wrong = name in _OTHERS_ROOTS or misspelled(name, (root,)) or name in (rendering.fetch.values or ())
            if name == root or name in reported or name in GLOBALS or not wrong:
                continue
            passed = len(reference.names) > 1 and reference.names[1] in (rendering.fetch.values or ())
            is_value = len(reference.names) == 1 and name in (rendering.fetch.values or ())
            if reference.optional and not (passed or is_value):
                continue
            reported.add(name)
            fix = (
                f"Write {root}.{name}"
                if name in (rendering.fetch.values or ()) and name not in _OTHERS_ROOTS
                else f'Write "{root}"'
            )
            written = fix.removeprefix("Write ").strip('"')
            mended = _member(text, reference, 0, written, sure=passed or name in (rendering.fetch.values or ()))
            yield at(rendering, text, reference.offsets[0], f'"{name}" is not known in skeleton files', fix, mended)


@rule(
    "BPY615",
    "unknown-name-in-skeleton",
    "warning",
    "skeleton",
    summary="A file uses a name that nothing defines.",
    why="Skeleton files know `values`, and what they define themselves by `set`, `for` and `macro`. Everything else is "
    "undefined, so the text is empty there.",
    bad=files_with("{% set shout = values.name | upper %}# ${{ shuot }}\n"),
    good=files_with("{% set shout = values.name | upper %}# ${{ shout }}\n"),
)
def unknown_name_in_skeleton(rendering: Rendering) -> Iterator[Finding]:
    """What no other rule speaks of; the first place of each name."""
    if rendering.fetch.settings.cookiecutter:
        return
    others = _OTHERS_ROOTS.keys() | WORKFLOW_CONTEXTS | {"values"} | (rendering.fetch.values or frozenset())
    for parsed, text in both(rendering):
        yield from _not_there(rendering, parsed, text, others)
        reported: set[str] = set()
        for reference in parsed.free():
            name = reference.names[0]
            known = name in GLOBALS | NOTHING | rendering.fetch.extra.globals or name in others
            copes = reference.optional and not misspelled(name, parsed.locals)
            if known or copes or reference.called or name in reported or misspelled(name, ("values",)):
                continue
            reported.add(name)
            close = nearest(name, parsed.locals)
            advice = "Write values.NAME, or put it between {% raw %} and {% endraw %}"
            yield at(
                rendering,
                text,
                reference.offsets[0],
                f'Unknown name "{name}"',
                f'Did you mean "{close}"?' if close else advice,
                _member(text, reference, 0, close, sure=misspelled(name, parsed.locals) is not None),
            )


@rule(
    "BPY609",
    "unreadable-skeleton-file",
    "warning",
    "skeleton",
    summary="A file of a skeleton cannot be read, or is too large to be rendered.",
    why="A template may have 4 MB; what is not to be rendered belongs into `copyWithoutTemplating`.",
    bad=files_with("${{ values.name }}" + "x" * 4_300_000),
    good=files_with(NAMED),
)
def unreadable_skeleton_file(rendering: Rendering) -> Iterator[Finding]:
    """Say why."""
    if rendering.unreadable:
        yield Finding(f"Cannot read the file: {rendering.unreadable}", place=(1, 1), file=rendering.file)


def _not_there(rendering: Rendering, parsed: Parsed, text: str, others: AbstractSet[str]) -> Iterator[Finding]:
    """Names of loops outside of them, parameters that macros do not have, and texts without quotes."""
    for name, offset in parsed.outside:
        if name not in others:
            yield at(rendering, text, offset, f'"{name}" is known in its loop only', None)
    for one in parsed.keywords:
        known = parsed.macros.get(one.filter)
        if known is not None and one.name not in known | {"caller"}:
            close = nearest(one.name, known)
            fix = f'Did you mean "{close}"?' if close else None
            yield at(rendering, text, one.offset, f'The macro "{one.filter}" has no parameter "{one.name}"', fix)
    for name, offset in parsed.bare:
        own = GLOBALS | NOTHING | rendering.fetch.extra.globals | parsed.locals
        if name not in own and name not in others and not WORKFLOW.search(rendering.file):
            fix = f"Put quotes around it: '{name}'"
            yield at(rendering, text, offset, f'Unknown name "{name}"', fix)


def _is_alone(fetch: Fetch) -> bool:
    """Whether a skeleton lies below its template's folder, and no other step of that template reads it."""
    urls = [step.input.get("url") for step in fetch.steps]
    return fetch.target.is_relative_to(fetch.base) and not fetch.chosen and urls.count(fetch.step.input.get("url")) == 1


def _copes(name: str, text: str) -> bool:
    """Whether a file says what is to be without a value."""
    return re.search(rf"\bvalues\.{re.escape(name)}\s*(?:\|\s*d(?:efault)?\b|is\s|or\b)", text) is not None


def _is_misspelled(name: str, fetch: Fetch) -> bool:
    """Whether it surely is; where the step's value is the parameter of this name, the step's key is the wrong one."""
    close = misspelled(name, fetch.values or ())
    given = fetch.step.input["values"].get(close) if close else None
    meant = isinstance(given, str) and re.search(rf"parameters\.{re.escape(name)}(?![\w-])", given)
    return close is not None and not meant


def both(rendering: Rendering) -> Iterator[tuple[Parsed, str]]:
    """Yield the content with its text, and the path with an empty one."""
    if rendering.text:
        yield rendering.parsed, rendering.text
    if not rendering.below_broken:
        yield rendering.name, ""


def at(
    rendering: Rendering,
    text: str,
    offset: int,
    message: str,
    fix: str | None,
    mended: Repair | None = None,
    *,
    severity: Severity | None = None,
) -> Finding:
    """A finding at an offset of the content, or in the path if ``text`` is empty; paths are not mended."""
    if not text:
        return Finding(
            f'In the path "{rendering.relative}": {message}',
            place=(1, 1),
            file=rendering.file,
            fix=fix,
            severity=severity,
        )
    before = text[:offset]
    return Finding(
        message,
        place=(before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1),
        file=rendering.file,
        fix=fix,
        severity=severity,
        repair=mended,
    )


def _mended(rendering: Rendering, text: str, offset: int) -> Repair | None:
    """An operator of JavaScript; where the expression is one of workflows, all of those are escaped."""
    if (all_of_them := escaped(rendering)) and _is_within(text, offset, all_of_them.changes):
        return all_of_them
    found = operators.instead(text, offset)
    return Repair(f'Write "{found.text.strip()}"', (found,)) if found else None


def escaped(rendering: Rendering) -> Repair | None:
    """Return the repair that escapes all expressions of GitHub Actions in a file."""
    found = escapes.in_file(rendering.text, rendering.fetch.settings)
    return Repair(escapes.TITLE, found) if found and not rendering.fetch.settings.cookiecutter else None


def _is_within(text: str, offset: int, changes: Iterable[repair.Change]) -> bool:
    """Whether one of the escaped expressions holds the offset."""
    edits = [one for one in changes if isinstance(one, Edit)]
    begin = max((start for start, end in tree.expressions(text) if start <= offset < end), default=-1)
    return any(one.start <= begin for one in edits) and any(one.start >= begin for one in edits)


def _member(text: str, reference: Reference, index: int, new: str | None, *, sure: bool) -> Repair | None:
    found = repair.member_span(text, reference, index, new) if new and text else None
    return Repair(f'Write "{new}"', (found,), sure) if found else None


def in_file(text: str, found: Repair | None) -> Repair | None:
    """Return the repair of a text as one of the file that consists of it; none where there is no text."""
    return repair.of_characters(found) if found and text else None


def _neighbour(fetch: Fetch) -> str | None:
    try:
        names = [one.name for one in fetch.target.parent.iterdir() if one.is_dir() != fetch.is_file]
    except OSError:
        return None
    close = nearest(fetch.target.name, names)
    return fetch.url.replace(fetch.target.name, close) if close else None


def _is_slip(url: str, close: str | None) -> bool:
    last = url.rstrip("/").rpartition("/")[2]
    return close is not None and misspelled(last, (close.rstrip("/").rpartition("/")[2],)) is not None


def has_unbalanced_comment(text: str) -> bool:
    """Say whether a comment begins, or ends, and nothing belongs to it."""
    return "{#" in text and text.count("{#") != text.count("#}")


def _function_fix(name: str, filters: frozenset[str]) -> str:
    return f"Write it as a filter: value | {name}" if name in filters else own("function")


def _sentence(hint: str | None) -> str | None:
    return hint[:1].upper() + hint[1:] if hint else None
