"""The one way to start a program: within limits, with no environment but what it is given, ended with all it started.

Untrusted work runs below ``supervisor``, which ends it when its task is over, also when this service was killed.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from backstage_py.background import running
from backstage_py.integrations.children.limits import Limits
from backstage_py.integrations.children.supervisor import was_asked_before_it_began

_SUPERVISOR = str(Path(__file__).with_name("supervisor.py"))
_ROOT = str(Path(__file__).parents[3])
_PACKAGE = "backstage_py.integrations.children"
_CHUNK = 64 * 1024
_MOST_OUTPUT = 64 * 1024 * 1024
_MOST_WORDS = 64 * 1024
_PATIENCE = 10.0
_STARTS = 3


class OutputError(Exception):
    """A child wrote more than it may: the message says "writes more than …"."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended: its status (128 more than the number of a signal), its output, the end of its errors."""

    status: int
    output: bytes
    said: str


def job(module: str) -> Sequence[str]:
    """Return the command that calls ``main()`` of a module of this package."""
    return (f":{_PACKAGE}.{module}", _ROOT)


def least_environment() -> dict[str, str]:
    """Return what every child needs: where programs are, and how text is encoded."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"}


async def run(
    command: Sequence[str],
    *,
    limits: Limits,
    environment: Mapping[str, str],
    cwd: Path | None = None,
    given: bytes | None = None,
) -> Ended:
    """Run a child to its end; when the caller is cancelled, the child and all that it started have ended too.

    Args:
        command: a program with its arguments, or a ``job``.
        limits: what it may use.
        environment: all of its environment.
        cwd: its working directory; None for that of this process.
        given: its standard input.

    Raises:
        OutputError: it wrote more than 64 MiB.
    """
    for _ in range(_STARTS - 1):
        ended = await _run(command, limits, environment, cwd, given)
        if not was_asked_before_it_began(ended.status, ended.said):  # with the service's whole group
            return ended
    return await _run(command, limits, environment, cwd, given)


async def _run(
    command: Sequence[str], limits: Limits, environment: Mapping[str, str], cwd: Path | None, given: bytes | None
) -> Ended:
    async with _supervised(command, limits, environment, cwd) as process:
        said = asyncio.create_task(_said(process.stderr))
        try:
            async with running(_feed(process, given)):
                output = await _output(process.stdout)
                return Ended(await process.wait(), output, await said)
        finally:
            said.cancel()
            await asyncio.gather(said, return_exceptions=True)


@asynccontextmanager
async def _supervised(
    command: Sequence[str], limits: Limits, environment: Mapping[str, str], cwd: Path | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Give a child as it runs; when the block is left, it and all that it started have ended."""
    watched, held = os.pipe()
    # a job needs the installed packages, a program only the supervisor
    isolation = ("-I",) if command[0].startswith(":") else ("-I", "-S")
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *isolation,
            _SUPERVISOR,
            str(watched),
            *limits.arguments(),
            "--",
            *command,
            cwd=cwd,
            env=dict(environment),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=(watched,),
            start_new_session=True,
        )
    except BaseException:
        os.close(held)
        raise
    finally:
        os.close(watched)
    try:
        yield process
    finally:
        os.close(held)  # the supervisor ends what still runs
        await asyncio.shield(_ended(process))


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Wait for the end of a process, by force if need be."""
    try:
        await asyncio.wait_for(_silent(process), _PATIENCE)
    except TimeoutError:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await _silent(process)


async def _silent(process: asyncio.subprocess.Process) -> None:
    """Forget what a process still says; asyncio waits for the end of its output, too."""
    for stream in (process.stdout, process.stderr):
        while stream and await stream.read(_CHUNK):
            pass
    await process.wait()


async def _feed(process: asyncio.subprocess.Process, given: bytes | None) -> None:
    stdin = process.stdin
    if stdin is None:
        return
    with suppress(BrokenPipeError, ConnectionResetError):
        if given:
            stdin.write(given)
            await stdin.drain()
    stdin.close()


async def _output(stream: asyncio.StreamReader | None) -> bytes:
    found = bytearray()
    while stream and (chunk := await stream.read(_CHUNK)):
        found += chunk
        if len(found) > _MOST_OUTPUT:
            raise OutputError(f"writes more than {_MOST_OUTPUT // (1024 * 1024)} MiB")
    return bytes(found)


async def _said(stream: asyncio.StreamReader | None) -> str:
    """Read a stream to its end, so that its writer never blocks, and return what came last."""
    found = bytearray()
    while stream and (chunk := await stream.read(_CHUNK)):
        found += chunk
        del found[:-_MOST_WORDS]
    return found.decode("utf-8", "replace").strip()
