"""What a store's functions get: a transaction for a write, a connection for a read."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

import sqlalchemy as sa

T = TypeVar("T")


@dataclass(slots=True)
class Transaction:
    """What a write function gets: the connection, and the topics to wake once it is committed."""

    connection: sa.Connection
    topics: set[str] = field(default_factory=set)
    elsewhere: set[str] = field(default_factory=set)
    committed: list[Callable[[], None]] = field(default_factory=list)

    def wake(self, topic: str) -> None:
        """Wake whoever waits for ``topic``, in any process, after the commit."""
        self.topics.add(topic)

    def wake_elsewhere(self, topic: str) -> None:
        """Wake whoever waits for ``topic`` in other processes only, after the commit."""
        self.elsewhere.add(topic)

    def after_commit(self, function: Callable[[], None]) -> None:
        """Call ``function`` on the writer's thread once the commit is done; it must not raise or wait."""
        self.committed.append(function)


WriteFunction = Callable[[Transaction], T]
ReadFunction = Callable[[sa.Connection], T]


@dataclass(slots=True)
class Write:
    """A write function on its way to the writer's thread of SQLite; ``done`` is its result."""

    function: WriteFunction[Any]
    done: "Future[Any]" = field(default_factory=Future)
