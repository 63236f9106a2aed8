"""The open connections of a server, bounded in number; those without an authenticated request are closed first."""

import asyncio
import resource
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol

import structlog
from starlette.types import Scope

from backstage_py.model.trusted_proxies import TrustedProxies
from backstage_py.settings.sections import ServerSettings

_log = structlog.get_logger(__name__)

CONNECTION: Final = "backstage.connection"  # key in the ASGI scope
_GRACE: Final = 1.0  # seconds that every new connection has for its first authenticated request
_MOST_DESCRIPTORS: Final = 65_536
_KEPT_DESCRIPTORS: Final = 256  # for files, child processes, databases and requests of our own


class Connection(Protocol):
    """One connection.

    Attributes:
        address: of the peer.
        age: seconds since it was made.
        is_served: a whole request is here and its answer is not.
    """

    address: str
    registry: "Connections"

    @property
    def age(self) -> float: ...  # noqa: D102  # above

    @property
    def is_served(self) -> bool: ...  # noqa: D102  # above

    def end(self) -> None:
        """End the connection."""


@dataclass(slots=True)
class Connections:
    """The open connections of a server. A connection is proven once a request on it was authenticated.

    Args:
        settings: bounds in number and time.
        most: how many there may be in all; see ``most_connections``.
    """

    settings: ServerSettings
    most: int
    _proxies: TrustedProxies = field(init=False)
    _open: set[Connection] = field(default_factory=set)
    _unproven: dict[str, dict[Connection, None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._proxies = TrustedProxies(self.settings.trust_proxy)

    def add(self, connection: Connection) -> None:
        """Count a new connection. When there are too many, one that is not proven ends, at worst the new one."""
        self._open.add(connection)
        neighbours = self._unproven.setdefault(connection.address, {})
        neighbours[connection] = None
        if len(self._open) > self.most:
            fullest = max(self._unproven.values(), key=len)
            if not self._end_first(one for one in fullest if one is not connection):
                self._end_first([connection])
            _log.warning("connections_exhausted", open=len(self._open), most=self.most)
        elif self._is_crowded(connection.address):
            after_reading(asyncio.get_running_loop(), partial(self._end_oldest, connection.address))

    def remove(self, connection: Connection) -> None:
        """Forget a connection."""
        self._open.discard(connection)
        self.prove(connection)

    def prove(self, connection: Connection) -> None:
        """Take a connection out of those that are not proven."""
        neighbours = self._unproven.get(connection.address, {})
        neighbours.pop(connection, None)
        if not neighbours:
            self._unproven.pop(connection.address, None)

    def _is_crowded(self, address: str) -> bool:
        crowd = len(self._unproven.get(address, ()))
        return crowd > self.settings.most_unauthenticated and address not in self._proxies

    def _end_oldest(self, address: str) -> None:
        if self._is_crowded(address):
            self._end_first(one for one in self._unproven[address] if one.age > _GRACE)

    def _end_first(self, candidates: Iterable[Connection]) -> bool:
        """End the first connection that is not being answered, if there is one."""
        chosen = next((one for one in candidates if not one.is_served), None)
        if chosen:
            self.remove(chosen)
            chosen.end()
        return chosen is not None


def after_reading(loop: asyncio.AbstractEventLoop, function: Callable[[], None]) -> asyncio.Handle:
    """Do something when the loop has read what had come by now: it may have been held up for longer than its clients.

    A loop that goes on serves timers, or new connections, before it reads from the others; it has read from all of
    them when it comes to what was put off twice.
    """
    return loop.call_soon(loop.call_soon, function)


def authenticated(scope: Scope) -> None:
    """Mark the connection of a request as proven, once its caller is authenticated."""
    if connection := scope.get(CONNECTION):
        connection.registry.prove(connection)


def raise_descriptor_limit() -> int:
    """Allow this process as many open files as the system lets it have, and return the number."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MOST_DESCRIPTORS)
    if 0 <= soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return soft if soft >= 0 else _MOST_DESCRIPTORS


def most_connections(settings: ServerSettings, descriptors: int) -> int:
    """Return how many connections there may be: as configured, as far as the descriptors reach."""
    room = max(descriptors - _KEPT_DESCRIPTORS, descriptors // 2)
    return min(settings.most_connections or room, room)
