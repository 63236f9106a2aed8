"""Reads the YAML files of tests: values with their places, and for a wrong key the place where it belongs."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from backstage_py import bundled
from backstage_py.cli.local import project
from backstage_py.errors import InputError
from backstage_py.js import regex
from backstage_py.lint import files as reading
from backstage_py.lint.nearest import nearest
from backstage_py.lint.refusals import RefusedError, Where
from backstage_py.model import yaml
from backstage_py.model.json import Json, JsonObject

T = TypeVar("T")
_BELOW = {
    "tests": "at the top of the file",
    "case": "beside 'name' of a case",
    "expect": "below 'expect'",
    "content": "below a file of 'expect.files'",
    "mock": "below a mock",
    "answer": "below an answer of 'http'",
    "finding": "below a finding",
}


def definition(name: str) -> JsonObject:
    """Return a part of the JSON Schema of authors' files."""
    found: JsonObject = bundled.schema("author-files")["definitions"][name]
    return found


def keys(name: str) -> tuple[str, ...]:
    """Return the keys that a part of the files may have."""
    return tuple(definition(name)["properties"])


def documents(path: Path) -> list[yaml.Document]:
    """Read a file.

    Raises:
        InputError: it cannot be read, or is no YAML.
    """
    found = reading.read_text(path, str(path))
    if found.unreadable:
        raise InputError(f"Cannot read {path}: {found.unreadable}")
    read = yaml.load_all(found.text, filename=str(path))
    for document in read:
        if (error := document.error()) is not None:
            raise InputError(str(error))
    return read


class Reader:
    """The values of one document, each taken with its path."""

    def __init__(self, path: Path, document: yaml.Document) -> None:
        self.path = path
        self.document = document

    def error_at(self, where: Where, message: str) -> RefusedError:
        """Return an error that names file, line and column."""
        place = self.document.key_position(where)
        return RefusedError(f"{self.path}:{place.line}:{place.column}: {message}", where, message)

    def expect_keys(self, value: Json, where: Where, name: str) -> None:
        """Refuse what is no object of the keys of a part.

        Raises:
            InputError: it is not; for a key that another part has, the message says where that is.
        """
        known = keys(name)
        if not isinstance(value, dict):
            raise self.error_at(where, f"expected an object with {', '.join(known)}")
        for key in value:
            if key not in known:
                raise self.error_at((*where, key), f"unknown key '{key}'; {_hint(str(key), name)}")

    def map(self, value: JsonObject, where: Where, key: str) -> JsonObject:
        """Return an object; an empty one where there is none."""
        found = value.get(key)
        if found is None:
            return {}
        if not isinstance(found, dict):
            raise self.error_at((*where, key), f"'{key}' must be an object")
        return found

    def texts(self, value: JsonObject, where: Where, key: str) -> tuple[str, ...]:
        """Return a text or a list of them."""
        found = value.get(key)
        if found is None:
            return ()
        if isinstance(found, str):
            return (found,)
        if not isinstance(found, list) or not all(isinstance(one, str | int | float) for one in found):
            raise self.error_at((*where, key), f"'{key}' must be a text or a list of texts")
        return tuple(str(one) for one in found)

    def text(self, value: JsonObject, where: Where, key: str) -> str | None:
        """Return a text, None where there is none."""
        found = value.get(key)
        if isinstance(found, dict | list):
            raise self.error_at((*where, key), f"'{key}' must be a text")
        return None if found is None else str(found)

    def switch(self, value: JsonObject, where: Where, key: str, *, default: bool) -> bool:
        """Return true or false."""
        found = value.get(key, default)
        if not isinstance(found, bool):
            raise self.error_at((*where, key), f"'{key}' must be true or false")
        return found

    def pattern(self, pattern: str, where: Where) -> str:
        """Return a regular expression that can be used."""
        if problem := regex.problem(pattern):
            raise self.error_at(where, f"{pattern!r} is no regular expression: {problem}")
        return pattern

    def near(self, name: str, where: Where) -> Path:
        """Return a file or folder of the project: its content is shown, and ``--update`` replaces it."""
        found = self.path.parent / name
        try:
            inside = found.resolve().is_relative_to(project.root_of(self.path))
        except (OSError, ValueError, RuntimeError):
            inside = False
        if not inside:
            raise self.error_at(where, f"{name!r} leads out of the project")
        return found

    def named(self, name: str, where: Where, read: Callable[[Path], T]) -> T:
        """Return what another file of the project holds.

        Raises:
            InputError: it cannot be read; the message names the place that names it, too.
        """
        try:
            return read(self.near(name, where))
        except InputError as error:
            place = self.document.key_position(where)
            raise RefusedError(f"{error.message}\n  named in {self.path}:{place.line}", where, error.message) from error


def _hint(key: str, name: str) -> str:
    if places := list(_places(key, name)):
        return f"it belongs {' or '.join(places)}"
    close = nearest(key, keys(name))
    return f"did you mean '{close}'?" if close else f"known are {', '.join(keys(name))}"


def _places(key: str, name: str) -> Iterator[str]:
    """Yield where else a key belongs."""
    yield from (place for other, place in _BELOW.items() if other != name and key in keys(other))
