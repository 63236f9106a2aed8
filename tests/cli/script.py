"""A person at a terminal, as a list of answers."""

from collections.abc import Sequence

from backstage_py.cli.terminal.form_prompts import Choice, Validate
from backstage_py.model.json import Json


class Script:
    """Answers from a list, and refuses what the form refuses; what it was asked is in ``asked``."""

    def __init__(self, *answers: Json) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def _next(self, label: str) -> Json:
        self.asked.append(label.split(" ", 1)[0])
        return self.answers.pop(0)

    def section(self, title: str, description: str) -> None:
        """Show nothing."""

    def text(self, label: str, default: str, validate: Validate) -> str:
        while True:
            text = str(self._next(label))
            if validate(text) is None:
                return text

    def secret(self, label: str, validate: Validate) -> str:
        return str(self._next(label))

    def confirm(self, label: str, *, default: bool) -> bool:
        return bool(self._next(label))

    def choose(self, label: str, choices: Sequence[Choice], default: Json) -> Json:
        wanted = self._next(label)
        return next(one.value for one in choices if one.title == wanted)

    def choose_many(self, label: str, choices: Sequence[Choice], default: Sequence[Json]) -> list[Json]:
        wanted = self._next(label)
        return [one.value for one in choices if one.title in wanted]
