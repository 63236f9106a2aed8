"""``validate --fix`` and ``--diff``: what the linter would have changed, written to the files, or shown as a diff."""

import difflib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from backstage_py.cli.terminal import output
from backstage_py.errors import InputError
from backstage_py.lint.fixes.project import MendedFile, Outcome

_NO_NEWLINE = "\\ No newline at end of file\n"


def write(outcome: Outcome) -> None:
    """Write the files, and say on standard error what was done and what was not.

    Raises:
        InputError: files that could not be written; all others are.
    """
    refused: list[str] = []
    written: list[MendedFile] = []
    for one in outcome.files:
        try:
            output.replace_file(one.path, one.before.encode(), one.after.encode())
            written.append(one)
        except InputError as error:
            refused.append(error.message)
    _say("Fixed", written, outcome.left)
    if refused:
        raise InputError("\nbackstage-py: ".join(refused))


def show(outcome: Outcome, path: Path | None) -> None:
    """Write what would change as one diff, as ``git apply`` and ``patch`` take it, to a file or standard output."""
    diff = "".join(line for one in outcome.files for line in _diff(one))
    if path is None:
        sys.stdout.buffer.write(diff.encode())
        sys.stdout.flush()
    else:
        output.write_bytes(path, diff.encode())
    _say("Would fix", outcome.files, outcome.left)


def _diff(one: MendedFile) -> Iterator[str]:
    name = one.file.replace("\\", "/").removeprefix("/")
    before, after = _lines(one.before), _lines(one.after)
    for line in difflib.unified_diff(before, after, f"a/{name}", f"b/{name}"):
        yield line if line.endswith("\n") else f"{line}\n{_NO_NEWLINE}"


def _lines(text: str) -> list[str]:
    """The lines as diffs count them: what else ends a line for Python is part of it."""
    parts = text.split("\n")
    return [f"{part}\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def _say(verb: str, files: Iterable[MendedFile], left: Iterable[str]) -> None:
    for sentence in left:
        sys.stderr.write(f"backstage-py: {sentence}\n")
    counts = [len(one.made) for one in files]
    problems, count = sum(counts), len(counts)
    if count:
        text = f"{verb} {problems} problem{'s' * (problems > 1)} in {count} file{'s' * (count > 1)}."
    else:
        text = "Nothing to fix."
    sys.stderr.write(f"{text}\n")
