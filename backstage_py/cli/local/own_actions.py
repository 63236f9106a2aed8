"""Where a project's own actions, filters and globals come from: one answer for all commands.

A folder of ``.py`` files. The nearest ``.backstage-py.yaml`` or ``pyproject.toml`` names it, as ``actions-folder``;
otherwise ``scaffolder.actionsFolder`` does, in the app-config files that a command is given or finds in the working
directory, as the service reads them. The files are executed, so they have to be trusted (see ``trust``).
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from backstage_py.cli.local import app_configs
from backstage_py.cli.local import trust as trusting
from backstage_py.cli.local.trust import Trust
from backstage_py.errors import InputError
from backstage_py.lint.actions import KnownAction, described
from backstage_py.lint.config import Config

if TYPE_CHECKING:
    from backstage_py.plugin.loading import Plugins

_KEY = b"actionsFolder"


@dataclass(frozen=True, slots=True)
class LocalActions:
    """What the folder offers to templates: actions, and the names of filters and globals."""

    actions: tuple[KnownAction, ...] = ()
    filters: frozenset[str] = frozenset()
    globals: frozenset[str] = frozenset()


def folder(config: Config, trust: Trust, given: Sequence[Path] = ()) -> Path | None:
    """Return the folder, None if none is named or its files are not trusted.

    Raises:
        InputError: the folder that is named does not exist.
        SettingsError: an app-config that names one is wrong.
    """
    found = configured(config) or _of_app_config(given, trust)
    if found is None:
        return None
    if not found.is_dir():
        raise InputError(f"The actions folder {found} does not exist; correct 'actions-folder' or 'actionsFolder'")
    return found if trust.allows(trusting.python(found)) else None


def configured(config: Config) -> Path | None:
    """Return the folder that the author's configuration names."""
    return (config.folder or Path()) / config.actions_folder if config.actions_folder else None


def load(path: Path) -> LocalActions:
    """Execute the files of the folder and return what they offer.

    Raises:
        InputError: a file cannot be loaded; names file and line.
    """
    from backstage_py.plugin.loading import Plugins
    from backstage_py.plugin.registry import ActionRegistry

    loaded = Plugins(ActionRegistry())
    add(loaded, path)
    actions = tuple(described(one.describe(), "installed") for one in loaded.actions)
    return LocalActions(actions, frozenset(loaded.filters), frozenset(loaded.globals))


def add(plugins: "Plugins", path: Path) -> None:
    """Load the folder into plugins that are there already.

    Raises:
        InputError: a file cannot be loaded; names file and line.
        ConflictError: something is defined twice.
    """
    from backstage_py import logging
    from backstage_py.plugin.folder import ActionFolder

    plugins.folder = ActionFolder(path)
    logging.configure("error", _Nowhere())  # the problem is raised below, in words for an author
    try:
        plugins.reload()
    finally:
        logging.configure("error")
    for problem in plugins.problems:
        raise InputError(f"Cannot load an action: {problem}")


def stamp(path: Path) -> tuple[tuple[str, int], ...]:
    """Return what changes when a file of the folder does."""
    return tuple(sorted((one.name, one.stat().st_mtime_ns) for one in path.glob("*.py") if one.is_file()))


def _of_app_config(paths: Sequence[Path], trust: Trust) -> Path | None:
    """Read the settings only where the key stands at all: a check needs nothing else of them."""
    if not any(_names_a_folder(file) for file in paths or app_configs.found()):
        return None
    return app_configs.load(paths, trust).scaffolder.actions_folder


def _names_a_folder(file: Path) -> bool:
    try:
        return _KEY in file.read_bytes()
    except OSError:
        return False


class _Nowhere(io.StringIO):
    def write(self, _: str) -> int:
        return 0
