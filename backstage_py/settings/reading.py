"""Typed values out of the configuration; a wrong or missing one is an error that names key, file and expectation."""

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NoReturn, TypeVar

from backstage_py.errors import SettingsError
from backstage_py.model.json import Json, JsonObject
from backstage_py.settings import durations
from backstage_py.settings.merged import Merged, Path

ChoiceT = TypeVar("ChoiceT", bound=str)


class Reader:
    """A section of the configuration. A value that is null counts as absent, as in Backstage."""

    def __init__(self, merged: Merged, path: Path = (), data: Json = None) -> None:
        self._merged = merged
        self._path = path
        self.data: JsonObject = merged.data if not path else data

    def has(self, key: str) -> bool:
        """Whether a value is there."""
        return self.raw(key) is not None

    def mentions(self, key: str) -> bool:
        """Whether the key is there, with or without a value: ``guest:`` alone switches something on."""
        return key in self.data

    def raw(self, key: str) -> Json:
        """Return a value as it is, None when absent."""
        return self.data.get(key)

    def section(self, key: str) -> "Reader":
        """Return an object; an absent one reads as empty."""
        value = self.raw(key)
        if value is None:
            value = {}
        if not isinstance(value, dict):
            self.fail(key, f"expected an object, found {kind(value)}")
        return Reader(self._merged, (*self._path, key), value)

    def within(self, dotted: str) -> "Reader":
        """Return the object at a dotted path below this one."""
        reader = self
        for key in dotted.split("."):
            reader = reader.section(key)
        return reader

    def sections(self, key: str) -> Iterator["Reader"]:
        """Yield the objects of an array; none when absent."""
        value = self.raw(key)
        if value is None:
            return
        if not isinstance(value, list):
            self.fail(key, f"expected an array, found {kind(value)}")
        for index, item in enumerate(value):
            path = (*self._path, key, index)
            if not isinstance(item, dict):
                raise SettingsError(dotted(path), f"expected an object, found {kind(item)}", file=self._where(path))
            yield Reader(self._merged, path, item)

    def text(self, key: str) -> str | None:
        """Return text that is not empty; None when absent. A number counts as its text."""
        value = self.raw(key)
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        if not isinstance(value, str):
            self.fail(key, f"expected text, found {kind(value)}")
        if not value:
            self.fail(key, "expected text, found an empty one")
        return value

    def required_text(self, key: str, example: str) -> str:
        """Return text that must be there; ``example`` shows one."""
        value = self.text(key)
        if value is None:
            self.fail(key, f"is missing; expected text such as '{example}'")
        return value

    def texts(self, key: str) -> tuple[str, ...] | None:
        """Return an array of texts; a single text counts as one. None when absent."""
        value = self.raw(key)
        if value is None:
            return None
        if isinstance(value, str):
            return (value,)
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            self.fail(key, f"expected an array of texts, found {kind(value)}")
        return tuple(value)

    def words(self, key: str) -> tuple[str, ...] | None:
        """Return words: an array, or one text with commas or spaces between them."""
        value = self.texts(key)
        return None if value is None else tuple(word for text in value for word in text.replace(",", " ").split())

    def boolean(self, key: str, *, default: bool = False) -> bool:
        """Return true or false; the texts ``"true"`` and ``"false"`` count, since ``${ENV}`` gives text."""
        value = self.raw(key)
        if value is None:
            return default
        if isinstance(value, str) and value.strip().lower() in {"true", "false"}:
            return value.strip().lower() == "true"
        if not isinstance(value, bool):
            self.fail(key, f"expected true or false, found {kind(value)}")
        return value

    def whole(self, key: str, *, least: int = 0, most: int | None = None) -> int | None:
        """Return a whole number in a range; digits as text count, since ``${ENV}`` gives text. None when absent."""
        value = self.raw(key)
        if value is None:
            return None
        if isinstance(value, str) and value.strip().isdecimal():
            value = int(value)
        bounds = f"from {least}" + (f" to {most}" if most is not None else "")
        if not isinstance(value, int) or isinstance(value, bool):
            self.fail(key, f"expected a whole number {bounds}, found {kind(value)}")
        if value < least or (most is not None and value > most):
            self.fail(key, f"expected a whole number {bounds}, found {value}")
        return value

    def number(self, key: str) -> float | None:
        """Return a number; one as text counts, since ``${ENV}`` gives text. None when absent."""
        value = self.raw(key)
        if isinstance(value, str):
            with contextlib.suppress(ValueError):
                value = float(value)
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            self.fail(key, f"expected a number, found {kind(value)}")
        return value

    def duration(self, key: str) -> float | None:
        """Return a duration in seconds; None when absent."""
        value = self.raw(key)
        if value is None:
            return None
        try:
            return durations.parse(value)
        except ValueError as error:
            self.fail(key, str(error))

    def choice(self, key: str, choices: Sequence[ChoiceT], default: ChoiceT) -> ChoiceT:
        """Return one of some texts."""
        value = self.text(key)
        if value is None:
            return default
        found = next((one for one in choices if one == value), None)
        if found is None:
            self.fail(key, f"expected one of {', '.join(choices)}; found '{value}'")
        return found

    def url(self, key: str) -> str | None:
        """Return an absolute http or https URL without a slash at its end; None when absent."""
        value = self.text(key)
        if value is not None and not value.startswith(("http://", "https://")):
            self.fail(key, f"expected a URL that begins with http:// or https://, found '{value}'")
        return value.rstrip("/") if value is not None else None

    def mapping(self, key: str) -> Mapping[str, Json]:
        """Return an object as it is; empty when absent."""
        return self.section(key).data

    def fail(self, key: str, expected: str) -> NoReturn:
        """Raise SettingsError for a value of this section."""
        path = (*self._path, key) if key else self._path
        raise SettingsError(dotted(path), expected, file=self._where(path))

    def _where(self, path: Path) -> str | None:
        return self._merged.where(path)


def dotted(path: Path) -> str:
    """Return a path for messages: ``catalog.locations[0].type``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def kind(value: Json) -> str:
    """Return what a value is, in a word that a reader of YAML knows."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {value}"
        case str():
            return f"the text '{value}'" if len(value) <= 40 else "a long text"  # noqa: PLR2004
        case list():
            return "an array"
    return "an object"
