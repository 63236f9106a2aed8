"""What the language server knows of a project: its configuration and actions, read again only when a file changed."""

import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

from backstage_py.cli.local import known_actions, own_actions
from backstage_py.cli.local.trust import Trust
from backstage_py.errors import BackstageError
from backstage_py.lint import config as configs
from backstage_py.lint.check import Options
from backstage_py.lint.config import Config

_LOOK_SECONDS = 1.0
_FETCH_SECONDS = 600.0

_Stamp = tuple[object, ...]


@dataclass(slots=True)
class _Entry:
    options: Options
    stamp: _Stamp
    looked: float
    problem: str


class Knowledge:
    """Options of the check by folder. Where they cannot be had, ``problem`` says why, and what is bundled is used.

    Its methods may be called from several threads.
    """

    def __init__(self, trust: Trust) -> None:
        self.problem = ""
        self._trust = replace(trust, tell=self._note)
        self._notes: list[str] = []
        self._entries: dict[Path, _Entry] = {}
        self._lock = threading.Lock()

    def of(self, path: Path | None) -> Options:
        """Return what is known for a file."""
        folder = path.parent if path else Path().absolute()
        with self._lock:
            entry = self._entries.get(folder)
            now = time.monotonic()
            if entry is None or now - entry.looked > _LOOK_SECONDS:
                entry = self._entries[folder] = self._refreshed(folder, entry, now)
            self.problem = entry.problem
            return entry.options

    def _note(self, line: str) -> None:
        self._notes.append(line)

    def _refreshed(self, folder: Path, known: _Entry | None, now: float) -> _Entry:
        try:
            config = configs.find(folder)
            stamp = self._stamp(config, now)
            if known and known.stamp == stamp:
                return _Entry(known.options, stamp, now, known.problem)
            options = known_actions.options(config, self._trust)
            return _Entry(options, stamp, now, "; ".join(self._notes))
        except BackstageError as error:
            return _Entry(known.options if known else Options(), ("wrong", str(error)), now, error.message)
        finally:
            self._notes.clear()

    def _stamp(self, config: Config, now: float) -> _Stamp:
        """Return what is equal as long as the options are: the configuration, its files, an hour of a live listing."""
        files = [(config.folder or Path()) / name for name in config.actions]
        own = own_actions.folder(config, self._trust)
        source = known_actions.project_source(config, self._trust)
        return (
            config,
            tuple(file.stat().st_mtime_ns if file.is_file() else 0 for file in files),
            own_actions.stamp(own) if own else (),
            source,
            now // _FETCH_SECONDS,
        )
