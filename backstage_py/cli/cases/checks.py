"""Compares what a run or a check gave with what a case expects; every difference is one sentence."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from backstage_py.cli.cases.testcases import Case, FileExpectation, Finding
from backstage_py.cli.local.template_runs import Outcome
from backstage_py.cli.terminal import trees
from backstage_py.js import regex
from backstage_py.js.errors import Failure
from backstage_py.js.values import Regex
from backstage_py.lint.nearest import nearest
from backstage_py.model import globs, json
from backstage_py.model.json import Json
from backstage_py.model.problem import Problem
from backstage_py.scaffolder.face import directory
from backstage_py.scaffolder.face.directory import DirectoryFile

_MOST_DIFF_LINES = 60


def differences(case: Case, outcome: Outcome) -> Iterator[str]:
    """Yield what is not as expected, without the golden tree and the commands."""
    expect = case.expect
    if outcome.error and expect.error is None:
        step = next((one for one, status in outcome.statuses.items() if status == "failed"), None)
        yield f"the run failed{f' in step {step}' if step else ''}: {outcome.error.message}"
        return
    if expect.error is not None:
        yield from _error(expect.error, outcome)
    for wanted in expect.files:
        yield from _file(wanted, outcome.files)
    for pattern in expect.absent:
        for file in _matching(pattern, outcome.files):
            yield f"{file.path} is there, but {pattern!r} must be absent"
    if expect.output is not None:
        yield from _subset(expect.output, outcome.output, "output")
    known = [str(step["id"]) for step in outcome.steps]
    for step, status in expect.steps.items():
        if known and step not in known:
            close = nearest(step, known)
            yield f"step {step}: the template has none{f'; did you mean {close}?' if close else ''}"
            continue
        got = outcome.statuses.get(step, "not run")
        if got != status:
            yield f"step {step}: expected {status}, but it is {got}"
    yield from _inputs(case, outcome)
    messages = "\n".join(str(entry["body"].get("message", "")) for entry in outcome.log)
    for text in expect.log:
        if text not in messages:
            yield f"the log does not contain {text!r}"


def _inputs(case: Case, outcome: Outcome) -> Iterator[str]:
    for step, wanted in case.expect.inputs.items():
        calls = outcome.inputs.get(step)
        if calls is None:
            known = f"; stand-ins were called in {', '.join(outcome.inputs)}" if outcome.inputs else ""
            yield f"step {step} called no mock, so its input is not known{known}"
        elif isinstance(wanted, list):
            yield from _subset(wanted, list(calls), f"the inputs of step {step}")
        elif len(calls) != 1:
            yield f"step {step} called its mock {len(calls)} times; expect a list of inputs"
        else:
            yield from _subset(wanted, calls[0], f"the input of step {step}")


def found_otherwise(expected: Sequence[Finding], problems: Sequence[Problem]) -> Iterator[str]:
    """Yield what ``validate`` did not find, and what it found besides."""
    left = list(problems)
    for wanted in expected:
        fitting = next((one for one in left if _is_meant(wanted, one)), None)
        if fitting is None:
            yield f"validate does not find {_described(wanted)}"
        else:
            left.remove(fitting)
    yield from (f"validate finds {one.file}:{one.line}: {one.code} {one.message}" for one in left)


def _is_meant(wanted: Finding, problem: Problem) -> bool:
    return (
        wanted.code == problem.code
        and wanted.line in (None, problem.line)
        and problem.file.endswith(wanted.file or "")
        and (wanted.message or "") in problem.message
    )


def _described(wanted: Finding) -> str:
    place = f" in {wanted.file}" if wanted.file else ""
    line = f" on line {wanted.line}" if wanted.line else ""
    return f"{wanted.code}{place}{line}{f' with {wanted.message!r}' if wanted.message else ''}"


def golden(folder: Path, files: Sequence[DirectoryFile]) -> Iterator[str]:
    """Yield the differences between a golden tree and what was written."""
    if not folder.is_dir():
        yield f"there is no golden tree {folder}; write it with --update"
        return
    kept = directory.read(folder)
    lines = list(trees.diff(trees.contents(kept), trees.contents(files)))
    modes = {file.path: file.executable for file in kept}
    changed = [file for file in files if modes.get(file.path, file.executable) != file.executable]
    lines += [f"{file.path} is {'' if file.executable else 'not '}executable" for file in changed]
    if lines:
        more = f"\n… and {len(lines) - _MOST_DIFF_LINES} lines more" if len(lines) > _MOST_DIFF_LINES else ""
        yield f"the tree differs from {folder} (renew it with --update):\n" + "\n".join(lines[:_MOST_DIFF_LINES]) + more


def _error(expected: str, outcome: Outcome) -> Iterator[str]:
    if outcome.error is None:
        yield "the run should have failed, but it did not"
    elif expected not in outcome.error.message and (why := _mismatch(expected, outcome.error.message)):
        yield f"the run failed with {outcome.error.message!r}, which {why}"


def _file(wanted: FileExpectation, files: Sequence[DirectoryFile]) -> Iterator[str]:
    found = _matching(wanted.pattern, files)
    if not found:
        yield f"{wanted.pattern} is missing"
    for file in found:
        text = file.content.decode("utf-8", "replace")
        if wanted.text is not None and text != wanted.text:
            yield f"{file.path} differs:\n" + "\n".join(
                trees.diff({file.path: wanted.text.encode()}, {file.path: file.content})
            )
        if wanted.equals is not None:
            yield from _equals(wanted.equals, file)
        for part in wanted.contains:
            if part not in text:
                yield f"{file.path} does not contain {part!r}"
        for part in wanted.absent:
            if part in text:
                yield f"{file.path} contains {part!r}"
        for pattern in wanted.matches:
            if why := _mismatch(pattern, text, "m"):
                yield f"{file.path} {why}"
        if wanted.executable is not None and wanted.executable != file.executable:
            yield f"{file.path} is {'' if file.executable else 'not '}executable"


def _mismatch(pattern: str, text: str, flags: str = "") -> str | None:
    """Return why a text does not match, None if it does; a pattern of others may take only so many steps."""
    try:
        return None if regex.test(Regex(pattern, flags), text) else f"does not match {pattern!r}"
    except Failure as failure:
        return f"cannot be matched with {pattern!r}: {failure.message}"


def _equals(expected: Path, file: DirectoryFile) -> Iterator[str]:
    try:
        content = expected.read_bytes()
    except OSError as error:
        yield f"cannot read {expected}: {error.strerror}"
        return
    if content != file.content:
        yield f"{file.path} differs from {expected}:\n" + "\n".join(
            trees.diff({file.path: content}, {file.path: file.content})
        )


def _matching(pattern: str, files: Sequence[DirectoryFile]) -> list[DirectoryFile]:
    exact = [file for file in files if file.path == pattern]
    return exact or [file for file in files if globs.covers((pattern,), file.path)]


def _subset(expected: Json, got: Json, where: str) -> Iterator[str]:
    """What is expected must be there; objects may have more, lists must have as many items."""
    if isinstance(expected, Mapping) and set(expected) == {"matches"} and isinstance(got, str):
        if why := _mismatch(str(expected["matches"]), got):
            yield f"{where} is {json.text(got)}, which {why}"
    elif isinstance(expected, Mapping) and isinstance(got, Mapping):
        for key, value in expected.items():
            if key not in got:
                yield f"{where} has no {key!r}"
            else:
                yield from _subset(value, got[key], f"{where}.{key}")
    elif isinstance(expected, list) and isinstance(got, list) and len(expected) != len(got):
        yield f"{where} has {len(got)} items, expected {len(expected)}: {json.text(got)}"
    elif isinstance(expected, list) and isinstance(got, list):
        for index, value in enumerate(expected):
            yield from _subset(value, got[index], f"{where}[{index}]")
    elif expected != got:
        yield f"{where} is {json.text(got)}, expected {json.text(expected)}"
