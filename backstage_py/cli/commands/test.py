"""``backstage-py test``: runs the cases beside templates and says what is not as expected."""

import asyncio
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from xml.etree import ElementTree as ET

from rich.console import Console
from rich.text import Text

from backstage_py import threads
from backstage_py.cli import watching
from backstage_py.cli.cases import checks, fixtures, testcases
from backstage_py.cli.cases.testcases import Case, Finding
from backstage_py.cli.commands import validate
from backstage_py.cli.commands.validate import ValidateOptions
from backstage_py.cli.formats.junit import clean
from backstage_py.cli.local import form, project, template_file, template_runs
from backstage_py.cli.local import trust as trusting
from backstage_py.cli.local.template_runs import LocalScaffolder, Outcome, Request
from backstage_py.cli.local.trust import Trust
from backstage_py.cli.terminal import output, trees
from backstage_py.errors import BackstageError, InputError
from backstage_py.model import json
from backstage_py.model.json import JsonObject
from backstage_py.scaffolder.run.spec import steps_with_defaults

OK, FAILED, COULD_NOT_RUN = 0, 1, 2
_RUNS = threads.Lane(1)  # of all cases, which wait for checks
_CHECKS = threads.Lane(1)
_SHOWN_OUTPUT = 4_000
_STYLES = {"+": "green", "-": "red"}


@dataclass(frozen=True, slots=True)
class TestOptions:
    """What the command line asked for.

    Attributes:
        update: write golden trees instead of comparing with them.
        only: run the cases whose name contains this.
        parallel: how many cases run at once.
        junit: write a report here.
        keep: write the tree of each case below this folder, anew each time.
        trust: what files of the project may do.
        as_json: write one JSON document instead of lines.
    """

    __test__ = False  # pytest takes classes that begin with Test for its own

    update: bool = False
    only: str | None = None
    parallel: int = 2
    junit: Path | None = None
    keep: Path | None = None
    config: Sequence[Path] = ()
    trust: Trust = field(default_factory=trusting.of_environment)
    as_json: bool = False


@dataclass(frozen=True, slots=True)
class CaseResult:
    """How a case went; ``took`` in seconds."""

    case: Case
    differences: Sequence[str] = ()
    notes: Sequence[str] = field(default_factory=tuple)
    took: float = 0.0

    def as_json(self) -> JsonObject:
        """Return what machines read: ``{file, line, name, template, passed, seconds, differences, notes}``."""
        return {
            "file": str(self.case.file),
            "line": self.case.line,
            "name": self.case.name,
            "template": str(self.case.template),
            "passed": not self.differences,
            "seconds": round(self.took, 3),
            "differences": list(self.differences),
            "notes": list(self.notes),
        }


def run(paths: Sequence[Path], options: TestOptions) -> int:
    """Run all cases, write what happened, and return the exit status: 0 all as expected, 1 not, 2 could not run."""
    try:
        output.check_file(options.junit)
        output.check_folder(options.keep)
        cases = [case for path in testcases.find(list(paths) or [Path()]) for case in testcases.load(path)]
    except InputError as error:
        sys.stderr.write(f"backstage-py: {error.message}\n")
        return COULD_NOT_RUN
    chosen = [case for case in cases if options.only is None or options.only in case.name]
    if not chosen:
        why = f"no case has {options.only!r} in its name" if cases else "no test cases found"
        sys.stderr.write(f"backstage-py: {why}; they stand in files named *.test.yaml\n")
        return COULD_NOT_RUN
    try:
        results = asyncio.run(_run_all(chosen, options))
        if options.junit:
            output.write_file(options.junit, _report(results))
    except InputError as error:
        sys.stderr.write(f"backstage-py: {error.message}\n")
        return COULD_NOT_RUN
    failed = sum(bool(one.differences) for one in results)
    if options.as_json:
        told = [one.as_json() for one in results]
        sys.stdout.write(json.text({"passed": len(results) - failed, "failed": failed, "cases": told}) + "\n")
        return FAILED if failed else OK
    sys.stdout.write(f"{len(results) - failed} passed, {failed} failed\n" if failed else f"{len(results)} passed\n")
    return FAILED if failed else OK


def watch(paths: Sequence[Path], options: TestOptions) -> int:
    """Run all cases now and whenever a file of their projects changes, until interrupted; return the exit status."""
    try:
        folders = sorted({project.root_of(path) for path in paths or [Path()] if _exists(path)})
        asyncio.run(_watch(paths, options, folders))
    except InputError as error:
        sys.stderr.write(f"backstage-py: {error.message}\n")
        return COULD_NOT_RUN
    except KeyboardInterrupt:
        sys.stdout.write("Stopped.\n")
    return OK


async def _watch(paths: Sequence[Path], options: TestOptions, folders: Sequence[Path]) -> None:
    async for names in watching.changes(folders):
        if names:
            sys.stdout.write(f"\n{time.strftime('%H:%M:%S')} changed: {', '.join(names[:5])}\n")
        await _RUNS.run(partial(run, paths, options))
        sys.stdout.flush()


def _exists(path: Path) -> bool:
    if not path.exists():
        raise InputError(f"{path} does not exist")
    return True


