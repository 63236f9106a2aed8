"""A connection that one thread holds on to; opened when it is needed, thrown away when it breaks."""

import contextlib
import os
import socket
import time
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from backstage_py.metrics.process import CONNECTIONS
from backstage_py.storage.faults import LostError, raise_meaning
from backstage_py.storage.postgres import direct
from backstage_py.storage.postgres.connecting import Connecting
from backstage_py.storage.transaction import T


class Session:
    """A thread's connection. ``cut`` may be called from another thread, the rest may not.

    Attributes:
        may_be_done: whether a commit was sent since ``run`` began.
        process: the server's process behind the connection, 0 when there is none or a pooler hides it.
    """

    def __init__(self, connecting: Connecting) -> None:
        self.may_be_done = False
        self._connecting = connecting
        self._connection: sa.Connection | None = None
        self._descriptor = -1
        self.process = 0
        self._busy_since: float | None = None

    @property
    def seconds(self) -> float:
        """For how long it has been working on something."""
        began = self._busy_since
        return time.monotonic() - began if began is not None else 0.0

    def run(self, function: Callable[[sa.Connection], T]) -> T:
        """Run a function with the connection.

        Raises:
            LostError: the server does not answer; ``may_be_done`` is that of the session.
            Exception: another fault, as what it means.
        """
        self.may_be_done = False
        self._busy_since = time.monotonic()
        CONNECTIONS.inc("busy")
        try:
            return function(self._opened())
        except Exception as error:  # noqa: BLE001  # it is raised as what it means
            self._settle()
            try:
                raise_meaning(error)
            except LostError as lost:
                self.close()
                lost.may_be_done = self.may_be_done
                raise
        finally:
            self._busy_since = None
            CONNECTIONS.inc("busy", amount=-1)

    def cut(self) -> None:
        """End the wait for an answer that will not come: the thread gets an error of its connection."""
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(self._descriptor)) as ours:
            ours.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection; the next ``run`` opens another one."""
        connection, self._connection, self._descriptor, self.process = self._connection, None, -1, 0
        if connection is not None:
            CONNECTIONS.inc("open", amount=-1)
            connection.invalidate()
            connection.close()

    def _opened(self) -> sa.Connection:
        if self._connection is None:
            self._connection = self._connecting.session()
            CONNECTIONS.inc("open")
            driver: Any = self._connection.connection.driver_connection
            self._descriptor = driver.fileno()
            self.process = 0 if self._connecting.has_pooler else driver.info.backend_pid
        return self._connection

    def _settle(self) -> None:
        """Leave no transaction behind; a connection that cannot do that is of no use any more."""
        connection = self._connection
        if connection is None:
            return
        try:
            if connection.invalidated or connection.connection.driver_connection.closed:  # type: ignore[union-attr]
                self.close()
            else:
                direct.roll_back(connection.connection.driver_connection)
                connection.rollback()
        except Exception:  # noqa: BLE001  # whatever it is, a new connection has no such past
            self.close()
