"""The proxy does to connections what it says: a fault that does not happen proves nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from tests.replicas.proxy import Proxy


@dataclass(frozen=True, slots=True)
class Ends:
    """A client's connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def asked(self, text: bytes) -> bytes:
        self.writer.write(text)
        return await self.reader.read(100)


@asynccontextmanager
async def connected(proxy: Proxy) -> AsyncIterator[Ends]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        yield Ends(reader, writer)
    finally:
        writer.transport.abort()


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(100):
            writer.write(data)
    except ConnectionError:
        pass
    finally:
        writer.transport.abort()


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    server = await asyncio.start_server(_echo, "127.0.0.1", 0)
    async with Proxy(server.sockets[0].getsockname()[1]) as running:
        yield running
    server.close()


async def test_cut_connections_are_reset_and_new_ones_taken_unless_refused(proxy: Proxy) -> None:
    async with connected(proxy) as one:
        assert await one.asked(b"one") == b"one"
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            await one.reader.read(100)
    async with connected(proxy) as one:
        assert await one.asked(b"two") == b"two"
    proxy.is_refusing = True
    async with connected(proxy) as one:
        with pytest.raises(ConnectionResetError):
            await one.reader.read(100)


async def test_a_frozen_proxy_takes_all_and_passes_it_on_later(proxy: Proxy) -> None:
    async with connected(proxy) as old:
        assert await old.asked(b"one") == b"one"
        proxy.freeze()
        async with connected(proxy) as new:
            waiting = [asyncio.ensure_future(one.asked(b"two")) for one in (old, new)]
            assert not (await asyncio.wait(waiting, timeout=0.2))[0]
            proxy.thaw()
            assert await asyncio.gather(*waiting) == [b"two", b"two"]


async def test_a_half_closed_connection_ends_for_the_client_alone(proxy: Proxy) -> None:
    async with connected(proxy) as one:
        assert await one.asked(b"one") == b"one"
        proxy.half_close()
        assert await one.asked(b"two") == b""
        await asyncio.sleep(0.1)
        assert proxy.connections == 1


async def test_a_slow_proxy_passes_on_all_in_order(proxy: Proxy) -> None:
    async with connected(proxy) as one:
        proxy.delay = 0.05
        for word in (b"a", b"b", b"c"):
            one.writer.write(word)
            await one.writer.drain()
        assert await one.reader.readexactly(3) == b"abc"
