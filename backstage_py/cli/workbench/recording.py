"""Recording a test case: written into the test file beside the template, with all else in it as it was."""

import contextlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backstage_py.cli.cases import testcases
from backstage_py.cli.terminal import trees
from backstage_py.errors import BackstageError, ConflictError, InputError
from backstage_py.lint import files
from backstage_py.model import yaml
from backstage_py.model.json import JsonObject
from backstage_py.model.yaml.nodes import Mapping, Node, Scalar
from backstage_py.model.yaml.nodes import Sequence as Items
from backstage_py.scaffolder.face.directory import DirectoryFile

_HEAD = "# Cases that `backstage-py test` runs; the page of `backstage-py dev` recorded the first one.\n"
_LONGEST_NAME = 120
_DEFAULT_NAMES = ("template.yaml", "template.yml")


@dataclass(frozen=True, slots=True)
class Recording:
    """What is to be a case.

    Attributes:
        name: not that of another case.
        case: ``values`` and what else of a case is known: ``user``, ``secrets``, ``expect``.
        tree: becomes the golden tree, where there is one.
    """

    name: str
    case: JsonObject
    tree: Sequence[DirectoryFile] | None = field(default=None, repr=False)


def record(template: Path, recording: Recording) -> tuple[Path, int]:
    """Add a case, and return the test file and the line of the case in it.

    Raises:
        InputError: the name is none, or the file is written in a way that nothing can be added to.
        ConflictError: there is a case or a golden tree of that name.
    """
    name = recording.name.strip()
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise InputError(f"A case needs a name of 1 to {_LONGEST_NAME} characters")
    file = _file(template)
    before = _text(file)
    cases = testcases.load(file) if before else []
    if any(one.name == name for one in cases):
        raise ConflictError(f"{file.name} has a case '{name}' already; give this one another name")
    case: JsonObject = {"name": name, **recording.case}
    golden = _golden(template, name) if recording.tree is not None else None
    if golden:
        case["golden"] = golden.relative_to(template.parent).as_posix()
    after = _with_case(before, case, template.name) if before else _new(case, template.name)
    _check(before, after, case)
    if golden and recording.tree is not None:
        trees.write(golden, recording.tree)
    _write(file, after)
    return file, testcases.load(file)[-1].line


def _file(template: Path) -> Path:
    """Return the test file beside the template that has its cases, or that is to be written."""
    folder = template.parent
    beside = sorted(one for one in folder.iterdir() if one.name.endswith(testcases.SUFFIXES))
    for file in beside:
        with contextlib.suppress(BackstageError):
            cases = testcases.load(file)
            if not file.is_symlink() and all(one.template.resolve() == template.resolve() for one in cases):
                return file
    name = "template" if template.name in _DEFAULT_NAMES else template.stem
    file = folder / f"{name}.test.yaml"
    if os.path.lexists(file):
        raise InputError(f"{file.name} cannot be added to: it is a link, cannot be read, or is of another template")
    return file


def _text(file: Path) -> str:
    if not file.exists():
        return ""
    found = files.read_text(file, str(file))
    if found.unreadable:
        raise InputError(f"Cannot read {file.name}: {found.unreadable}")
    return found.text


def _golden(template: Path, name: str) -> Path:
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "case"
    folder = template.parent / "golden"
    if folder.is_symlink() or os.path.lexists(folder / slug):
        raise ConflictError(f"golden/{slug} exists already; give the case another name")
    return folder / slug


def _new(case: JsonObject, template: str) -> str:
    named = "" if template == _DEFAULT_NAMES[0] else yaml.dump({"template": template})
    return f"{_HEAD}{named}cases:\n{_item(case, '  ')}"


def _with_case(text: str, case: JsonObject, template: str) -> str:
    """Return the text with one more item at the end of its list of cases."""
    root = yaml.load_all(text)[0].source.parsed[0].root
    found = _cases(root)
    if found is None and isinstance(root, Mapping) and not root.flow and "cases" not in yaml.load(text):
        return f"{text}{'' if text.endswith(chr(10)) else chr(10)}cases:\n{_item(case, '  ')}"
    if not isinstance(found, Items) or found.flow or not found.items:
        raise InputError(f"The cases of {template} are not written as a list of lines, so nothing can be added to it")
    start = text.rfind("\n", 0, found.items[0].start) + 1
    lead = text[start : found.items[0].start]
    indent = lead[: len(lead) - len(lead.lstrip(" "))]
    end = found.end if text[: found.end].endswith("\n") else text.find("\n", found.end) + 1
    end = end or len(text)
    before = text[:end] if text[:end].endswith("\n") else f"{text[:end]}\n"
    return f"{before}{_item(case, indent)}{text[end:]}"


def _cases(root: Node | None) -> Node | None:
    pairs = root.pairs if isinstance(root, Mapping) else ()
    return next((value for key, value in pairs if isinstance(key, Scalar) and key.text == "cases"), None)


def _item(case: JsonObject, indent: str) -> str:
    lines = yaml.dump(case).splitlines()
    written = [f"- {line}" if not number else f"  {line}" for number, line in enumerate(lines)]
    return "".join(f"{indent}{line}".rstrip(" ") + "\n" if line.strip() else "\n" for line in written)


def _check(before: str, after: str, case: JsonObject) -> None:
    """Make sure that the text says what it said, and the case.

    Raises:
        InputError: it does not.
    """
    old: JsonObject = yaml.load(before) if before else {}
    document = yaml.load_all(after)[0]
    wanted = {**old, "cases": [*old.get("cases", ()), case]}
    if document.errors or (before and document.value != wanted):
        raise InputError("The case cannot be added to the file without changing what else it says; write it by hand")


def _write(file: Path, text: str) -> None:
    """Replace a file at once, so that whoever watches never reads half of it."""
    beside = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        beside.write_text(text, encoding="utf-8")
        if file.exists():
            beside.chmod(file.stat().st_mode & 0o777)
        beside.replace(file)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise InputError(f"Cannot write {file.name}: {error.strerror}") from error
