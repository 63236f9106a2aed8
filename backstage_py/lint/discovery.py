"""From paths on the command line to all problems below them, on all cores where that pays."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from backstage_py.lint import documents, files
from backstage_py.lint.check import Checked, Options, check_file
from backstage_py.model import globs, yaml
from backstage_py.model.binary import is_binary
from backstage_py.model.problem import Problem

_SUFFIXES = (".yaml", ".yml")
_SKIPPED = frozenset(
    {".git", "node_modules", ".venv", "venv", "__pycache__", ".tox", ".mypy_cache", ".idea", ".backstage-py-dev"}
)
_TEMPLATE_SIGN = re.compile(r"""kind['"]?:\s*['"]?Template""")
"""As YAML writes it, or JSON, which is YAML, too."""
_WORTH_A_POOL = 40
_HEAD = 64 * 1024
_OWN_NAME = re.compile(
    r"^metadata:[ \t]*\r?\n(?:[ \t]*#.*\n|\r?\n)*[ \t]+name:[ \t]*['\"]?[\w.-]+['\"]?[ \t]*\r?$", re.MULTILINE
)
"""A name that is written out; a template in a skeleton mostly has an expression there."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file to check. ``named``: on the command line. ``template``: it seems to hold one, and is checked first."""

    path: Path
    file: str
    named: bool
    template: bool


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found, sorted by file and line, and in how many files it was looked for besides skeletons.

    Attributes:
        skeletons: the folders that templates read.
    """

    problems: list[Problem]
    files: int
    skeletons: frozenset[str] = frozenset()


def check_paths(
    paths: Sequence[Path], options: Options, *, exclude: Sequence[str] = (), workers: int | None = None
) -> list[Problem]:
    """Return the problems of files, and of folders with all that is below them."""
    return check_all(paths, options, exclude=exclude, workers=workers).problems


def check_all(
    paths: Sequence[Path], options: Options, *, exclude: Sequence[str] = (), workers: int | None = None
) -> Looked:
    """Check files, and folders with all that is below them.

    Catalog files inside a folder that a template reads are part of its skeleton, and are checked as such.
    """
    found = checked(paths, options, exclude=exclude, workers=workers)
    skeletons = frozenset(str(folder) for _, one in found for folder in one.skeletons)
    return Looked(sorted({problem for _, one in found for problem in one.problems}), len(found), skeletons)


def checked(
    paths: Sequence[Path], options: Options, *, exclude: Sequence[str] = (), workers: int | None = None
) -> list[tuple[Candidate, Checked]]:
    """Check as ``check_paths`` does, and return the result of each file."""
    found = list(candidates(paths, exclude))
    first = [one for one in found if one.template]
    templates = list(zip(first, _check_all(first, options, workers), strict=True))
    skeletons = frozenset(str(folder) for _, one in templates for folder in one.skeletons)
    templates = [(one, result) for one, result in templates if one.named or not is_below(one.path, skeletons)]
    others = [one for one in found if not one.template and (one.named or not is_below(one.path, skeletons))]
    return [*templates, *zip(others, _check_all(others, options, workers), strict=True)]


def candidates(paths: Sequence[Path], exclude: Sequence[str] = ()) -> Iterator[Candidate]:
    """Yield the files to check, each once."""
    seen: set[Path] = set()
    for path in paths:
        named = not path.is_dir()
        for found in [path] if named else walk(path):
            shown = os.path.normpath(found)
            if not named and exclude and globs.covers(exclude, shown.removeprefix("./").replace(os.sep, "/")):
                continue
            identity = found.absolute()
            if identity in seen:
                continue
            head = _head(found)
            if named or _is_worth_reading(head) or _is_meant_as_entity(found, head):
                seen.add(identity)
                yield Candidate(found, shown, named, named or _may_be_template(head))


def _check_all(found: list[Candidate], options: Options, workers: int | None) -> list[Checked]:
    count = workers if workers is not None else _usable_cores()
    check = partial(_check_one, options=options)
    if count < 2 or len(found) < _WORTH_A_POOL:  # noqa: PLR2004  # one worker is no pool
        return [check(one) for one in found]
    from concurrent.futures import ProcessPoolExecutor  # takes longer to import than a template to check

    chunk = max(1, len(found) // (count * 8))
    with ProcessPoolExecutor(count) as pool:
        return list(pool.map(check, found, chunksize=chunk))


def _check_one(candidate: Candidate, options: Options) -> Checked:
    return check_file(candidate.path, candidate.file, options, named=candidate.named)


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def walk(folder: Path) -> Iterator[Path]:
    """Yield the YAML files below a folder, by name, without those of tools."""
    for parent, folders, names in os.walk(folder, followlinks=False):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED)
        for name in sorted(names):
            if name.endswith(_SUFFIXES):
                yield Path(parent, name)


def _head(path: Path) -> str:
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            return file.read(_HEAD).decode("utf-8", "replace")
    except OSError:
        return ""


def _is_meant_as_entity(path: Path, head: str) -> bool:
    """Whether a file that must hold an entity, by its name, nearly does, or cannot be read: it must be reported."""
    if path.name not in files.ENTITY_NAMES:
        return False
    if head and (documents.is_of_another_language(head) or "${{" in head):
        return False
    if head.startswith("apiVersion:"):
        return True
    text = files.read_text(path, path.name)
    return text.unreadable is not None or any(one.errors for one in yaml.load_all(text.text))


def _is_worth_reading(head: str) -> bool:
    """Whether a file found in a folder holds entities that are there to be read as they are."""
    if not documents.is_ours(head) or is_binary(head.encode()):
        return False
    ours = "scaffolder.backstage.io" in head or _OWN_NAME.search(head) is not None
    return (ours and _may_be_template(head)) or not any(sign in head for sign in ("${{", "{%", "{{"))


def _may_be_template(head: str) -> bool:
    return _TEMPLATE_SIGN.search(head) is not None or documents.resembles_template(head)


def is_below(path: Path, folders: frozenset[str]) -> bool:
    """Say whether a path is one of the folders, or inside of one."""
    at, above = "", os.path.normpath(path.absolute())
    while at != above:
        if above in folders:
            return True
        at, above = above, os.path.dirname(above)  # noqa: PTH120  # asked for every file: ten times as quick
    return False
