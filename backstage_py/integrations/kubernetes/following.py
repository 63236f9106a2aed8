"""Following a list of objects for as long as wanted: listed once, then watched; listed anew after a gap.

A watch may break off, say the same twice, or be told that it is too late (410). Whoever takes the changes gets the
whole list again then, and now and then anyway, so that nothing depends on a single event.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog

from backstage_py.errors import BackstageError
from backstage_py.integrations.kubernetes.connection import Connection, pages, status_of
from backstage_py.model.json import JsonObject

_log = structlog.get_logger(__name__)
_GONE = 410
_PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0)


class Taker(Protocol):
    """Takes what is followed; called in the follower's thread."""

    def listed(self, path: str, objects: Sequence[JsonObject]) -> None:
        """Take all that there is; what is not among it is gone."""

    def changed(self, path: str, value: JsonObject) -> None:
        """Take an object as it is now."""

    def gone(self, path: str, value: JsonObject) -> None:
        """Take an object as it was last."""

    def lost(self, path: str, error: BackstageError) -> None:
        """Take note that nothing is heard for now; it is tried again."""


@dataclass(slots=True)
class Follower:
    """Follows one list in a thread of its own.

    Attributes:
        open: opens a connection; called again when one fails, so that credentials are read anew.
        path: of the list.
        labels: a selector.
        taker: gets what is found.
        resync: seconds after which all is listed again.
        patience: seconds of one request for changes.
    """

    open: Callable[[], Connection]
    path: str
    labels: str
    taker: Taker
    resync: float = 300.0
    patience: int = 240
    _stopping: threading.Event = field(default_factory=threading.Event)
    _reading: Any = None
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name=f"follow {self.path}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for it; blocks for a moment."""
        self._stopping.set()
        _cut(self._reading)
        if self._thread:
            self._thread.join(timeout=5)

    def _run(self) -> None:
        failures = 0
        version = ""
        while not self._stopping.is_set():
            try:
                with contextlib.closing(self.open()) as connection:
                    failures, version = 0, self._follow(connection, version)
            except BackstageError as error:
                if self._stopping.is_set():
                    return
                if status_of(error).get("code") == _GONE:
                    version = ""
                failures = self._rest(failures, error)
            except Exception as error:  # noqa: BLE001  # the thread's edge: it goes on
                if self._stopping.is_set():
                    return  # what is cut off raises as it likes
                _log.exception("kubernetes_watch_failed", path=self.path)
                failures = self._rest(failures, BackstageError(str(error)))

    def _rest(self, failures: int, error: BackstageError) -> int:
        """Say that nothing is heard, and wait a moment, longer with each failure."""
        self.taker.lost(self.path, error)
        _log.warning("kubernetes_watch_broke", path=self.path, problem=error.message)
        self._stopping.wait(_PAUSES[min(failures, len(_PAUSES) - 1)])
        return failures + 1

    def _follow(self, connection: Connection, version: str) -> str:
        """Follow until it is time to list anew, which an empty version asks for."""
        if not version:
            version = self._list(connection)
        again = time.monotonic() + self.resync
        while version and not self._stopping.is_set() and time.monotonic() < again:
            version = self._watch(connection, version)
        return ""

    def _list(self, connection: Connection) -> str:
        found: list[JsonObject] = []
        version = ""
        for page in pages(connection, self.path, [("labelSelector", self.labels)]):
            found += page.get("items") or []
            version = str(page["metadata"]["resourceVersion"])
            if self._stopping.is_set():
                return version
        self.taker.listed(self.path, found)
        return version

    def _watch(self, connection: Connection, version: str) -> str:
        query = [("labelSelector", self.labels), ("resourceVersion", version), ("allowWatchBookmarks", "true")]
        seconds = max(1, min(self.patience, round(self.resync)))
        for event in connection.events(self.path, query, seconds, self._reads):
            if event["type"] == "ERROR":
                return ""  # too long ago: what is now is listed
            value = event["object"]
            version = str(value["metadata"]["resourceVersion"])
            if event["type"] == "DELETED":
                self.taker.gone(self.path, value)
            elif event["type"] != "BOOKMARK":
                self.taker.changed(self.path, value)
        return version

    def _reads(self, answer: Any) -> None:
        """Keep what is read, so that ``stop`` can cut it off."""
        self._reading = answer
        if self._stopping.is_set():
            _cut(answer)


def _cut(answer: Any) -> None:
    """Wake a thread that reads an answer; closing it from another one would not."""
    connection = getattr(answer, "_connection", None) or getattr(answer, "connection", None)
    if (opened := getattr(connection, "sock", None)) is not None:
        with contextlib.suppress(OSError):
            opened.shutdown(socket.SHUT_RDWR)
