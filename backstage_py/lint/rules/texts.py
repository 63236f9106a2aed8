"""BPY0: files that cannot be read, and YAML."""

import re
from collections.abc import Iterator

from backstage_py.lint import documents
from backstage_py.lint.files import Text
from backstage_py.lint.fixes import quoting
from backstage_py.lint.fixes.repair import Repair
from backstage_py.lint.rule import Finding, Path, rule
from backstage_py.model.json import Json
from backstage_py.model.yaml.problems import YamlProblem

_MERGED = (
    "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: web\n  links:\n"
    "    - &links\n      title: Web\n      url: https://a.example\n"
    "    - <<: *links\n      url: https://b.example\n"
    "spec:\n  type: service\n  lifecycle: production\n  owner: team-a\n"
)
_ODD_INDENT = re.compile(r" *[\u00a0\u2000-\u200b\u3000]")
"""White space from a page or a word processor."""
_MOST_DEEP = 60
_DASH = re.compile(r"\s*-(?=[A-Za-z_][\w.-]*:(?:\s|$))")
_BLOCK_TEXT = re.compile(r":\s+[|>][+-]?\s*$")
_AFTER_DASH = "Write a space behind the dash: it begins an item of a list"


@rule(
    "BPY001",
    "unreadable-file",
    "error",
    "file",
    summary="A file cannot be read.",
    why="It is missing, not permitted, binary, or larger than a document may be (5 MB). Backstage could not "
    "read it either.",
    bad={"template.yaml": "\x00\x01\x02 not a text"},
    good={
        "catalog-info.yaml": "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: web\n"
        "spec:\n  type: service\n  lifecycle: production\n  owner: team-a\n"
    },
)
def unreadable_file(text: Text) -> Iterator[Finding]:
    """Say why."""
    if text.unreadable:
        yield Finding(f"Cannot read {text.file}: {text.unreadable}", place=(1, 1))


@rule(
    "BPY002",
    "yaml-syntax",
    "error",
    "file",
    summary="The text is not valid YAML 1.2.",
    why="Backstage reads YAML with the JS package `yaml`, which is stricter than others: duplicate keys, for "
    "one, are errors.",
    bad={"catalog-info.yaml": "apiVersion: backstage.io/v1alpha1\nkind: Component\nkind: API\n"},
    good={
        "catalog-info.yaml": "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: web\n"
        "spec:\n  type: service\n  lifecycle: production\n  owner: team-a\n"
    },
)
def yaml_syntax(text: Text) -> Iterator[Finding]:
    """Report the problems of each document."""
    if text.unreadable:
        return
    mended = False
    for document in text.documents:
        for problem in document.errors:
            edits = () if mended else quoting.instead(text.text, problem)
            mended = True
            place, fix = _known_cause(text.text, problem)
            yield Finding(
                _message(problem),
                place=place or problem.cause or (problem.line, problem.column),
                fix=fix or _fix(problem) or None,
                repair=Repair(f"Write {' and '.join(edit.text for edit in edits)}", edits) if edits else None,
            )


@rule(
    "BPY003",
    "no-entity",
    "info",
    "file",
    summary="A file that was named on the command line holds no entity of Backstage.",
    why="An entity has `apiVersion`, `kind` and `metadata`; nothing else is checked.",
    bad={"notes.yaml": "a: b\n"},
    good={
        "catalog-info.yaml": "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: web\n"
        "spec:\n  type: service\n  lifecycle: production\n  owner: team-a\n"
    },
)
def no_entity(text: Text) -> Iterator[Finding]:
    """Only where the YAML itself is right."""
    if text.unreadable or not text.is_named:
        return
    found = text.documents
    if not any(one.errors for one in found) and not any(documents.entities(found, all_of_them=True)):
        yield Finding("The file holds no entity of Backstage", place=(1, 1))


@rule(
    "BPY004",
    "merge-key",
    "warning",
    "entity",
    summary="`<<` is meant to merge a map, which the catalog does only where it is told to.",
    why="Without `catalog.enableYamlMerge` in the configuration, `<<` is an ordinary key, and what it stands for is "
    "missing.",
    bad={"catalog-info.yaml": _MERGED},
    good={"catalog-info.yaml": _MERGED.replace("<<: *links", "title: Web")},
)
def merge_key(entity: documents.Entity) -> Iterator[Finding]:
    """Wherever it stands, as a key of a map with a map behind it."""
    pending: list[tuple[Json, Path]] = [(entity.value, ())]
    while pending:
        value, path = pending.pop()
        inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, item in inner:
            if key == "<<" and isinstance(item, dict | list):
                fix = "Write the keys out, or set catalog.enableYamlMerge where this is read"
                yield Finding('"<<" is an ordinary key here', (*path, key), on_key=True, fix=fix)
            elif len(path) < _MOST_DEEP:
                pending.append((item, (*path, key)))


