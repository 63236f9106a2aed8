"""The service's end of a socket with a handler at its other end: hands what comes to the host of the current call."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress

from backstage_py.execution import stream
from backstage_py.execution.messages import FromService, ProtocolError
from backstage_py.scaffolder.executors.host import Host
from backstage_py.scaffolder.executors.line import Line


class Wire:
    """Serves one connection.

    Args:
        over: awaited when nothing more comes, with what is wrong if anything is.

    Attributes:
        host: of the current call, or of the last one.
    """

    def __init__(self, over: Callable[[str | None], Awaitable[None]]) -> None:
        self.host: Host | None = None
        self._over = over
        self._line = Line()
        self._writer: asyncio.StreamWriter | None = None
        self._pumping: asyncio.Task[None] | None = None

    async def open(self, connected: socket.socket) -> None:
        """Take what comes from now on."""
        reader, self._writer = await asyncio.open_unix_connection(sock=connected)
        self._pumping = asyncio.create_task(self._pump(reader))

    @property
    def is_open(self) -> bool:
        """Whether the socket is this wire's to close."""
        return self._writer is not None

    async def begin(self, host: Host) -> None:
        """Begin a call; its end is the host's."""
        self.host = host
        await self.send(host.begin())

    async def send(self, message: FromService) -> None:
        """Send a message; one that nobody takes any more is lost, and the end of the connection tells so.

        Raises:
            TypeError, ValueError: it cannot be sent.
        """
        data = stream.framed(self._line.encode(message))
        if self._writer:
            with suppress(ConnectionError):
                self._writer.write(data)
                await self._writer.drain()

    def close(self) -> None:
        """Take nothing more."""
        if self._pumping and self._pumping is not asyncio.current_task():
            self._pumping.cancel()
        if self._writer:
            self._writer.close()

    async def _pump(self, reader: asyncio.StreamReader) -> None:
        wrong: str | None = None
        try:
            while True:
                data = await reader.readexactly(stream.length(await reader.readexactly(stream.HEADER)))
                message = await self._line.read(data)
                if message and self.host:
                    await self.host.take(message, len(data))
                await asyncio.sleep(0)  # what talks without end holds nobody up
        except ProtocolError as error:
            wrong = f"sent what is no message: {error}"
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        await self._over(wrong)
