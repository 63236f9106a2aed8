"""The logger that an action gets: each line becomes an event of the task, with its level in colour as in Backstage."""

import threading

from backstage_py import threads
from backstage_py.scaffolder.run.journal import Journal
from backstage_py.scaffolder.run.redaction import MASK
from backstage_py.scaffolder.run.split_secrets import SplitSecrets

_LARGE = 16 * 1024
_COLOURS = {"info": 32, "warn": 33, "error": 31}


class StepLogger:
    """Writes to a run's journal; debug lines are dropped, as Backstage's logger of a task drops them.

    A large message on the event loop's thread, and what follows it there, is kept back until ``flush``: looking for
    secrets in it takes time. The logger is made on that thread.

    Attributes:
        is_veiled: what is said is made of secrets, so that nothing of it is shown.
    """

    def __init__(self, journal: Journal, step_id: str) -> None:
        self._journal = journal
        self._step_id = step_id
        self._closed = False
        self.is_veiled = False
        self._thread = threading.get_ident()
        self._kept: list[tuple[str, str | None]] = []
        self._split = SplitSecrets(journal.redactor)

    def debug(self, message: str) -> None:
        """Drop what only helps to find a fault."""

    def info(self, message: str) -> None:
        """Say what was done."""
        self._say("info", message)

    def warning(self, message: str) -> None:
        """Say what a person should look at."""
        self._say("warn", message)

    def error(self, message: str) -> None:
        """Say what failed."""
        self._say("error", message)

    async def flush(self) -> None:
        """Write what was kept back, off the event loop."""
        kept, self._kept = self._kept, []

        def write() -> None:
            for level, message in kept:
                self._write(level, message)

        if kept:
            await threads.offload(write)

    def close(self) -> None:
        """Drop what an abandoned thread of the action still logs."""
        self._closed = True

    def _say(self, level: str, message: str) -> None:
        if self._closed:
            return
        said = None if self.is_veiled else message
        is_here = threading.get_ident() == self._thread
        if is_here and (self._kept or len(message) > _LARGE):
            self._kept.append((level, said))
        else:
            self._write(level, said)

    def _write(self, level: str, message: str | None) -> None:
        whole = MASK if message is None else self._split.text(message)
        self._journal.say(f"\x1b[{_COLOURS[level]}m{level}\x1b[39m: {whole}", self._step_id)
