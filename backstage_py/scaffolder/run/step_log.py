"""The logger that an action gets: each line becomes an event of the task, with its level in colour as in Backstage."""

from backstage_py.scaffolder.run.journal import Journal
from backstage_py.scaffolder.run.redaction import MASK
from backstage_py.scaffolder.run.split_secrets import SplitSecrets

_COLOURS = {"info": 32, "warn": 33, "error": 31}


class StepLogger:
    """Writes to a run's journal; debug lines are dropped, as Backstage's logger of a task drops them.

    Attributes:
        is_veiled: what is said is made of secrets, so that nothing of it is shown.
    """

    def __init__(self, journal: Journal, step_id: str) -> None:
        self._journal = journal
        self._step_id = step_id
        self._closed = False
        self.is_veiled = False
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

    def close(self) -> None:
        """Drop what an abandoned thread of the action still logs."""
        self._closed = True

    def _say(self, level: str, message: str) -> None:
        if not self._closed:
            whole = MASK if self.is_veiled else self._split.text(message)
            self._journal.say(f"\x1b[{_COLOURS[level]}m{level}\x1b[39m: {whole}", self._step_id)