def _odd_indent(lines: list[str]) -> tuple[tuple[int, int], str] | None:
    """A line that pasted white space indents, which is no indentation to YAML."""
    for number, line in enumerate(lines, 1):
        if found := _ODD_INDENT.match(line):
            return (number, found.end()), "This line is indented by a no-break space: write plain spaces"
    return None


def _lost_dash(lines: list[str], problem: YamlProblem) -> tuple[tuple[int, int], str] | None:
    """The first item of a list without its dash, above the next one that has it."""
    if not problem.message.startswith("A block sequence may not be used") or not problem.cause:
        return None
    line, column = problem.cause
    above = [(number, one) for number, one in enumerate(lines[: line - 1], 1) if one.strip()]
    start = next((at for at in range(len(above) - 1, -1, -1) if _indent(above[at][1]) < column - 1), None)
    if start is None or start + 1 >= len(above):
        return None
    number, first = above[start + 1]
    if _indent(first) <= column - 1 or first.lstrip().startswith(("- ", "#")):
        return None
    return (number, _indent(first) + 1), "A dash is missing here, as the next item has one"


def _known_cause(text: str, problem: YamlProblem) -> tuple[tuple[int, int] | None, str]:
    """Where the mistake is that shows only at the problem, or a line further on, and what to do.

    ``-title: Web`` begins an item without a space; a text below ``|`` is indented no further than its key.
    """
    lines = text.split("\n", problem.line)[: problem.line]
    if (known := _odd_indent(lines) or _lost_dash(text.split("\n"), problem)) is not None:
        return known
    for number in (problem.line - 1, problem.line):
        if 0 < number <= len(lines) and (found := _DASH.match(lines[number - 1])):
            return (number, found.end() + 1), _AFTER_DASH
    if dedented := _dedented(lines, problem):
        return dedented
    for number in range(max(problem.line - 2, 1), problem.line):
        indent = _indent(lines[number])
        if _BLOCK_TEXT.search(lines[number - 1]) and lines[number].strip() and indent <= _indent(lines[number - 1]):
            return (number + 1, indent + 1), f"Indent the text further than the key in line {number}"
    return None, ""


def _dedented(lines: list[str], problem: YamlProblem) -> tuple[tuple[int, int], str] | None:
    """One line that stands further left than those around it: it ends their map, and the next one has no place."""
    before, line = ([""] * 2 + lines)[-2:]
    if not problem.cause or problem.cause[0] != problem.line + 1 or not before.strip():
        return None
    indent = _indent(before)
    if not _indent(line) < indent == problem.cause[1] - 1:
        return None
    return (problem.line, _indent(line) + 1), f"Indent it as far as the lines around it: {indent} spaces"


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _message(problem: YamlProblem) -> str:
    if _ends_at_quote(problem):
        return f"{problem.message}: the quote before it ends the text"
    return problem.message


def _fix(problem: YamlProblem) -> str:
    line, at = problem.source_line, problem.column - 1
    if line[max(at - 1, 0) :].startswith("${{"):
        return "Put quotes around the expression: inside [ ] and { } its braces are YAML's"
    if problem.cause and problem.message.startswith("Nested mappings"):
        return (
            f"Line {problem.line} has a value already: indent this line as far as that one, or that one as far as this"
        )
    if not _ends_at_quote(problem):
        return problem.hint
    if line[:at].rstrip().endswith("'"):
        return "Write a quote inside single quotes twice, as in 'Bob''s service', or put double quotes around the text"
    return 'Write a quote inside double quotes as \\", or put single quotes around the text'


def _ends_at_quote(problem: YamlProblem) -> bool:
    """Whether a text goes on behind the quote that closes it: ``'Bob's service'``."""
    before = problem.source_line[: problem.column - 1].rstrip()
    return problem.message.startswith("Unexpected scalar at node end") and before.endswith(("'", '"'))
