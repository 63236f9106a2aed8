"""Data that many templates are rendered with."""

from collections.abc import Sequence

from backstage_py.js.errors import Failure
from backstage_py.js.values import Json, Value, in_key_order
from backstage_py.templating.exchange import RESERVED, import_value
from backstage_py.templating.positions import error_for

_MAX_PATH = 256


class PreparedContext:
    """Data for templates, copied once; shared by all renders and never changed."""

    __slots__ = ("_values",)

    def __init__(self, values: dict[str, Value]) -> None:
        self._values = values

    @property
    def values(self) -> dict[str, Value]:
        """The values by root name; the engine's own, not to be changed."""
        return self._values

    def with_value(self, path: str | Sequence[str], value: Json) -> "PreparedContext":
        """A context with one more value; everything else is shared with this one.

        Args:
            path: a root name, or keys from the root on; missing records are created.
            value: plain JSON data.

        Raises:
            TemplateRuntimeError: a part of the path is no record, a key is reserved, or the value is no JSON data.
        """
        keys = (path,) if isinstance(path, str) else tuple(path)
        if not keys or len(keys) > _MAX_PATH:
            raise ValueError(f"The path must have 1 to {_MAX_PATH} keys")
        try:
            return PreparedContext(_replaced(self._values, keys, import_value(value)))
        except Failure as failure:
            raise error_for(failure, "", None, 1, 1) from failure

    def with_roots(self, other: "PreparedContext") -> "PreparedContext":
        """A context with the root values of another one, too; they win over those of the same name."""
        return PreparedContext(in_key_order({**self._values, **other.values}))


def _replaced(record: dict[str, Value], keys: tuple[str, ...], value: Value) -> dict[str, Value]:
    key = keys[0]
    if key in RESERVED:
        raise Failure(f'The key "{key}" is reserved and cannot be used in template values')
    if len(keys) > 1:
        child = record.get(key, {})
        if type(child) is not dict:
            raise Failure(f'The context has no record at "{key}"')
        value = _replaced(child, keys[1:], value)
    return in_key_order({**record, key: value})
