"""Quotes that a value of YAML lacks, or has in the wrong place; tried, so that the text reads further with them."""

import re
from collections.abc import Iterator

from backstage_py.lint.fixes.edits import Edit, apply
from backstage_py.model import yaml
from backstage_py.model.yaml import YamlProblem

_LINE = re.compile(
    r"(?P<lead>\ufeff?[ ]*(?:-[ ]+)*(?:(?:[^\s'\"#&*!|>\[\]{}%@`:-]|-(?=\S))[^:#\n]*:[ ]+)?)"
    r"(?P<value>\S.*?)[ \t]*(?:[ \t]#.*)?\r?$"
)
_ITEM = re.compile(r"(?:[\[,]|[\[{,][ ]*[\w-]+:)[ ]*(\$\{\{(?:[^'\"{}\n]|'[^'\n]*'|\"[^\"\n]*\")*\}\})(?=[ ]*[\],}])")
_APOSTROPHES = re.compile(r"'(?:[^']|(?<=[^\W\d_])'(?=[^\W\d_]))*'\Z")


def instead(text: str, problem: YamlProblem) -> tuple[Edit, ...]:
    """Return the edits with which a text that is no YAML parses, or parses further than the problem; none if unknown.

    Args:
        text: of the whole file.
        problem: the first of the text.
    """
    start = _start_of(text, problem.line)
    end = text.find("\n", start)
    line = text[start : end if end >= 0 else len(text)]
    for edits in _ways(line):
        moved = tuple(Edit(start + edit.start, start + edit.end, edit.text) for edit in edits)
        if _reads_further(apply(text, moved), problem):
            return moved
    return ()


def _ways(line: str) -> Iterator[list[Edit]]:
    """Quotes around the expressions that stand as items of a list or map of one line, else around the whole value."""
    if expressions := list(_ITEM.finditer(line)):
        yield [Edit(one.start(1), one.end(1), _in_quotes(one[1])) for one in expressions]
    found = _LINE.match(line)
    if found and found["lead"].strip(" \ufeff") and (quoted := _quoted(found["value"])):
        yield [Edit(found.start("value"), found.end("value"), quoted)]


def _quoted(value: str) -> str | None:
    first, last = value[0], value[-1]
    if first == last == "'" and len(value) > 1:
        return _in_quotes(value[1:-1].replace("''", "'")) if _APOSTROPHES.match(value) else _in_quotes(value)
    if first == last == '"' and "\\" in value:
        inner = value[1:-1]
        return None if '\\"' in inner or "\\\\" in inner else _in_quotes(inner)
    is_collection = first + last in ("[]", "{}") and not value.startswith(("{{", "[["))
    if first in "|>&!#?" or value.startswith("- ") or is_collection:
        return None
    return _in_quotes(value)


def _in_quotes(value: str) -> str:
    if "'" in value and '"' not in value and "\\" not in value:
        return f'"{value}"'
    return "'" + value.replace("'", "''") + "'"


def _reads_further(text: str, problem: YamlProblem) -> bool:
    left = [one for document in yaml.load_all(text) for one in document.errors]
    return all(one.line > problem.line for one in left)


def _start_of(text: str, line: int) -> int:
    at = 0
    for _ in range(line - 1):
        at = text.find("\n", at) + 1
        if at == 0:
            return len(text)
    return at
