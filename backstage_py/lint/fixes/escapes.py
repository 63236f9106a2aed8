"""Expressions that are for another reader, as those of GitHub Actions, written so that rendering leaves them alone.

``{% raw %}${{ github.sha }}{% endraw %}`` in files; ``${{ '${{ github.sha }}' }}`` in the values of a template, and
where a step trims what stands around tags.
"""

import re
from collections.abc import Iterable, Iterator

from backstage_py.lint import syntax
from backstage_py.lint.fixes.edits import Edit
from backstage_py.lint.fixes.repair import Path, Write
from backstage_py.templating import tree

TITLE = "Escape the expressions of GitHub Actions"
CONTEXTS = frozenset(["github", "env", "matrix", "runner", "inputs", "vars", "jobs", "needs", "strategy", "job"])
"""Roots of expressions of workflows that no template has."""
FUNCTIONS = frozenset({"hashFiles", "toJSON", "fromJSON", "contains", "startsWith", "endsWith", "format"})
_ONLY_IN_FILES = frozenset({"secrets", "steps"})
_CONTEXT = re.compile(rf"(?<![\w.$'\"-])(?:{'|'.join(sorted(CONTEXTS))})\s*[.\[]")
_OWN_ROOT = re.compile(r"(?<![\w.$'\"-])(?:values|parameters|cookiecutter|each|user)\s*[.\[]")


def in_value(path: Path, text: str) -> tuple[Write, ...]:
    """Return the changes that escape the expressions of workflows in a text of a template; the last one first."""
    found = [(start, end) for start, end in tree.expressions(text) if _is_foreign(text[start:end], CONTEXTS)]
    return tuple(
        Write(path, quoted, start, end) for start, end in reversed(found) if (quoted := _quoted(text[start:end]))
    )


def in_file(text: str, settings: syntax.Settings) -> tuple[Edit, ...]:
    """Return the edits that escape the expressions of workflows in a file of a skeleton."""
    known = CONTEXTS | _ONLY_IN_FILES
    found = [(start, end) for start, end in tree.expressions(text) if _is_foreign(text[start:end], known)]
    if settings.trim_blocks or settings.lstrip_blocks:
        return tuple(Edit(start, end, quoted) for start, end in found if (quoted := _quoted(text[start:end])))
    return tuple(edit for start, end in _together(text, found) for edit in raw(text, start, end))


def raw(text: str, start: int, end: int) -> tuple[Edit, ...]:
    """Return the edits that put tags around a part of a file, so that it is not rendered."""
    if "endraw" in text[start:end]:
        return ()
    return (Edit(start, start, "{% raw %}"), Edit(end, end, "{% endraw %}"))


def _together(text: str, found: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Parts with nothing but plain text of the same line between them are one."""
    last: tuple[int, int] | None = None
    for start, end in found:
        between = text[last[1] : start] if last else "\n"
        if last and "\n" not in between and not tree.has_code(between):
            last = (last[0], end)
            continue
        if last:
            yield last
        last = (start, end)
    if last:
        yield last


def _is_foreign(expression: str, contexts: frozenset[str]) -> bool:
    parsed = syntax.parse(expression)
    if parsed.problems:
        return _CONTEXT.search(expression) is not None and not _OWN_ROOT.search(expression)
    roots = {reference.names[0] for reference in parsed.free()}
    called = {named.name for named in parsed.named if named.kind == "global"} & FUNCTIONS
    return roots <= contexts and bool(roots or called)


def _quoted(expression: str) -> str | None:
    for quote in ("'", '"'):
        if quote not in expression and "\\" not in expression:
            return f"${{{{ {quote}{expression}{quote} }}}}"
    return None
