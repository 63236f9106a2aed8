"""``backstage-py validate``: says what is wrong with templates, catalog files and skeletons."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from backstage_py.cli import fixing, formats
from backstage_py.cli.cases import beside
from backstage_py.cli.formats import Format
from backstage_py.cli.local import known_actions
from backstage_py.cli.local import trust as trusting
from backstage_py.cli.local.trust import Trust
from backstage_py.cli.terminal import output
from backstage_py.errors import InputError
from backstage_py.lint import config as configs
from backstage_py.lint.check import Options, check_text
from backstage_py.lint.discovery import Looked, check_all
from backstage_py.lint.files import LARGEST_DOCUMENT
from backstage_py.lint.fixes import project
from backstage_py.lint.fixes.project import MendedFile, Outcome
from backstage_py.model.problem import Problem

CLEAN, FOUND, COULD_NOT_RUN = 0, 1, 2
_STDIN = Path("-")


@dataclass(frozen=True, slots=True)
class ValidateOptions:
    """What the command line asked for.

    Attributes:
        strict: warnings count as errors for the exit status.
        stdin_file: how the text of ``-`` is named in problems.
        fix: mend what can be mended; with ``diff``, show it only.
    """

    format: Format = Format.TEXT
    actions_from: str | None = None
    trust: Trust | None = None
    exclude: tuple[str, ...] = ()
    output: Path | None = None
    strict: bool = False
    stdin_file: str = "template.yaml"
    fix: bool = False
    diff: bool = False


def run(paths: Sequence[Path], options: ValidateOptions) -> int:
    """Check, write the result, and return the exit status: 0 nothing wrong, 1 errors found, 2 could not run.

    Where something was named and nothing of it is there to be checked, that is 2 as well: a path is probably wrong.
    """
    try:
        output.check_file(options.output)
        if options.diff:
            return _show_fixes(paths or [Path()], options)
        if options.fix and _STDIN in paths:
            return _fix_stdin(paths, options)
        if options.fix:
            fixing.write(mend(paths or [Path()], options))
        looked = look(paths or [Path()], options)
        if looked.files or options.format is not Format.TEXT:
            _write(looked.problems, options)
    except InputError as error:
        sys.stderr.write(f"backstage-py: {error.message}\n")
        return COULD_NOT_RUN
    if looked.files == 0:
        named = f" in {', '.join(map(str, paths))}" if paths else ""
        sys.stderr.write(f"backstage-py: 0 files checked: there is no template or catalog file{named}\n")
        return COULD_NOT_RUN if paths else CLEAN
    return _status(looked.problems, options)


def _status(problems: Sequence[Problem], options: ValidateOptions) -> int:
    counted = ("error", "warning") if options.strict else ("error",)
    return FOUND if any(problem.severity in counted for problem in problems) else CLEAN


def _show_fixes(paths: Sequence[Path], options: ValidateOptions) -> int:
    outcome = mend(paths, options)
    fixing.show(outcome, options.output)
    return FOUND if outcome.files else CLEAN


def _fix_stdin(paths: Sequence[Path], options: ValidateOptions) -> int:
    """Write the mended text to standard output, for editors, and what is left to standard error."""
    if len(paths) > 1:
        raise InputError("--fix takes - alone, since its text goes to standard output")
    known = known_actions.options(
        configs.find(Path()), options.trust or trusting.of_environment(), options.actions_from
    )
    mended = project.mend_text(_strict(_stdin_bytes(), "-"), options.stdin_file, known)
    problems = check_text(mended.after, options.stdin_file, known)
    sys.stdout.buffer.write(mended.after.encode())
    sys.stdout.flush()
    sys.stderr.write(formats.renderer(options.format)(problems))
    return _status(problems, options)


def mend(paths: Sequence[Path], options: ValidateOptions) -> Outcome:
    """Return what files become when all is mended that can be.

    Raises:
        InputError: a path does not exist, or the configuration is wrong.
    """
    _exist(paths)
    trust = options.trust or trusting.of_environment()
    changed: dict[str, MendedFile] = {}
    left: dict[str, None] = {}
    for start, together in _by_configuration(paths):
        config = configs.find(start)
        known = known_actions.options(config, trust, options.actions_from)
        if _STDIN in together:
            text = _strict(_stdin_bytes(), "-")
            mended = project.mend_text(text, options.stdin_file, known)
            changed |= {options.stdin_file: mended} if mended.after != text else {}
        files = [path for path in together if path != _STDIN]
        outcome = project.mend_paths(files, known, exclude=(*config.exclude, *options.exclude))
        changed |= {one.file: one for one in outcome.files}
        left |= dict.fromkeys(outcome.left)
    return Outcome(tuple(changed[name] for name in sorted(changed)), tuple(left))


def find(paths: Sequence[Path], options: ValidateOptions) -> list[Problem]:
    """Return all problems; see ``look``."""
    return look(paths, options).problems


def look(paths: Sequence[Path], options: ValidateOptions) -> Looked:
    """Check paths; each with the configuration that is nearest above it.

    Raises:
        InputError: a path does not exist, or the configuration is wrong.
    """
    _exist(paths)
    trust = options.trust or trusting.of_environment()
    problems: set[Problem] = set()
    count = 0
    for start, together in _by_configuration(paths):
        looked = configs.look(start)
        config, exclude = looked.config, (*looked.config.exclude, *options.exclude)
        if not looked.is_readable:
            known = Options()
        else:
            known = replace(
                known_actions.options(config, trust, options.actions_from), mending=options.format is Format.SARIF
            )
        authored = [path for path in together if path != _STDIN and beside.is_ours(path)]
        if looked.path and (not looked.is_readable or looked.refused):
            authored.append(_shown(looked.path))
        if looked.is_readable:
            if _STDIN in together:
                problems |= set(check_text(_stdin(), options.stdin_file, known))
                count += 1
            files = [path for path in together if path != _STDIN and not beside.is_ours(path)]
            found = check_all(files, known, exclude=exclude)
            problems |= set(found.problems)
            count += found.files
            authored += [one for path in files if path.is_dir() for one in beside.below(path, exclude, found.skeletons)]
        different = {os.path.realpath(path): path for path in reversed(authored)}
        problems |= _of_authored(list(different.values()), known)
        count += len(different)
    return Looked(sorted(problems), count)


def _of_authored(paths: Sequence[Path], known: Options) -> set[Problem]:
    """Return what is wrong with tests, mocks and the configuration."""
    if not paths:
        return set()
    from backstage_py.cli.cases import looking  # costs only those who have such files

    return {problem for path in paths for problem in looking.problems(path, known)}


def _shown(path: Path) -> Path:
    """Return a path as one would write it here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _exist(paths: Sequence[Path]) -> None:
    for path in paths:
        if path != _STDIN and not path.exists() and not path.is_symlink():
            raise InputError(f"{path} does not exist")


