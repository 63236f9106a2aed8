"""How pods reach the API server of a cluster whose Services have no address that anything routes, as the kit's.

Its server listens on loopback; here a relay at the bridge's address, for which its certificate is good. Such a relay
also stands where a load balancer would, before what runs in pods.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from tests.cluster.cluster import KubeCluster

_TRIES = 5


@contextlib.contextmanager
def from_pods(kube: KubeCluster) -> Iterator[dict[str, Any]]:
    """Give the configuration with which a service in a pod calls the cluster, with the account of that pod."""
    place = urlsplit(kube.url)
    if place.hostname != "127.0.0.1":
        yield {}
        return
    server = ("127.0.0.1", int(place.port or 443))
    with relay(kube.host, lambda: server) as port:
        here = {"name": "here", "url": f"https://{kube.host}:{port}", "authProvider": "serviceAccount"}
        yield {"kubernetes": {"clusterLocatorMethods": [{"type": "config", "clusters": [here]}]}}


@contextlib.contextmanager
def relay(host: str, choose: Callable[[], tuple[str, int]]) -> Iterator[int]:
    """Relay connections to a port of ``host``, which is given, to whom ``choose`` names for each; it may wait."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="relay", daemon=True)
    thread.start()

    async def relayed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError), contextlib.closing(writer):
            far_reader, far_writer = await _connected(choose)
            with contextlib.closing(far_writer):
                async with asyncio.TaskGroup() as both:
                    both.create_task(_pump(reader, far_writer))
                    both.create_task(_pump(far_reader, writer))

    async def stop(server: asyncio.Server) -> None:
        server.close()
        open_ = asyncio.all_tasks() - {asyncio.current_task()}
        for one in open_:
            one.cancel()
        await asyncio.gather(*open_, return_exceptions=True)

    server = asyncio.run_coroutine_threadsafe(asyncio.start_server(relayed, host, 0), loop).result()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(stop(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _connected(choose: Callable[[], tuple[str, int]]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to one that takes the connection: a replica may be gone before anybody has said so."""
    for _ in range(_TRIES - 1):
        with contextlib.suppress(OSError):
            return await asyncio.open_connection(*await asyncio.to_thread(choose))
    return await asyncio.open_connection(*await asyncio.to_thread(choose))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError, RuntimeError):
        writer.write_eof()
