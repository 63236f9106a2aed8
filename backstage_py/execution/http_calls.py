"""Requests of a pod to the execution API: kept alive, tried again while nobody answers, refused for good with 401."""

import http.client
import ssl
import time
from urllib.parse import urlsplit

from backstage_py.errors import BackstageError, of_status
from backstage_py.execution.channel import ChannelClosed
from backstage_py.model import json
from backstage_py.model.json import Json

_PATIENCE = 30.0
_PAUSES = (0.05, 0.2, 0.5, 1.0)
_REFUSED = 401
_LATER = (429, 500, 502, 503, 504)
_ERROR = 400


class Calls:
    """Calls one session of the API; for one thread at a time.

    Args:
        url: of the API, with the session's key.
        token: of the session.
        seconds: to wait for an answer.
        patience: seconds for which nobody may answer.
    """

    def __init__(self, url: str, token: str, seconds: float = 60.0, patience: float = _PATIENCE) -> None:
        self._url = urlsplit(url)
        self._token = token
        self._seconds = seconds
        self._patience = patience
        self._open: http.client.HTTPConnection | None = None

    def call(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """Return the body of the answer.

        Raises:
            ChannelClosed: the session is over, or nobody has answered for long. BackstageError: it is refused.
        """
        give_up = time.monotonic() + self._patience
        for failures in range(1_000_000):
            found = self._once(method, path, body)
            if found is not None:
                return found
            if time.monotonic() > give_up:
                break
            time.sleep(_PAUSES[min(failures, len(_PAUSES) - 1)])
        raise ChannelClosed

    def close(self) -> None:
        """Close the connection."""
        if self._open:
            self._open.close()
            self._open = None

    def _once(self, method: str, path: str, body: bytes | None) -> bytes | None:
        """Return the answer; None when there is none for now."""
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            connection = self._open = self._open or self._connection()
            connection.request(method, f"{self._url.path}/{path}", body, headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            return None
        if answer.status in _LATER:
            return None
        if answer.status == _REFUSED:
            raise ChannelClosed
        if answer.status >= _ERROR:
            raise _error(answer.status, content)
        return content

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        if self._url.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(host, port, timeout=self._seconds, context=context)
        return http.client.HTTPConnection(host, port, timeout=self._seconds)


def _error(status: int, content: bytes) -> BackstageError:
    try:
        told: Json = json.parse(content)["error"]["message"]
    except (ValueError, KeyError, TypeError):
        told = f"The service answered with {status}"
    return of_status(status, str(told))
