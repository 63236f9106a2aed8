"""Opening connections to a server, in the way that its operator and whatever stands before it allow."""

import threading
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import URL

if TYPE_CHECKING:
    import psycopg

_log = structlog.get_logger(__name__)
_DEFAULTS = {
    "connect_timeout": "5",  # seconds, for each address
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",  # milliseconds until sent data must have been received
    "application_name": "backstage-py",
    "client_encoding": "utf8",  # of a database in SQL_ASCII, texts would come as bytes
}
_STATEMENT_SECONDS = 60
_IDLE_SECONDS = 60
"""Of a transaction: a process that is stopped in the middle of one must not keep its locks."""
_PREPARED = 300
"""Statements that a connection keeps prepared."""
_LOCK_SECONDS = 5
"""Unless the operator set another time: who answers a request says 503 then, who must not give up asks again."""
_LIMITS = (
    f"SET statement_timeout = '{_STATEMENT_SECONDS}s'; SET idle_in_transaction_session_timeout = '{_IDLE_SECONDS}s'; "
    f"SELECT set_config('lock_timeout', '{_LOCK_SECONDS}s', false) WHERE current_setting('lock_timeout') = '0'"
)


def plain(url: URL, **more: str) -> "psycopg.Connection[Any]":
    """Open a connection of the driver that commits each statement by itself.

    Args:
        url: of the database.
        more: parameters of libpq, over those of the URL.
    """
    import psycopg

    words = {**_DEFAULTS, **{name: str(value) for name, value in url.query.items()}, **more}
    named = {"host": url.host, "port": url.port, "user": url.username, "password": url.password, "dbname": url.database}
    words |= {name: str(value) for name, value in named.items() if value and name not in words}
    return psycopg.connect(**words, autocommit=True)  # type: ignore[arg-type]  # all are texts


class Connecting:
    """The way to one database.

    Args:
        url: of the database; its query may hold any parameter of libpq.
        pooler: whether a pooler gives each transaction another connection; None finds out.
    """

    def __init__(self, url: URL, *, pooler: bool | None = None) -> None:
        defaults = {name: value for name, value in _DEFAULTS.items() if name not in url.query}
        self._url = url.update_query_dict(defaults)
        self._pooler = pooler
        self._lock = threading.Lock()
        self.engine = sa.create_engine(
            self._url,
            hide_parameters=True,  # errors that quote them would put what users store into the log
            poolclass=sa.NullPool,  # each thread holds its own connection
            use_native_hstore=False,
        )

    def session(self) -> sa.Connection:
        """Open a connection that commits each statement by itself, unless ``BEGIN`` was sent."""
        connection = self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            self._prepare(connection.connection.driver_connection)
        except BaseException:
            connection.invalidate()
            connection.close()
            raise
        return connection

    def plain(self, **more: str) -> "psycopg.Connection[Any]":
        """Open a connection of the driver that commits each statement by itself.

        Args:
            more: parameters of libpq.
        """
        return plain(self._url, **more)

    @property
    def has_pooler(self) -> bool:
        """Whether a pooler was found; unknown is no before the first connection is open."""
        return bool(self._pooler)

    def is_pooled(self, connection: "psycopg.Connection[Any]") -> bool:
        """Return whether a pooler stands between us and the server.

        A pooler tells its clients a process id of its own making. One that keeps a session together looks the same
        as one that does not, so the operator can say that it is harmless.
        """
        with self._lock:
            if self._pooler is None:
                row = connection.execute("SELECT pg_backend_pid()", prepare=False).fetchone()
                self._pooler = row is not None and row[0] != connection.info.backend_pid
                if self._pooler:
                    _log.info(
                        "database_pooler_found",
                        consequence="wakes are polled for, and no statement stays prepared",
                        otherwise="set backend.database.pooler to false if it keeps sessions together",
                    )
            return self._pooler

    def _prepare(self, connection: Any) -> None:
        if self.is_pooled(connection):
            connection.prepare_threshold = None  # the next transaction may have another server's process
            return
        connection.prepared_max = _PREPARED
        connection.execute(_LIMITS, prepare=False)
