"""The zygote (``execution.zygote``), seen from the service: started at the first need, started again when it died."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from backstage_py.errors import ServiceUnavailableError
from backstage_py.execution import stream
from backstage_py.model import json
from backstage_py.model.json import JsonObject

_PLAIN = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TZ", "LANG", "LANGUAGE", "TMPDIR"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "NO_PROXY", "no_proxy"),
)
"""Variables that processes of actions have; those of the language (``LC_…``) come on top."""
_START_SECONDS = 60.0
_PATIENCE = 5.0
_MOST_WORDS = 4096

_log = structlog.get_logger(__name__)


def environment(chosen: Sequence[str], env: Mapping[str, str]) -> dict[str, str]:
    """Return what processes of actions have of an environment: what every program needs, and what was chosen."""
    return {name: value for name, value in env.items() if name in {*_PLAIN, *chosen} or name.startswith("LC_")}


@dataclass(eq=False, slots=True)
class Forked:
    """A process that the zygote forked: a keeper, with the action's process below it.

    Attributes:
        ended: the keeper's status; None when nobody knows.
    """

    slot: int
    there: "asyncio.Future[int]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    ended: "asyncio.Future[int | None]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Zygote:
    """Starts when a process is wanted, and ends with ``close``.

    Args:
        folder: of actions that are plain files.
        reloads: whether files of the folder are looked at again before each fork.
        chosen: variables of the environment that processes get besides the plain ones.
    """

    def __init__(self, folder: Path | None, *, reloads: bool = False, chosen: Sequence[str] = ()) -> None:
        self._first = {
            "folder": str(folder) if folder else None,
            "path": sys.path,
            "reloads": reloads,
            "environment": environment(chosen, os.environ),
        }
        self._process: asyncio.subprocess.Process | None = None
        self._control: socket.socket | None = None
        self._listening: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._slots: dict[int, Forked] = {}
        self._last_slot = 0
        self.pid: int | None = None

    async def fork(self, descriptors: Sequence[int], limits: Mapping[str, int]) -> Forked:
        """Have a process forked; the descriptors are its socket, the pipe to watch, and what takes its output.

        Raises:
            ServiceUnavailableError: the zygote cannot be started, or has just died.
        """
        async with self._starting:
            if self._control is None:
                await self._start()
            self._last_slot += 1
            forked = self._slots[self._last_slot] = Forked(self._last_slot)
            await self._send({"slot": forked.slot, "limits": dict(limits)}, descriptors)
        async with asyncio.timeout(_START_SECONDS):
            await forked.there
        return forked

    async def end(self, forked: Forked) -> None:
        """Have a process ended by force that did not end by itself."""
        async with self._starting:
            if self._control is not None and not forked.ended.done():
                with suppress(ServiceUnavailableError):
                    await self._send({"slot": forked.slot, "end": True}, ())
        await asyncio.wait({forked.ended}, timeout=_PATIENCE)
        if not forked.ended.done():  # it is stopped, or hangs: all its processes end with it
            self._kill()
            await asyncio.wait({forked.ended}, timeout=_PATIENCE)

    async def close(self) -> None:
        """End it; its processes are ended one by one before."""
        async with self._starting:
            if self._control is None or self._process is None or self._listening is None:
                return
            self._control.shutdown(socket.SHUT_RDWR)
            try:
                await asyncio.wait_for(self._process.wait(), _PATIENCE)
            except TimeoutError:
                self._kill()
            await self._listening

    async def _start(self) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)  # its signature
        with theirs:
            process = await asyncio.create_subprocess_exec(  # noqa: TID251  # it bounds what it forks, and lives on
                *(sys.executable, "-P", "-m", "backstage_py.execution.zygote", str(theirs.fileno())),
                env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._process, self._control = process, ours
        self._listening = asyncio.create_task(self._listen(process, ours, ready))
        try:
            await self._send(self._first, ())
            async with asyncio.timeout(_START_SECONDS):
                self.pid = await ready
        except TimeoutError:
            self._kill()
            raise ServiceUnavailableError("The process that starts processes of actions does not start") from None
        except asyncio.CancelledError:
            self._kill()
            raise
        _log.info("zygote_started", pid=self.pid)

    async def _send(self, value: JsonObject, descriptors: Sequence[int]) -> None:
        left = stream.framed(json.dumps(value))
        while left and self._control:
            try:
                sent = socket.send_fds(self._control, [left], descriptors) if descriptors else self._control.send(left)
                left, descriptors = left[sent:], ()
            except BlockingIOError:
                await asyncio.sleep(0.001)
            except OSError as error:
                raise ServiceUnavailableError("The process that starts processes of actions has died") from error

    async def _listen(
        self, process: asyncio.subprocess.Process, control: socket.socket, ready: "asyncio.Future[int]"
    ) -> None:
        """Take what the zygote tells until it has ended."""
        saying = asyncio.create_task(_said(process.stderr))
        loop = asyncio.get_running_loop()
        data = b""
        try:
            while part := await _received(loop, control):
                data += part
                while len(data) >= (end := stream.HEADER) and len(data) >= (end := end + stream.length(data[:end])):
                    self._take(json.parse(data[stream.HEADER : end]), ready)
                    data = data[end:]
        finally:
            control.close()
            if self._control is control:
                self._control, self.pid = None, None
            said = await saying
            status = await process.wait()
            if not ready.done():
                ready.set_exception(
                    ServiceUnavailableError(
                        f"The process that starts processes of actions ended with status {status}: {said[-500:]}"
                    )
                )
            slots, self._slots = self._slots, {}
            for forked in slots.values():
                _settle(forked, None)
            _log.info("zygote_ended", status=status)

    def _take(self, told: JsonObject, ready: "asyncio.Future[int]") -> None:
        if "ready" in told:
            if not ready.done():
                ready.set_result(told["ready"])
            return
        forked = self._slots.get(told["slot"])
        if forked and "pid" in told and not forked.there.done():
            forked.there.set_result(told["pid"])
        elif forked and "ended" in told:
            del self._slots[forked.slot]
            _settle(forked, told["ended"])

    def _kill(self) -> None:
        if self._process:
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGKILL)


def _settle(forked: Forked, status: int | None) -> None:
    if not forked.there.done():
        forked.there.set_exception(ServiceUnavailableError("The process that starts processes of actions has died"))
        forked.there.exception()
    if not forked.ended.done():
        forked.ended.set_result(status)


async def _received(loop: asyncio.AbstractEventLoop, control: socket.socket) -> bytes:
    try:
        return await loop.sock_recv(control, 65_536)
    except OSError:
        return b""


async def _said(stream: asyncio.StreamReader | None) -> str:
    """Read to the end, so that its writer never blocks, and return what came last."""
    found = bytearray()
    while stream and (chunk := await stream.read(65_536)):
        found += chunk
        del found[:-_MOST_WORDS]
    return found.decode("utf-8", "replace").strip()
