"""``backstage-py trust``: shows what a project's files would have commands do, and remembers that it may."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import typer

from backstage_py.cli.cases import testcases
from backstage_py.cli.commands import action_tests
from backstage_py.cli.local import app_configs, own_actions
from backstage_py.cli.local import trust as trusting
from backstage_py.cli.local.trust import Trust, Wish
from backstage_py.errors import InputError, SettingsError
from backstage_py.lint import config as configs

OK, COULD_NOT_RUN = 0, 2


def run(path: Path, *, yes: bool, revoke: bool) -> int:
    """Show, ask, remember; return 0, or 2 when that was not possible or not wanted."""
    try:
        trust = Trust.of(os.environ)
        found = list(wishes(path))
    except InputError as error:
        sys.stderr.write(f"backstage-py: {error.message}\n")
        return COULD_NOT_RUN
    if not found:
        sys.stdout.write("Nothing here needs trust.\n")
        return OK
    if revoke:
        trust.forget(found)
        sys.stdout.writelines(f"No longer trusted: {one.what}\n" for one in found)
        return OK
    sys.stdout.writelines(f"{line}\n" for one in found for line in _shown(one))
    if not yes and not sys.stdin.isatty():
        sys.stderr.write("backstage-py: nothing was trusted; give --yes where nobody can be asked\n")
        return COULD_NOT_RUN
    if not yes and not typer.confirm("Trust this until it changes?"):
        return COULD_NOT_RUN
    trust.remember(found)
    sys.stdout.write("Trusted until it changes.\n")
    return OK


def wishes(path: Path) -> Iterator[Wish]:
    """Yield what the files of a project wish.

    Raises:
        InputError: the path does not exist, or one of the files is wrong.
    """
    if not path.exists():
        raise InputError(f"{path} does not exist")
    folder = path if path.is_dir() else path.parent
    config = configs.find(folder)
    if config.actions_from:
        yield trusting.address(config.actions_from, config.folder or Path())
    files = app_configs.found(folder)
    yield from map(trusting.app_config, files)
    python = own_actions.configured(config) or _of_app_configs(files)
    if python and python.is_dir():
        yield trusting.python(python)
    yield from (trusting.python(one) for one in action_tests.folders(folder, config) if one != python)
    for file in testcases.find([path]):
        if file.name.endswith(testcases.SUFFIXES):
            yield from {trusting.commands(file, case.commands): None for case in testcases.load(file) if case.commands}


def _of_app_configs(files: list[Path]) -> Path | None:
    from backstage_py.settings.load import load_files

    try:
        return load_files(files, os.environ).scaffolder.actions_folder if files else None
    except SettingsError as error:
        raise InputError(error.message) from error


def _shown(wish: Wish) -> Iterator[str]:
    yield f"{wish.what}{':' if wish.details else ''}"
    yield from (f"  {detail}" for detail in wish.details)