async def _run_all(cases: Sequence[Case], options: TestOptions) -> list[CaseResult]:
    room = asyncio.Semaphore(max(1, options.parallel))

    async def one(case: Case) -> CaseResult:
        async with room:
            started = time.monotonic()
            result = await run_one(case, options)
            result = CaseResult(case, result.differences, result.notes, time.monotonic() - started)
            if not options.as_json:
                _show(result)
            return result

    return list(await asyncio.gather(*(one(case) for case in cases)))


async def run_one(case: Case, options: TestOptions) -> CaseResult:
    """Run one case and say what is not as expected; nothing is written to the terminal."""
    if case.findings is not None:
        return await _validated(case, case.findings, options)
    try:
        opened = template_runs.opened(
            config=options.config,
            start=case.template,
            sandbox=case.sandbox,
            trust=options.trust,
            fixtures=case.fixtures,
        )
        async with opened as scaffolder:
            outcome = await _outcome(case, scaffolder, options)
    except BackstageError as error:
        return CaseResult(case, (error.message,))
    found = list(checks.differences(case, outcome))
    notes: list[str] = []
    if options.keep:
        _save_rendered(options.keep / _slug(case), outcome)
    if case.golden and not outcome.error:
        if options.update and not found:
            notes += _update(case.golden, outcome)
        else:
            found += checks.golden(case.golden, outcome.files)
    if case.commands and not found:
        if options.trust.allows(trusting.commands(case.file, case.commands)):
            found += await _commands(case, outcome)
        else:
            notes.append("its commands were left out")
    return CaseResult(case, tuple(found), tuple(notes))


async def _validated(case: Case, expected: Sequence[Finding], options: TestOptions) -> CaseResult:
    try:
        problems = await _CHECKS.run(partial(validate.find, [case.template], ValidateOptions(trust=options.trust)))
    except BackstageError as error:
        return CaseResult(case, (error.message,))
    return CaseResult(case, tuple(checks.found_otherwise(expected, problems)))


async def _outcome(case: Case, scaffolder: LocalScaffolder, options: TestOptions) -> Outcome:
    local = await template_file.load(case.template, options.config, options.trust)
    if unknown := fixtures.unknown_mocks(case.fixtures, steps_with_defaults(local.template.steps)):
        raise InputError(f"No step of {local.path} has the id or the action {' or '.join(unknown)}, which is mocked")
    values = form.with_defaults(local.template.pages, case.values) if case.defaults else case.values
    values = form.with_masks(local.template.pages, values, case.secrets)
    try:
        return await scaffolder.run(local, Request(values, case.secrets, case.user))
    except InputError as error:
        return Outcome((), (), {}, (), {}, error)


def _save_rendered(folder: Path, outcome: Outcome) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    trees.write(folder, outcome.files)


def _slug(case: Case) -> str:
    words = f"{case.file.name.partition('.')[0]} {case.name}"
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")


def _update(folder: Path, outcome: Outcome) -> list[str]:
    if folder.is_dir() and not list(checks.golden(folder, outcome.files)):
        return []
    if folder.exists():
        shutil.rmtree(folder)
    trees.write(folder, outcome.files)
    return [f"wrote {folder}"]


async def _commands(case: Case, outcome: Outcome) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="backstage-py-test-") as folder:
        trees.write(Path(folder), outcome.files)
        for command in case.commands:
            status, output = await _command(command, folder, case.timeout)
            if status != 0:
                why = f"took longer than {case.timeout:g} s" if status is None else f"ended with exit status {status}"
                return [f"the command {command!r} {why}\n{output[-_SHOWN_OUTPUT:]}".rstrip()]
    return []


async def _command(command: str, folder: str, seconds: float) -> tuple[int | None, str]:
    """Run a command of the test file through the shell, in a group of its own, so that it ends with all it started."""
    process = await asyncio.create_subprocess_shell(
        command,
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), seconds)
        return process.returncode, output.decode("utf-8", "replace")
    except TimeoutError:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        return None, ""


def _show(result: CaseResult) -> None:
    failed = bool(result.differences)
    place = f"{result.case.file}:{result.case.line} {result.case.name} ({result.took:.1f} s)"
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text("FAIL" if failed else "ok  ", style="bold red" if failed else "green"), Text(place))
    for text in (*result.differences, *result.notes):
        for line in text.splitlines():
            console.print(Text(f"     {line}", style=_STYLES.get(line[:1], "")))


def _report(results: Sequence[CaseResult]) -> str:
    failures = sum(bool(one.differences) for one in results)
    root = ET.Element("testsuites", name="backstage-py test", tests=str(len(results)), failures=str(failures))
    for file, group in groupby(results, key=lambda one: one.case.file):
        cases = list(group)
        failed = sum(bool(one.differences) for one in cases)
        counts = {"tests": str(len(cases)), "failures": str(failed), "errors": "0"}
        took = f"{sum(one.took for one in cases):.3f}"
        suite = ET.SubElement(root, "testsuite", {"name": clean(str(file)), "time": took, **counts})
        for one in cases:
            case = ET.SubElement(
                suite, "testcase", name=clean(one.case.name), classname=clean(str(file)), time=f"{one.took:.3f}"
            )
            if one.differences:
                text = clean("\n".join(one.differences))
                ET.SubElement(case, "failure", message=text.splitlines()[0]).text = text
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"
