"""Requests of a pod to the execution API: kept alive, tried again while nobody answers, refused for good with 401.

A network may lose what it has taken, and say nothing: no request waits for longer than it is told, and what is not even
received at the other end is sent again over another connection soon.
"""

import http.client
import itertools
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlsplit

from backstage_py.errors import BackstageError, of_status
from backstage_py.execution import requests
from backstage_py.execution.channel import ChannelClosed
from backstage_py.model import json
from backstage_py.model.json import Json

_SECONDS = 60.0
_PATIENCE = 120.0
_REACHES = 10.0
_PAUSES = (0.05, 0.2, 0.5, 1.0)
_REFUSED = 401
_LATER = (408, 429, 500, 502, 503, 504)
_ERROR = 400


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    content: bytes
    headers: http.client.HTTPMessage


class Calls:
    """Calls one session of the API, one after the other.

    Args:
        url: of the API, with the session's key.
        token: of the session.
        seconds: to wait for an answer.
        patience: seconds for which nobody may answer, from the first answer that is missed.
        reaches: seconds in which what is sent must arrive.
        more: further headers.
    """

    def __init__(
        self,
        url: str,
        token: str,
        seconds: float = _SECONDS,
        patience: float = _PATIENCE,
        reaches: float = _REACHES,
        more: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._url = urlsplit(url)
        self._headers = {"Authorization": f"Bearer {token}", **more}
        self._seconds = seconds
        self._patience = patience
        self._reaches = reaches
        self._open: http.client.HTTPConnection | None = None
        self._calling = threading.RLock()
        self._closed = threading.Event()

    def call(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """Return the body of the answer.

        Raises:
            ChannelClosed: the session is over, nobody has answered for long, or ``close`` was called.
            BackstageError: it is refused.
        """
        return self.ask(method, path, body).content

    def fetch(self, path: str) -> bytes:
        """Return what never changes; as ``call``, but what broke off goes on from there."""
        return self.ask("GET", path, held=bytearray()).content

    def ask(self, method: str, path: str, body: bytes | None = None, *, held: bytearray | None = None) -> Answer:
        """Return the answer; as ``call``. What is ``held`` of it already is not asked for again."""
        with self._calling:
            return self._ask(method, path, body, held)

    def close(self) -> None:
        """End; a call that goes on in another thread ends with ``ChannelClosed``."""
        self._closed.set()
        open_ = self._open
        sock = open_.sock if open_ else None
        if sock:
            with suppress(OSError):  # it has ended by itself
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # TLS is left as it is: the other thread is in it
        with self._calling:
            self._let_go()

    def _ask(self, method: str, path: str, body: bytes | None, held: bytearray | None) -> Answer:
        give_up: float | None = None
        for failures in itertools.count():
            had = len(held or b"")
            found = self._once(method, path, body, held)
            if found is not None:
                return found
            if len(held or b"") > had:
                give_up = None
            give_up = give_up or time.monotonic() + self._patience
            if time.monotonic() > give_up:
                break
            if self._closed.wait(_PAUSES[min(failures, len(_PAUSES) - 1)]):
                break
        raise ChannelClosed

    def _let_go(self) -> None:
        connection, self._open = self._open, None
        if connection:
            connection.close()

    def _once(self, method: str, path: str, body: bytes | None, held: bytearray | None) -> Answer | None:
        """Return the answer; None when there is none for now."""
        headers = {**self._headers, **requests.behind(held or bytearray())}
        try:
            if self._open is None or self._open.sock is None:  # the service may close it behind an answer
                self._open = self._connected()
            connection = self._open
            if self._closed.is_set():  # looked at behind the line above: 'close' sees the connection, or is seen here
                raise ChannelClosed
            connection.request(method, f"{self._url.path}/{path}", body, headers)
            answer = connection.getresponse()
            content = held if held is not None and answer.status < _ERROR else bytearray()
            requests.read_on(answer, content)
        except (OSError, http.client.HTTPException):
            self._let_go()
            return None
        if answer.status in _LATER:
            return None
        if answer.status == _REFUSED:
            raise ChannelClosed
        if answer.status >= _ERROR:
            raise _error(answer.status, bytes(content))
        return Answer(bytes(content), answer.headers)

    def _connected(self) -> http.client.HTTPConnection:
        connection = requests.connection(self._url, self._reaches)
        connection.auto_open = 0
        try:
            connection.connect()
        except BaseException:
            connection.close()
            raise
        connection.sock.settimeout(self._seconds)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
            reaches = round(self._reaches * 1000)
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, reaches)
        return connection


def _error(status: int, content: bytes) -> BackstageError:
    try:
        told: Json = json.parse(content)["error"]["message"]
    except (ValueError, KeyError, TypeError):
        told = f"The service answered with {status}"
    return of_status(status, str(told))
