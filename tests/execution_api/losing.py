"""A network between a pod and the service that loses what a test says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Network:
    """Where it is entered.

    Attributes:
        url: of the service, by way of this network.
        swallows: begins of requests that never arrive, and whose connection stays open; each once.
        loses: begins of requests that arrive, and whose answer is lost; each once.
        happened: those that were met.
    """

    url: str
    swallows: list[bytes] = field(default_factory=list)
    loses: list[bytes] = field(default_factory=list)
    happened: list[bytes] = field(default_factory=list)

    def meets(self, request: bytes, expected: list[bytes]) -> bool:
        for one in expected:
            if request.startswith(one):
                expected.remove(one)
                self.happened.append(one)
                return True
        return False


@asynccontextmanager
async def between(url: str) -> AsyncIterator[Network]:
    """Stand between whoever calls and a service."""
    place = urlsplit(url)
    tasks: set[asyncio.Task[None]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        with suppress(OSError, asyncio.IncompleteReadError):
            there, back = await asyncio.open_connection(place.hostname, place.port)
            try:
                await _carry_requests(found, reader, writer, (there, back))
            finally:
                writer.close()
                back.close()

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    found = Network(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{place.path}")
    try:
        yield found
    finally:
        server.close()
        for one in tasks:
            one.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _carry_requests(
    network: Network,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    service: tuple[asyncio.StreamReader, asyncio.StreamWriter],
) -> None:
    there, back = service
    while request := await _message(reader):
        if network.meets(request, network.swallows):
            await reader.read()  # until the caller hangs up
            return
        back.write(request)
        answer = await _message(there)
        if network.meets(request, network.loses):
            return
        writer.write(answer)


async def _message(reader: asyncio.StreamReader) -> bytes:
    """Return a request or an answer with its body, which has a length here; nothing at the end."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0")
    return head + await reader.readexactly(int(length.split(b":")[1]))
