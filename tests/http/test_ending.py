"""A service that ends answers what it was asked before, and says so where it cannot."""

import asyncio
import socket

import aiohttp
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from backstage_py.http import errors, server
from tests import patience


async def test_a_request_that_takes_longer_than_the_end_is_told_to_come_again() -> None:
    asked, never = asyncio.Event(), asyncio.Event()

    async def waits(scope: Scope, receive: Receive, send: Send) -> None:
        asked.set()
        await never.wait()
        await PlainTextResponse("too late")(scope, receive, send)

    async with patience.bounded(), aiohttp.ClientSession() as client:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/tasks?a=1"
            async with server.running(errors.ErrorsMiddleware(waits), listener, grace=1):
                asking = asyncio.create_task(client.post(url))
                await asked.wait()
        answer = await asking
        assert (answer.status, answer.headers["retry-after"]) == (503, "5")
        found = await answer.json()
    assert found["error"]["name"] == "ServiceUnavailableError"
    assert found["error"]["message"].startswith("The service ends before it could answer; ask again")
    assert found["request"] == {"method": "POST", "url": "/tasks?a=1"}


async def test_a_stream_that_takes_longer_than_the_end_is_broken_off() -> None:
    """What has begun cannot become another answer."""
    never = asyncio.Event()

    async def streams(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a part", "more_body": True})
        await never.wait()

    async with patience.bounded(), aiohttp.ClientSession() as client:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
            async with server.running(errors.ErrorsMiddleware(streams), listener, grace=1):
                answer = await client.get(url)
                assert await answer.content.readany() == b"a part"
        broken = False
        try:
            await answer.read()
        except aiohttp.ClientPayloadError:
            broken = True
        assert broken
