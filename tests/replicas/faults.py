"""Faults, each with its end: when a function returns, what it broke is whole again."""

import asyncio
from collections.abc import Sequence

from tests.replicas.cluster import Cluster
from tests.replicas.replica import Replica


async def kill(cluster: Cluster, replica: Replica, seconds: float) -> None:
    """Kill a replica and start it again after some seconds."""
    await replica.kill()
    await asyncio.sleep(seconds)
    await replica.start()
    await cluster.until_ready(replica)


async def roll(cluster: Cluster, replica: Replica) -> None:
    """Restart a replica as an operator does."""
    await replica.stop()
    await replica.start()
    await cluster.until_ready(replica)


async def pause(cluster: Cluster, replica: Replica, seconds: float) -> None:
    """Stop a replica where it is, and let it go on."""
    with cluster.history.impairing([replica.pid], f"pause of {replica.name} ({seconds:.1f} s)"):
        replica.pause()
        await asyncio.sleep(seconds)
        replica.resume()


async def cut(cluster: Cluster, replica: Replica, seconds: float) -> None:
    """Reset a replica's connections to the database, and refuse new ones for some seconds."""
    with cluster.history.impairing([replica.pid], f"cut of {replica.name} ({seconds:.1f} s)"):
        replica.proxy.is_refusing = True
        replica.proxy.cut()
        await asyncio.sleep(seconds)
        replica.proxy.is_refusing = False


async def freeze(cluster: Cluster, replica: Replica, seconds: float, *, is_cut: bool) -> None:
    """Pass nothing on for some seconds; then what was held back, or nothing of it any more."""
    how = "then cut" if is_cut else "then passed on"
    with cluster.history.impairing([replica.pid], f"freeze of {replica.name} ({seconds:.1f} s, {how})"):
        replica.proxy.freeze()
        await asyncio.sleep(seconds)
        if is_cut:
            replica.proxy.cut()
        replica.proxy.thaw()


async def half_close(cluster: Cluster, replica: Replica) -> None:
    """End the replica's connections in one direction: the database does not learn of it."""
    cluster.history.note(f"half-close of {replica.name}")
    replica.proxy.half_close()


async def slow_down(cluster: Cluster, replica: Replica, delay: float, seconds: float) -> None:
    """Hold back each piece of data for a moment."""
    cluster.history.note(f"delay of {replica.name} by {delay * 1000:.0f} ms for {seconds:.1f} s")
    replica.proxy.delay = delay
    await asyncio.sleep(seconds)
    replica.proxy.delay = 0.0


async def set_clock(cluster: Cluster, replica: Replica, ahead: float, seconds: float) -> None:
    """Set a replica's clock, and back after some seconds."""
    replica.set_clock(ahead)
    await asyncio.sleep(seconds)
    replica.set_clock(0)


async def restart_database(cluster: Cluster, mode: str, seconds: float) -> None:
    """Restart the database, for all replicas."""
    await cluster.restart_server(mode, seconds)


async def pause_database(cluster: Cluster, replicas: Sequence[Replica], seconds: float) -> None:
    """Stop the database where it is: it takes connections and answers none."""
    cluster.history.note(f"pause of the database ({seconds:.1f} s) for {len(replicas)} replicas")
    cluster.server.pause()
    try:
        await asyncio.sleep(seconds)
    finally:
        cluster.server.resume()
    cluster.history.note("the database goes on")
