"""Questions on a terminal, through questionary."""

from collections.abc import Sequence

import questionary

from backstage_py.cli.terminal.form_prompts import Choice, Validate
from backstage_py.model.json import Json


class TerminalPrompter:
    """Implements ``form_prompts.Prompter``."""

    def section(self, title: str, description: str) -> None:
        """Print the page's title."""
        questionary.print(f"\n{title}", style="bold")
        if description:
            questionary.print(description)

    def text(self, label: str, default: str, validate: Validate) -> str:
        """Ask for a line."""
        return str(questionary.text(label, default=default, validate=_adapted(validate)).unsafe_ask())

    def secret(self, label: str, validate: Validate) -> str:
        """Ask for a line that is not shown."""
        return str(questionary.password(label, validate=_adapted(validate)).unsafe_ask())

    def confirm(self, label: str, *, default: bool) -> bool:
        """Ask yes or no."""
        return bool(questionary.confirm(label, default=default).unsafe_ask())

    def choose(self, label: str, choices: Sequence[Choice], default: Json) -> Json:
        """Ask for one of a list."""
        offered = [questionary.Choice(one.title, value=index) for index, one in enumerate(choices)]
        first = next((offered[i] for i, one in enumerate(choices) if one.value == default), None)
        return choices[questionary.select(label, choices=offered, default=first).unsafe_ask()].value

    def choose_many(self, label: str, choices: Sequence[Choice], default: Sequence[Json]) -> list[Json]:
        """Ask for any number of a list."""
        offered = [
            questionary.Choice(one.title, value=index, checked=one.value in default)
            for index, one in enumerate(choices)
        ]
        return [choices[index].value for index in questionary.checkbox(label, choices=offered).unsafe_ask()]


def _adapted(validate: Validate) -> "type[questionary.Validator]":
    class Adapter(questionary.Validator):
        def validate(self, document: object) -> None:
            text = str(getattr(document, "text", ""))
            if reason := validate(text):
                raise questionary.ValidationError(message=reason, cursor_position=len(text))

    return Adapter
