"""git processes: hardened environment, bounded output, bounded number at a time."""

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

_CONFIG = {
    "safe.directory": "*",  # the folder may belong to another user, e.g. a mounted volume
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.quotePath": "false",
    "gc.auto": "0",  # no process may outlive its request
    "maintenance.auto": "false",
    "receive.autogc": "false",
    "receive.fsckObjects": "true",
    "receive.denyDeleteCurrent": "refuse",
    "http.receivepack": "true",
    "uploadpack.allowFilter": "true",
    "uploadpack.allowAnySHA1InWant": "true",  # as GitHub does
}
_CHUNK = 64 * 1024
_MAX_STDERR = 16 * 1024
_MAX_OUTPUT = 128 * 1024 * 1024


class GitError(Exception):
    """git failed, ran too long or printed too much."""

    def __init__(self, command: str, code: int, stderr: str) -> None:
        super().__init__(f"git {command} ended with code {code}: {stderr.strip()}")
        self.code = code
        self.stderr = stderr


def environment(config: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the whole environment of a git process: of the caller's it has ``PATH`` only."""
    values = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.devnull,
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_LITERAL_PATHSPECS": "1",
    }
    settings = _CONFIG | dict(config or {})
    for index, (key, value) in enumerate(settings.items()):
        values |= {f"GIT_CONFIG_KEY_{index}": key, f"GIT_CONFIG_VALUE_{index}": value}
    return values | {"GIT_CONFIG_COUNT": str(len(settings))}


class Git:
    """Starts git; one per host, so that the number of processes is bounded.

    Args:
        max_processes: processes at the same time; further ones wait.
        timeout: seconds for ``run``; transfers by ``start`` have none.
    """

    __slots__ = ("_running", "timeout")

    def __init__(self, max_processes: int = 16, timeout: float = 60.0) -> None:
        self.timeout = timeout
        self._running = asyncio.Semaphore(max_processes)

    @asynccontextmanager
    async def start(self, *args: str, env: Mapping[str, str], stdin: int = PIPE) -> AsyncIterator[Process]:
        """Run git and yield its process; on leaving the block it has ended, by force if need be."""
        async with self._running:
            process = await asyncio.create_subprocess_exec(
                "git", *args, stdin=stdin, stdout=PIPE, stderr=PIPE, env=env, cwd="/", start_new_session=True
            )
            try:
                yield process
            finally:
                await asyncio.shield(_end(process))

    async def run(self, *args: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> bytes:
        """Run git to its end and return what it printed.

        Raises:
            GitError: it failed, ran longer than the timeout, or printed more than 128 MiB.
        """
        command = next((arg for arg in args if not arg.startswith("-")), "")
        source = PIPE if stdin else DEVNULL
        async with self.start(*args, env=environment() | dict(env or {}), stdin=source) as process:
            try:
                async with asyncio.timeout(self.timeout):
                    out, err, _ = await asyncio.gather(
                        _read(process.stdout, _MAX_OUTPUT), drain(process.stderr), _feed(process, stdin)
                    )
                    code = await process.wait()
            except TimeoutError:
                raise GitError(command, -1, f"still running after {self.timeout} seconds") from None
        if out is None:
            raise GitError(command, -1, f"printed more than {_MAX_OUTPUT} bytes")
        if code != 0:
            raise GitError(command, code, err)
        return out


@dataclass(frozen=True, slots=True)
class Bare:
    """A bare repository on disk."""

    path: Path
    git: Git

    async def run(self, *args: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> bytes:
        """Run a git command in this repository, see ``Git.run``."""
        return await self.git.run(f"--git-dir={self.path}", *args, stdin=stdin, env=env)

    async def attempt(self, *args: str) -> bytes | None:
        """Run a git command; None when it fails."""
        try:
            return await self.run(*args)
        except GitError as error:
            if error.code < 0:
                raise
            return None


async def drain(stream: asyncio.StreamReader | None, keep: int = _MAX_STDERR) -> str:
    """Read a stream to its end, so that its writer never blocks, and return its beginning."""
    kept = bytearray()
    while stream is not None and (chunk := await stream.read(_CHUNK)):
        kept += chunk[: keep - len(kept)]
    return kept.decode(errors="replace")


async def _read(stream: asyncio.StreamReader | None, limit: int) -> bytes | None:
    out = bytearray()
    while stream is not None and (chunk := await stream.read(_CHUNK)):
        out += chunk
        if len(out) > limit:
            return None
    return bytes(out)


async def write(process: Process, data: bytes) -> bool:
    """Pass data to a process; False when it has stopped reading, e.g. because it has answered already."""
    if process.stdin is None:
        return False
    try:
        process.stdin.write(data)
        await process.stdin.drain()
    except (BrokenPipeError, ConnectionResetError):
        return False
    except RuntimeError:
        if not process.stdin.is_closing():
            raise
        return False  # uvloop's error when the other end is closed
    return True


async def _feed(process: Process, data: bytes) -> None:
    await write(process, data)
    if process.stdin is not None:
        process.stdin.close()


async def _end(process: Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):  # it ended in this moment
            os.killpg(process.pid, signal.SIGKILL)
    if process.stdin is not None:
        process.stdin.close()
    await asyncio.gather(drain(process.stdout, 0), drain(process.stderr, 0))
    await process.wait()
