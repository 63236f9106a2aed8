"""Statements of the hottest reads, sent by libpq's own calls: prepared once, one turn, values as the server has them.

The driver's cursor costs a read by key as much again as the server takes for it, and a column of bytes comes in
hexadecimal digits. What is given here is text, integers, or a list of either; what is found is text, integers or bytes.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

_PARAMETER = re.compile(r"%\((\w+)\)s|%%")
_BINARY = 1
_prepared: "WeakKeyDictionary[Any, dict[bytes, bytes]]" = WeakKeyDictionary()


class Direct:
    """A statement.

    Args:
        text: as the driver takes it, with ``%(name)s`` for each value.
        kinds: of the columns that are found: ``str``, ``int`` or ``bytes``; none of them is null.
    """

    def __init__(self, text: str, kinds: Sequence[type]) -> None:
        self._names: list[str] = []
        self._text = _PARAMETER.sub(self._numbered, text).encode()
        self._read = [_READ[kind] for kind in kinds]

    def all(self, driver: Any, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run it on a connection of the driver that nobody else uses, and return the rows.

        Raises:
            psycopg.Error: as a cursor would.
        """
        from psycopg import pq

        ours, given = driver.pgconn, [_as_text(values[name]) for name in self._names]
        if driver.prepare_threshold is None:  # a pooler: the next transaction may have another server's process
            result = ours.exec_params(self._text, given, result_format=_BINARY)
        else:
            result = ours.exec_prepared(self._name(driver), given, result_format=_BINARY)
        if result.status != pq.ExecStatus.TUPLES_OK:
            raise _error(ours, result)
        columns = list(enumerate(self._read))
        get = result.get_value
        return [tuple(read(get(row, at)) for at, read in columns) for row in range(result.ntuples)]

    def _name(self, driver: Any) -> bytes:
        from psycopg import pq

        known = _prepared.setdefault(driver, {})
        name = known.get(self._text)
        if name is None:
            name = b"direct_%d" % len(known)
            result = driver.pgconn.prepare(name, self._text)
            if result.status != pq.ExecStatus.COMMAND_OK:
                raise _error(driver.pgconn, result)
            known[self._text] = name
        return name

    def _numbered(self, found: re.Match[str]) -> str:
        name = found[1]
        if name is None:
            return "%"
        if name not in self._names:
            self._names.append(name)
        return f"${self._names.index(name) + 1}"


def _error(ours: Any, result: Any) -> Exception:
    from psycopg import OperationalError, errors, pq

    if ours.status == pq.ConnStatus.BAD:
        return OperationalError(ours.error_message.decode("utf-8", "replace"))
    return errors.error_from_result(result)


def _as_text(value: Any) -> bytes:
    """Return a parameter in the server's text form."""
    if isinstance(value, list):
        return b"{%b}" % b",".join(map(_item, value))
    shown = str(value).encode()
    if b"\0" in shown:
        _refuse_nul()
    return shown


def _item(value: str | int) -> bytes:
    if isinstance(value, int):
        return b"%d" % value
    shown = value.encode()
    if b"\0" in shown:
        _refuse_nul()
    return b'"%b"' % shown.replace(b"\\", b"\\\\").replace(b'"', b'\\"')


def _refuse_nul() -> None:
    from psycopg import DataError

    raise DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")


def _as_integer(value: bytes) -> int:
    return int.from_bytes(value, "big", signed=True)


_READ: Mapping[type, Callable[[Any], Any]] = {str: bytes.decode, int: _as_integer, bytes: bytes}
