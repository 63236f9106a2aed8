"""A TCP proxy on 127.0.0.1 whose connections a test can cut, refuse, slow down, freeze and half-close."""

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass, field
from typing import Self

_CHUNK = 1 << 16
_RESET = struct.pack("ii", 1, 0)  # what is not yet sent is dropped, and the peer gets RST


@dataclass(eq=False, slots=True)
class _Pair:
    """A client's connection and the one that stands for it at the target."""

    client: asyncio.StreamWriter
    target: asyncio.StreamWriter | None = None

    def abort(self) -> None:
        """Reset both."""
        for writer in (self.client, self.target):
            if writer and not writer.transport.is_closing():
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                writer.transport.abort()


@dataclass(slots=True)
class Proxy:
    """Forwards connections to a port of this machine.

    Attributes:
        target: the port.
        delay: seconds that each piece of data waits, in both directions.
        is_refusing: new connections are cut at once.
    """

    target: int
    delay: float = 0.0
    is_refusing: bool = False
    port: int = 0
    _open: asyncio.Event = field(default_factory=asyncio.Event)
    _pairs: set[_Pair] = field(default_factory=set)
    _server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._open.set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server:
            self._server.close()
        self.thaw()
        self.cut()
        while self._pairs:  # noqa: ASYNC110  # their handlers end a moment later
            await asyncio.sleep(0.01)

    @property
    def connections(self) -> int:
        """How many there are."""
        return len(self._pairs)

    def cut(self) -> None:
        """Reset all connections; new ones are taken."""
        for pair in tuple(self._pairs):
            pair.abort()

    def freeze(self) -> None:
        """Take connections and data, and pass nothing on."""
        self._open.clear()

    def thaw(self) -> None:
        """Pass on what was held back, and what comes."""
        self._open.set()

    def half_close(self) -> None:
        """End all connections in the direction to the client only: the target does not learn of it."""
        for pair in tuple(self._pairs):
            with contextlib.suppress(OSError):
                pair.client.write_eof()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pair = _Pair(writer)
        self._pairs.add(pair)
        try:
            if self.is_refusing:
                return
            await self._open.wait()
            back, pair.target = await asyncio.open_connection("127.0.0.1", self.target)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(reader, pair.target))
                both.create_task(self._pump(back, writer))
        except* OSError:
            pass  # one end is gone, and the other one goes with it
        finally:
            pair.abort()
            self._pairs.discard(pair)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK):
            if self.delay:
                await asyncio.sleep(self.delay)
            await self._open.wait()
            if not writer.transport.is_closing():
                await self._pass_on(writer, data)
        with contextlib.suppress(OSError, RuntimeError):
            writer.write_eof()

    @staticmethod
    async def _pass_on(writer: asyncio.StreamWriter, data: bytes) -> None:
        """Write, unless this direction was half-closed: then the data is lost, as on a broken path."""
        with contextlib.suppress(RuntimeError):
            writer.write(data)
            await writer.drain()