def _by_configuration(paths: Sequence[Path]) -> list[tuple[Path, list[Path]]]:
    """Return paths that have the same configuration together, each with where that is looked for."""
    groups: dict[Path | None, tuple[Path, list[Path]]] = {}
    files: dict[Path, Path | None] = {}
    for path in paths:
        start = Path() if path == _STDIN else path if path.is_dir() else path.parent
        if start not in files:
            files[start] = configs.nearest_file(start)
        groups.setdefault(files[start], (start, []))[1].append(path)
    return list(groups.values())


def rules(format_: Format) -> int:
    """Write the list of rules."""
    from backstage_py.lint.rules import RULES

    if format_ is Format.JSON:
        import json

        listed = [
            {"code": one.code, "name": one.name, "severity": one.severity, "summary": one.summary} for one in RULES
        ]
        sys.stdout.write(json.dumps(listed, indent=2) + "\n")
    else:
        sys.stdout.writelines(f"{one.code}  {one.severity:<8} {one.name:<32} {one.summary}\n" for one in RULES)
    return CLEAN


def explain(code: str) -> int:
    """Write a rule with its examples."""
    from backstage_py.lint import samples
    from backstage_py.lint.rules import RULES

    found = next((one for one in RULES if code.lower() in (one.code.lower(), one.name)), None)
    if found is None:
        sys.stderr.write(f"backstage-py: there is no rule '{code}'; list them with --rules\n")
        return COULD_NOT_RUN
    sys.stdout.write(samples.documentation(found))
    return CLEAN


def _stdin() -> str:
    return _stdin_bytes().decode("utf-8", "replace")


def _strict(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is no UTF-8 (byte {error.start}): save it as UTF-8 first") from error


def _stdin_bytes() -> bytes:
    data = sys.stdin.buffer.read(LARGEST_DOCUMENT + 1)
    if len(data) > LARGEST_DOCUMENT:
        raise InputError("the text on standard input is larger than 5 MB")
    return data


def _write(problems: list[Problem], options: ValidateOptions) -> None:
    if options.output is None and options.format is Format.TEXT and sys.stdout.isatty():
        from rich.console import Console

        from backstage_py.cli.formats import text

        text.show(problems, Console(highlight=False))
        return
    rendered = formats.renderer(options.format)(problems)
    if options.output is None:
        sys.stdout.buffer.write(rendered.encode("utf-8", "replace"))
        sys.stdout.flush()
        return
    output.write_file(options.output, rendered)
