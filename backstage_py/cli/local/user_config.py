"""What a user says for all projects, in ``~/.config/backstage-py/config.yaml`` (or below ``XDG_CONFIG_HOME``).

::

    actions-from: https://backstage.example.com   # whose actions are known; BACKSTAGE_TOKEN may be sent there
    trust: [~/src/ours]                           # folders whose projects may run code, see ``trust``
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from backstage_py.errors import InputError
from backstage_py.lint.files import read_text
from backstage_py.model import yaml

_KEYS = ("actions-from", "trust")


@dataclass(frozen=True, slots=True)
class UserConfig:
    """The configuration; empty where there is none."""

    actions_from: str | None = None
    trust: tuple[Path, ...] = ()


def folder(env: Mapping[str, str]) -> Path:
    """Return the folder of what a user has configured."""
    home = env.get("XDG_CONFIG_HOME")
    return (Path(home) if home else Path.home() / ".config") / "backstage-py"


def read(env: Mapping[str, str]) -> UserConfig:
    """Read the file.

    Raises:
        InputError: it cannot be read, or a key or value in it is wrong.
    """
    file = folder(env) / "config.yaml"
    if not file.is_file():
        return UserConfig()
    found = read_text(file, str(file))
    if found.unreadable:
        raise InputError(f"Cannot read {file}: {found.unreadable}")
    try:
        given = yaml.load(found.text, filename=str(file)) or {}
    except yaml.YamlError as error:
        raise InputError(str(error)) from error
    if not isinstance(given, dict) or any(key not in _KEYS for key in given):
        raise InputError(f"{file}: expected a map with {' and '.join(_KEYS)}")
    url, trusted = given.get("actions-from"), given.get("trust") or []
    if not isinstance(url, str | None) or not isinstance(trusted, list):
        raise InputError(f"{file}: 'actions-from' must be a URL, 'trust' a list of folders")
    return UserConfig(url, tuple(Path(str(one)) for one in trusted))
