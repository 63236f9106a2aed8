"""The app-config of an author's command: files that it is given, or that lie in the working directory and are trusted.

A foreign one may send variables of the environment, such as tokens, to hosts of its own.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from backstage_py.cli.local import trust as trusting
from backstage_py.cli.local.trust import Trust

if TYPE_CHECKING:
    from backstage_py.settings.sections import Settings


def found(folder: Path = Path()) -> list[Path]:
    """Return the files in a folder that are read when none is given."""
    from backstage_py.settings.load import DEFAULT_FILES

    return [folder / name for name in DEFAULT_FILES if (folder / name).is_file()]


def load(given: Sequence[Path], trust: Trust) -> "Settings":
    """Return the settings.

    Raises:
        SettingsError: a file is wrong. InputError: one cannot be read.
    """
    from backstage_py.settings.load import load_files

    return load_files(given or [file for file in found() if trust.allows(trusting.app_config(file))], os.environ)
