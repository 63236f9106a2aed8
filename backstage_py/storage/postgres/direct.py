"""Statements that are written once, sent by libpq's own calls: prepared once, one turn, values as the server has them.

The driver's cursor takes several times as long for such a statement as the server: it looks at each value of each list
to find its type, and a column of bytes comes in hexadecimal digits. What is given here is text, integers, booleans,
bytes, nothing, or a list of these; what is found is the same.
"""

import itertools
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

_PARAMETER = re.compile(r"%\((\w+)\)s|%%")
_TEXT, BINARY = 0, 1
FINE = frozenset({1, 2})
"""libpq's ``PGRES_COMMAND_OK`` and ``PGRES_TUPLES_OK``; its enumerations come with the driver, which loads late."""
_NOT_THERE = "26000"
"""The state in which the server does not know a prepared statement."""
_prepared: "WeakKeyDictionary[Any, dict[bytes, bytes]]" = WeakKeyDictionary()
_numbers = itertools.count()


class Direct:
    """A statement.

    Args:
        text: as the driver takes it, with ``%(name)s`` for each value.
    """

    def __init__(self, text: str) -> None:
        self._names: list[str] = []
        self.text = _PARAMETER.sub(self._numbered, text).encode()

    def given(self, values: Mapping[str, Any]) -> tuple[list[bytes | None], list[int]]:
        """Return the parameters as libpq takes them, and in which form each of them is.

        Raises:
            psycopg.DataError: a text holds a NUL character.
        """
        found = [values[name] for name in self._names]
        return [_for_server(value) for value in found], [BINARY if isinstance(v, bytes) else _TEXT for v in found]

    def all(self, driver: Any, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run it on a connection of the driver that nobody else uses, and return the rows.

        Raises:
            psycopg.Error: as a cursor would.
        """
        return rows(self._run(driver, values))

    def run(self, driver: Any, values: Mapping[str, Any]) -> int:
        """Do the same, and return the number of rows that it changed or found."""
        return self._run(driver, values).command_tuples or 0

    def _run(self, driver: Any, values: Mapping[str, Any]) -> Any:
        ours = driver.pgconn
        given, formats = self.given(values)
        if driver.prepare_threshold is None:  # a pooler: the next transaction may have another server's process
            result = ours.exec_params(self.text, given, param_formats=formats, result_format=BINARY)
        else:
            result = ours.exec_prepared(self._name(driver), given, formats, BINARY)
            if result.status not in FINE and _has_forgotten(ours, result):
                _prepared.pop(driver, None)
                result = ours.exec_prepared(self._name(driver), given, formats, BINARY)
        check(ours, result)
        return result

    def _name(self, driver: Any) -> bytes:
        known = _prepared.setdefault(driver, {})
        name = known.get(self.text)
        if name is None:
            name = b"direct_%d" % next(_numbers)
            check(driver.pgconn, driver.pgconn.prepare(name, self.text))
            known[self.text] = name
        return name

    def _numbered(self, found: re.Match[str]) -> str:
        name = found[1]
        if name is None:
            return "%"
        if name not in self._names:
            self._names.append(name)
        return f"${self._names.index(name) + 1}"


def command(driver: Any, text: bytes) -> None:
    """Run what has no values and finds nothing, such as ``COMMIT``.

    Raises:
        psycopg.Error: as a cursor would.
    """
    check(driver.pgconn, driver.pgconn.exec_(text))


def roll_back(driver: Any) -> None:
    """Undo the transaction that the connection is in, if any; what is prepared stays prepared.

    The driver would have the server forget all that is prepared, since a transaction may have made what it is about.
    """
    from psycopg import pq

    if driver.pgconn.transaction_status in {pq.TransactionStatus.INTRANS, pq.TransactionStatus.INERROR}:
        command(driver, b"ROLLBACK")


def _has_forgotten(ours: Any, result: Any) -> bool:
    """Whether the server does not know a statement, and nothing is lost with that: no transaction is open."""
    from psycopg import pq

    return bool(ours.transaction_status == pq.TransactionStatus.IDLE) and is_unknown(result)


def is_unknown(result: Any) -> bool:
    """Whether the server does not know a prepared statement: somebody has had it forget what was prepared."""
    from psycopg import pq

    state = result.error_field(pq.DiagnosticField.SQLSTATE)
    return bool(state) and state.decode() == _NOT_THERE


def rows(result: Any) -> list[tuple[Any, ...]]:
    """Return the rows of what libpq found."""
    columns = [(at, _READ[result.ftype(at)]) for at in range(result.nfields)]
    get = result.get_value
    return [
        tuple(None if (found := get(row, at)) is None else read(found) for at, read in columns)
        for row in range(result.ntuples)
    ]


def check(ours: Any, result: Any) -> None:
    """Raise the error that libpq brought instead of a result, as a cursor would."""
    if result.status in FINE:
        return
    from psycopg import OperationalError, errors, pq

    if ours.status == pq.ConnStatus.BAD:
        raise OperationalError(ours.error_message.decode("utf-8", "replace"))
    raise errors.error_from_result(result)


def _for_server(value: Any) -> bytes | None:
    """Return a parameter in the server's text form; bytes as they are."""
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, list):
        return b"{%b}" % b",".join(map(_item, value))
    return _as_text(value)


def _as_text(value: str | int) -> bytes:
    shown = str(value).encode()
    if b"\0" in shown:
        from psycopg import DataError

        raise DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
    return shown


def _item(value: str | int | bytes | None) -> bytes:
    if isinstance(value, str):
        return b'"%b"' % _as_text(value).replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    if isinstance(value, bytes):
        return b'"\\\\x%b"' % value.hex().encode()
    return b"NULL" if value is None else b"%d" % value


def _as_integer(value: bytes) -> int:
    return int.from_bytes(value, "big", signed=True)


def _list_of(read: Callable[[bytes], Any]) -> Callable[[bytes], list[Any]]:
    def items(value: bytes) -> list[Any]:
        dimensions, _, _ = struct.unpack_from("!iii", value)
        found: list[Any] = []
        at = 12 + 8 * dimensions
        while at < len(value):
            (length,) = struct.unpack_from("!i", value, at)
            at += 4
            found.append(None if length < 0 else read(value[at : at + length]))
            at += max(length, 0)
        return found

    return items


_INTEGERS: Sequence[int] = (20, 21, 23)
_TEXTS: Sequence[int] = (19, 25, 705, 1042, 1043)
_READ: Mapping[int, Callable[[bytes], Any]] = {
    16: lambda value: value == b"\x01",  # boolean
    17: bytes,
    1016: _list_of(_as_integer),  # of bigint
    **dict.fromkeys(_INTEGERS, _as_integer),
    **dict.fromkeys(_TEXTS, bytes.decode),
}
"""How a column is read, by the number of its type in the server's catalog."""
