"""uvicorn's protocol with a bound on the time in which a request must arrive and an answer must be read.

uvicorn bounds a connection only while it is idle between two requests. Here a request that does not arrive whole is
ended as Node.js ends it, with the settings that Backstage has for that.
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from backstage_py.http.connections import CONNECTION, Connections, after_reading
from backstage_py.http.joined_writes import JoinedWrites

_TIMED_OUT: Final = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n"


class ServerProtocol(HttpToolsProtocol):
    """One connection, with bounds on the time in which a request must arrive and an answer must be read."""

    def __init__(self, connections: Connections, **given: Any) -> None:
        super().__init__(**given)
        self.registry = connections
        self.address = ""
        self.is_served = False
        self._awaits_headers = True
        self._since = self.loop.time()
        self._deadline: asyncio.TimerHandle | None = None
        self._arrivals = 0

    @property
    def age(self) -> float:
        """Seconds since the connection was made."""
        return self.loop.time() - self._since

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Count the connection and wait for its first request."""
        self._joined = JoinedWrites(transport, self.loop)
        super().connection_made(self._joined)
        self.address = str(self.client[0]) if self.client else ""
        self._set_deadline(self.registry.settings.headers_timeout)
        self.registry.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._arrived()
        self.registry.remove(self)
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Begin to wait for headers."""
        self._awaits_headers = True
        super().on_message_begin()
        self.scope[CONNECTION] = self  # type: ignore[typeddict-unknown-key]  # ours, beside those of ASGI
        self._set_deadline(self.registry.settings.headers_timeout)

    def on_headers_complete(self) -> None:
        """Begin to wait for the body."""
        self._awaits_headers = False
        self._set_deadline(self.registry.settings.request_timeout)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is here."""
        self._arrived()
        self.is_served = not self.cycle.response_complete
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The answer is sent."""
        self.is_served = False
        self._joined.flush()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Begin to wait for the client, which has stopped reading."""
        super().pause_writing()
        self._set_deadline(self.registry.settings.request_timeout)

    def resume_writing(self) -> None:
        """Stop waiting: the client reads again."""
        self._arrived()
        super().resume_writing()

    def end(self) -> None:
        """End the connection; a request that has not arrived whole is answered as by Node.js."""
        if not self.transport.is_closing():
            if self._awaits_headers or not self.cycle.response_started:
                self.transport.write(_TIMED_OUT)
            if self.flow.write_paused:  # the client reads nothing, so a graceful end would wait for ever
                self.transport.abort()
            else:
                self.transport.close()

    def _set_deadline(self, seconds: float) -> None:
        self._arrived()
        if seconds:
            self._deadline = self.loop.call_later(seconds, self._late)

    def _late(self) -> None:
        self._deadline = None
        waited_for = self._arrivals

        def end() -> None:
            if self._arrivals == waited_for:
                self.end()

        after_reading(self.loop, end)

    def _arrived(self) -> None:
        self._arrivals += 1
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None
