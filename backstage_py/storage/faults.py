"""What the errors of SQLite and PostgreSQL mean to a caller, in one sentence."""

from typing import NoReturn

from backstage_py.disk import DiskFullError
from backstage_py.errors import BackstageError, InputError, ServiceUnavailableError

_PRIMARY = 0xFF
_BUSY = frozenset({5, 6})
"""SQLite's primary codes for busy and locked; its module is imported where there is such a database only."""
_FULL = 13
_DAMAGED = frozenset({11, 26})
"""Corrupt, and not a database."""
_CLOSED = frozenset({14, 8, 3, 10, 23})
"""Cannot be opened, read-only, permissions, input and output, authorization."""
_PG_FULL = "53100"
_PG_LOCKED = "55P03"
_PG_SLOW = "57014"
_PG_INTERFERED = frozenset({"40001", "40P01"})
_PG_REFUSED = ("28", "3D", "53")
"""Connections: not allowed, to no database, too many."""
_PG_LOST = ("08", "57P", "25P03", "25006")
"""Broken connections; a server that starts or stops, took us for dead, or only reads since a failover."""

_PG_REFUSALS = ("authentication failed", "does not exist", "no pg_hba.conf entry", "permission denied", "no password")
_AWAY = "The database does not answer, or refuses ({}); check that it runs, and backend.database.connection"
_PG_BROKEN = frozenset({"OperationalError", "InterfaceError", "ConnectionTimeout", "DatabaseError"})
"""What the driver raises of itself: whatever the server says has a code."""


class DatabaseError(BackstageError):
    """The database cannot be used as it is; the operator has to mend it."""


class BusyError(ServiceUnavailableError):
    """Something else has held the database for too long."""


class InterferenceError(BusyError):
    """Another transaction was in the way, and this one was undone: it may simply run again."""


class SlowError(ServiceUnavailableError):
    """A statement took longer than it may, on a server that answers."""


class RefusedError(ServiceUnavailableError):
    """The server lets nobody in who comes like us, or nobody more."""

    def __init__(self, said: str) -> None:
        super().__init__(_AWAY.format(said))


class LostError(ServiceUnavailableError):
    """The server does not answer, or the connection to it was lost.

    Args:
        said: what the driver said.
        may_be_done: the connection was lost when the server may have committed already.
    """

    def __init__(self, said: str, *, may_be_done: bool) -> None:
        super().__init__(_AWAY.format(said))
        self.said = said
        self.may_be_done = may_be_done


OUTAGES = (LostError, RefusedError, BusyError)


def is_outage(error: BaseException | None) -> bool:
    """Say whether an error stems from our own database, which was away or held by others: nobody did anything wrong."""
    while error is not None:
        if isinstance(error, OUTAGES):
            return True
        error = error.__cause__ or error.__context__
    return False


def meaning(error: Exception) -> Exception:
    """Return what an error of a database means; the error itself when it is a fault of ours or no such error."""
    import sqlalchemy as sa  # runs of authors know outages, but have no database

    if isinstance(error, sa.exc.TimeoutError):
        return BusyError("All connections to the database are in use; try again later")
    cause: BaseException | None = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    if type(cause).__module__ == "sqlite3":
        return _of_sqlite(cause) or error
    if type(cause).__module__.partition(".")[0] == "psycopg":
        return _of_postgres(cause) or error
    return error


def raise_meaning(error: Exception) -> NoReturn:
    """Raise an error as what it means."""
    found = meaning(error)
    if found is error:
        raise error
    raise found from error


def _of_sqlite(error: BaseException | None) -> Exception | None:
    code = (getattr(error, "sqlite_errorcode", None) or 0) & _PRIMARY
    if code in _BUSY:
        return BusyError("The database is locked by something else; try again later")
    if code == _FULL:
        return DiskFullError("The disk of the database is full; the operator must make room")
    if code in _DAMAGED:
        return DatabaseError(
            f"The database is damaged, or its file is no SQLite database ({error}); check backend.database.connection, "
            "or restore a backup"
        )
    if code in _CLOSED:
        return DatabaseError(
            f"The database's file cannot be opened, read or written ({error}); check that backend.database.connection "
            "names a file that this user may write, in a folder that it may write"
        )
    return None


def _of_postgres(error: BaseException | None) -> Exception | None:
    if "NUL (0x00)" in str(error):  # only a client can have sent that
        return InputError("A text holds a NUL character, which PostgreSQL can neither store nor look for; leave it out")
    state = getattr(error, "sqlstate", None)
    said = " ".join(str(error).split())[:500]
    if state == _PG_FULL:
        return DiskFullError("The disk of the database is full; the operator must make room")
    if state == _PG_LOCKED:
        return BusyError("The database is locked by something else; try again later")
    if state == _PG_SLOW:
        return SlowError("The database took longer for a statement than is allowed; try again later")
    if state in _PG_INTERFERED:
        return InterferenceError("Another transaction was in the way; try again later")
    if (state is None and type(error).__name__ in _PG_BROKEN) or (state and state.startswith(_PG_LOST)):
        return RefusedError(said) if state is None and _is_refusal(said) else LostError(said, may_be_done=False)
    if state and state.startswith(_PG_REFUSED):
        return RefusedError(said)
    return None


def _is_refusal(said: str) -> bool:
    """Return whether a server let nobody in who comes like us; errors of connecting have no code."""
    return any(words in said for words in _PG_REFUSALS)
