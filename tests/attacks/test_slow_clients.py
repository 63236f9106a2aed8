"""Clients that send half a request, or nothing: they are ended, and never keep others out."""

import asyncio
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from backstage_py.cli.client import ApiClient
from tests.e2e.service import RunningService

MOST = 40
MOST_OF_NOBODY = 10


class Client:
    """A connection that a test writes bytes to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def rest(self) -> bytes:
        """Everything until the server ends the connection."""
        try:
            return await self.reader.read()
        except ConnectionResetError:
            return b""


Connect = Callable[[], Awaitable[Client]]


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[RunningService]:
    bounds = {"maxConnections": MOST, "maxUnauthenticatedConnections": MOST_OF_NOBODY}
    server = {"headersTimeout": "1s", "requestTimeout": "2s", **bounds}
    running = RunningService(tmp_path, [], {"backend": {"server": server}})
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def connect(service: RunningService) -> AsyncIterator[Connect]:
    """Opens connections, and closes them in the end."""
    clients: list[Client] = []

    async def open_one() -> Client:
        clients.append(Client(*await asyncio.open_connection("127.0.0.1", service.port)))
        return clients[-1]

    yield open_one
    for client in clients:
        client.writer.close()
    await asyncio.gather(*(client.writer.wait_closed() for client in clients), return_exceptions=True)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "half",
    [
        b"",
        b"GET /api/catalog/entities HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        b"GET /api/catalog/entities HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345",
        b"POST /api/auth/guest/refresh HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    ],
    ids=["nothing", "headers", "body", "chunk"],
)
async def test_half_a_request_is_ended(connect: Connect, half: bytes, service: RunningService) -> None:
    client = await connect()
    await client.send(half)
    await client.rest()  # the test's own time limit says if it never ends


async def test_a_dribbled_request_is_ended(connect: Connect, service: RunningService) -> None:
    """A byte now and then does not buy more time."""
    client = await connect()
    ended = asyncio.create_task(client.rest())
    await client.send(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
    while not ended.done():
        client.writer.write(b"a")
        await asyncio.sleep(0.1)
    assert ended.result().startswith(b"HTTP/1.1 408 ")


@pytest.mark.thorough
async def test_a_body_that_follows_a_refusal_is_ended(connect: Connect, service: RunningService) -> None:
    client = await connect()
    await client.send(b"POST /api/scaffolder/v2/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n{")
    assert (await client.rest()).startswith(b"HTTP/1.1 401 ")


async def test_connections_of_nobody_keep_nobody_out(connect: Connect, service: RunningService) -> None:
    """More silent connections than there may be in all, renewed as they end, and somebody still gets an answer."""
    silent = [await connect() for _ in range(MOST * 2)]
    async with ApiClient(service.base_url) as api:
        await api.sign_in_as_guest()
        for _ in range(5):
            silent += [await connect() for _ in range(20)]
            assert await api.call("GET", "/api/scaffolder/v2/tasks") == {"tasks": [], "totalTasks": 0}


async def test_authenticated_streams_outlast_the_bounds_for_nobody(connect: Connect, service: RunningService) -> None:
    """Streams of one address may be more than its unproven connections, and none of them is ended for those."""
    async with ApiClient(service.base_url) as api:
        token = (await api.call("POST", "/api/auth/guest/refresh"))["backstageIdentity"]["token"]
    streams = [await connect() for _ in range(MOST_OF_NOBODY * 2)]
    for stream in streams:
        await stream.send(
            b"GET /api/scaffolder/v2/tasks/none/eventstream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
            + token.encode()
            + b"\r\n\r\n"
        )
    for stream in streams:
        await stream.reader.readuntil(b"\r\n\r\n")
    silent = [await connect() for _ in range(MOST * 2)]
    await asyncio.gather(*(one.rest() for one in silent))
    assert not any(stream.reader.at_eof() for stream in streams)


async def test_a_server_that_was_held_up_ends_none_of_those_whose_request_is_here(
    connect: Connect, service: RunningService
) -> None:
    async with ApiClient(service.base_url) as api:
        token = (await api.call("POST", "/api/auth/guest/refresh"))["backstageIdentity"]["token"]
    asking = [await connect() for _ in range(MOST_OF_NOBODY * 2)]
    os.kill(service.pid, signal.SIGSTOP)
    asking += [await connect() for _ in range(MOST_OF_NOBODY)]
    for one in asking:
        await one.send(
            b"GET /api/scaffolder/v2/tasks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token.encode() + b"\r\n\r\n"
        )
    await asyncio.sleep(1.1)  # longer than a new connection has for its first request
    os.kill(service.pid, signal.SIGCONT)
    for one in asking:
        assert (await one.reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200 ")


async def test_the_limit_of_open_files_is_raised_as_far_as_it_may_be() -> None:
    program = (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 1024));"
        "from backstage_py.http.connections import *; from backstage_py.settings.sections import ServerSettings;"
        "found = raise_descriptor_limit(); print(found, most_connections(ServerSettings(), found))"
    )
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    said, _ = await child.communicate()
    assert said.split() == [b"1024", b"768"]
    assert resource.getrlimit(resource.RLIMIT_NOFILE)
