"""A proxy before a server: it counts how often a client waits for an answer, and it cuts, freezes and refuses."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Wire:
    """What happens to connections, and what did.

    Attributes:
        port: on 127.0.0.1, where clients connect to.
        turns: how often a client sent something after the server's answer to what it had sent before.
        flows: cleared, what clients and server say stays here; they can still connect.
        refuses: new connections are closed at once.
    """

    server_port: int
    port: int = 0
    turns: int = 0
    flows: asyncio.Event = field(default_factory=asyncio.Event)
    refuses: bool = False
    writers: set[asyncio.StreamWriter] = field(default_factory=set)
    has_dropped: bool = False
    tls: ssl.SSLContext | None = None
    """How the server is spoken to when clients speak to the proxy in the clear."""

    drops_after: bytes | None = None
    """The connection on which a client sends this is cut when the server has answered, without that answer."""

    breaks_at: int | None = None
    """Turns until all connections are cut and new ones refused; set anew, it counts from there."""

    passes_on: bool = True
    """Whether the server gets what breaks the wire: it does what it is asked, and only its answer is lost."""

    broke: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it broke."""

    swallows_after: bytes | None = None
    """The connection on which a client sends this stays open, and nothing comes back on it any more."""

    def cut(self) -> None:
        """Cut all connections."""
        for writer in list(self.writers):
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection."""
        if not self.refuses:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.server_port, ssl=self.tls)
            self.writers.add(far_writer)
            link = _Link()
            ways = {
                asyncio.ensure_future(self._forth(reader, far_writer, link)),
                asyncio.ensure_future(self._back(far_reader, writer, link)),
            }
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
                self.writers.discard(far_writer)
                far_writer.transport.abort()

    async def _forth(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, link: "_Link") -> None:
        while data := await reader.read(65_536):
            await self.flows.wait()
            self.turns += link.is_clients_turn
            if link.is_clients_turn and self.breaks_at is not None:
                self.breaks_at -= 1
                if not self.breaks_at:
                    self.refuses, self.breaks_at, link.breaks = True, None, True
                    if not self.passes_on:
                        self._break()
                        return
            link.is_clients_turn = False
            if self.drops_after and self.drops_after in data:
                self.drops_after, self.has_dropped, link.drops_answer = None, True, True
            if self.swallows_after and self.swallows_after in data:
                self.swallows_after, self.has_dropped, link.swallows_answer = None, True, True
            writer.write(data)

    def _break(self) -> None:
        self.cut()
        self.broke.set()

    async def _back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, link: "_Link") -> None:
        while data := await reader.read(65_536):
            await self.flows.wait()
            if link.breaks:
                break
            if link.drops_answer:
                return
            if link.swallows_answer:
                continue
            link.is_clients_turn = True
            writer.write(data)
        if link.breaks:
            self._break()


@dataclass(slots=True)
class _Link:
    is_clients_turn: bool = True
    drops_answer: bool = False
    swallows_answer: bool = False
    breaks: bool = False


@contextlib.asynccontextmanager
async def wire(port: int) -> AsyncIterator[Wire]:
    """Stand before a server on a port of 127.0.0.1 until the block is left."""
    opened, tasks = Wire(port), set[asyncio.Task[Any]]()
    opened.flows.set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if task := asyncio.current_task():
            tasks.add(task)
        opened.writers.add(writer)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await opened.serve(reader, writer)
        opened.writers.discard(writer)
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    opened.port = server.sockets[0].getsockname()[1]
    try:
        yield opened
    finally:
        server.close()
        opened.refuses = True
        for _ in range(10):
            await asyncio.sleep(0)  # what was accepted in the last moment arrives at ``serve``, and is refused
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        opened.cut()
        await asyncio.sleep(0)  # for transports to be closed
