"""Small answers are not held back until the peer has acknowledged what came before them."""

import socket

from starlette.responses import PlainTextResponse

from backstage_py.http import server


async def test_connections_send_at_once() -> None:
    """With asyncio's loop, too, which looks at how a listener was made; connections inherit it from that."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with server.running(PlainTextResponse("yes"), listener, grace=1):
            assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
