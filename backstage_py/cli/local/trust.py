"""What the files of a checkout may have a command do: nothing that a person has not looked at, as with direnv and mise.

A project names Python files to execute, commands to run, a Backstage to ask, and an app-config with hosts and tokens.
Each such wish is followed once it is trusted: for one command by ``--trust``, for all projects below the folders of
``BACKSTAGE_PY_TRUST`` or of ``trust`` in the user's configuration, or by ``backstage-py trust``, which remembers a hash
of what it showed, so that a change asks anew. Everything else is left out, with one line that says so.
"""

import hashlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backstage_py.cli.local import user_config
from backstage_py.cli.local.user_config import UserConfig
from backstage_py.errors import InputError
from backstage_py.lint.files import read_bytes

VARIABLE = "BACKSTAGE_PY_TRUST"
_FOLDER = "trusted"
_MOST_FILES = 5_000
_LARGEST = 20 * 1024 * 1024
_HINT = "look at it with `backstage-py trust`, or pass --trust"


@dataclass(frozen=True, slots=True)
class Wish:
    """What files of a checkout would have a command do.

    Attributes:
        what: in words that follow "left out", e.g. ``the Python files of actions``.
        place: the file or folder that wishes it.
        digest: of the place and of everything that decides what happens.
        details: what a person would like to see of it.
    """

    what: str
    place: Path
    digest: str
    details: tuple[str, ...] = ()


def python(folder: Path) -> Wish:
    """Return the wish to execute the Python files of a folder, and what they may import beside them.

    Raises:
        InputError: there are too many, or too large ones, to be looked at.
    """
    files = list(_python_files(folder))
    contents = [part for file in files for part in (str(file.relative_to(folder)).encode(), _content(file))]
    details = tuple(str(file) for file in files)
    return Wish(f"the Python files of {folder}", folder, _digest("python", folder, contents), details)


def address(url: str, place: Path) -> Wish:
    """Return the wish to ask a Backstage, which a configuration in ``place`` names, for its actions."""
    return Wish(f"the actions of {url}", place, _digest("address", place, [url.encode()]))


def app_config(file: Path) -> Wish:
    """Return the wish to use an app-config that lies in the working directory: its hosts, tokens and variables.

    Raises:
        InputError: it cannot be read.
    """
    return Wish(f"the configuration {file}", file, _digest("app-config", file, [_content(file)]))


def commands(file: Path, lines: Sequence[str]) -> Wish:
    """Return the wish to run the commands of a test file."""
    digest = _digest("commands", file, [line.encode("utf-8", "surrogatepass") for line in lines])
    return Wish(f"the commands of {file}", file, digest, tuple(lines))


@dataclass(slots=True)
class Trust:
    """Whose wishes are followed.

    Attributes:
        everything: all of them, for this command.
        folders: below which all are.
        store: where is remembered what a person has looked at.
        user: the user's configuration.
        tell: takes a line about each wish that is left out, once.
    """

    everything: bool
    folders: Sequence[Path]
    store: Path
    user: UserConfig
    tell: Callable[[str], None]
    _told: set[str] = field(default_factory=set, init=False)

    @classmethod
    def of(
        cls, env: Mapping[str, str], *, everything: bool = False, tell: Callable[[str], None] | None = None
    ) -> "Trust":
        """Return what the environment and the user's configuration say.

        Raises:
            InputError: the user's configuration is wrong.
        """
        user = user_config.read(env)
        named = [Path(one) for one in env.get(VARIABLE, "").split(os.pathsep) if one]
        folders = [one.expanduser().resolve() for one in (*named, *user.trust)]
        return cls(everything, folders, user_config.folder(env) / _FOLDER, user, tell or _on_standard_error)

    def allows(self, wish: Wish) -> bool:
        """Say whether a wish is followed; tell of one that is not."""
        place = wish.place.resolve()
        if self.everything or self._is_remembered(wish) or any(place.is_relative_to(one) for one in self.folders):
            return True
        if wish.digest not in self._told:
            self._told.add(wish.digest)
            self.tell(f"left out {wish.what}, which nobody has trusted: {_HINT}")
        return False

    def remember(self, wishes: Iterable[Wish]) -> None:
        """Follow these from now on, until they change."""
        self.store.mkdir(parents=True, exist_ok=True, mode=0o700)
        for wish in wishes:
            (self.store / wish.digest).write_text(f"{wish.what}\n", encoding="utf-8")

    def forget(self, wishes: Iterable[Wish]) -> None:
        """Follow these no more."""
        for wish in wishes:
            (self.store / wish.digest).unlink(missing_ok=True)

    def _is_remembered(self, wish: Wish) -> bool:
        return (self.store / wish.digest).is_file()


def of_environment() -> Trust:
    """Return the trust of a command that takes no option for it."""
    return Trust.of(os.environ)


def _python_files(folder: Path) -> Iterator[Path]:
    found = 0
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(one for one in folders if one != "__pycache__")
        for name in sorted(names):
            if name.endswith(".py"):
                found += 1
                if found > _MOST_FILES:
                    raise InputError(
                        f"{folder} has more than {_MOST_FILES} Python files; name a smaller actions folder"
                    )
                yield Path(parent, name)


def _content(file: Path) -> bytes:
    content = read_bytes(file, _LARGEST)
    if content.unreadable:
        raise InputError(f"Cannot read {file}: {content.unreadable}")
    return content.data


def _digest(kind: str, place: Path, parts: Iterable[bytes]) -> str:
    """Return a hash that also holds where the parts begin."""
    sha = hashlib.sha256()
    for part in (kind.encode(), os.fsencode(place.resolve()), *parts):
        sha.update(len(part).to_bytes(8, "big"))
        sha.update(part)
    return sha.hexdigest()


def _on_standard_error(line: str) -> None:
    sys.stderr.write(f"backstage-py: {line}\n")
