"""Values out of the merged configuration; a wrong or missing one is an error that names key, file and expectation."""

from collections.abc import Iterator
from typing import NoReturn, TypeVar

from backstage_py.errors import SettingsError
from backstage_py.model.json import Json, JsonObject
from backstage_py.settings.config_path import ConfigPath, dotted
from backstage_py.settings.kinds import Kind, shown
from backstage_py.settings.merged import Merged

T = TypeVar("T")


class Reader:
    """A section of the configuration. A value that is null counts as absent, as in Backstage.

    A key may be a dotted path into sections below this one.
    """

    def __init__(self, merged: Merged, path: ConfigPath = (), data: Json = None) -> None:
        self._merged = merged
        self._path = path
        self.data: JsonObject = merged.data if not path else data

    def has(self, key: str) -> bool:
        """Whether a value is there."""
        return self.raw(key) is not None

    def mentions(self, key: str) -> bool:
        """Whether the key is there, with or without a value: ``guest:`` alone switches something on."""
        inner, name = self._towards(key)
        return name in inner.data

    def raw(self, key: str) -> Json:
        """Return a value as it is, None when absent."""
        inner, name = self._towards(key)
        return inner.data.get(name)

    def get(self, key: str, kind: Kind[T]) -> T | None:
        """Return a value, converted; None when absent."""
        inner, name = self._towards(key)
        value = inner.data.get(name)
        if value is None:
            return None
        try:
            return kind.parse(value)
        except ValueError as error:
            inner.fail(name, str(error))

    def section(self, key: str) -> "Reader":
        """Return an object; an absent one reads as empty."""
        inner, name = self._towards(key)
        value = inner.data.get(name)
        if value is not None and not isinstance(value, dict):
            inner.fail(name, f"expected an object, found {shown(value)}")
        return Reader(self._merged, (*inner._path, name), value or {})  # noqa: SLF001  # another of this class

    def sections(self, key: str) -> Iterator["Reader"]:
        """Yield the objects of an array; none when absent."""
        inner, name = self._towards(key)
        value = inner.data.get(name)
        if value is None:
            return
        if not isinstance(value, list):
            inner.fail(name, f"expected an array, found {shown(value)}")
        for index, item in enumerate(value):
            path = (*inner._path, name, index)  # noqa: SLF001  # as above
            if not isinstance(item, dict):
                raise self._error(path, f"expected an object, found {shown(item)}")
            yield Reader(self._merged, path, item)

    def fail(self, key: str, expected: str) -> NoReturn:
        """Raise SettingsError for a value of this section, or with an empty key for the section."""
        inner, name = self._towards(key)
        raise self._error((*inner._path, name) if key else self._path, expected)  # noqa: SLF001  # as above

    def _towards(self, key: str) -> tuple["Reader", str]:
        """Return the section that holds a value, and its name there; a name may have dots in it."""
        *sections, name = [key] if key in self.data else key.split(".")
        inner = self
        for one in sections:
            inner = inner.section(one)
        return inner, name

    def _error(self, path: ConfigPath, expected: str) -> SettingsError:
        return SettingsError(dotted(path), expected, file=self._merged.where(path))
