"""Processes that a command has started, and how they are stopped."""

import asyncio
import contextlib
import os
import signal


async def stop(process: asyncio.subprocess.Process, seconds: float) -> None:
    """Ask a process to end; after ``seconds`` kill it, with its group if it leads one. Returns when it has ended."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(seconds):
            await process.wait()
    except TimeoutError:
        leads_group = os.getpgid(process.pid) == process.pid
        os.killpg(process.pid, signal.SIGKILL) if leads_group else process.kill()
        await process.wait()
