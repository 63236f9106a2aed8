"""The zygote (``execution.zygote``), seen from the service: started at the first need, and again when it has ended.

It ends when it died, and when nobody has needed it for a while, so that a service whose tasks are rare does not pay
for its memory.
"""

import asyncio
import contextvars
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
from backstage_py.integrations.children import supervisor
from backstage_py.model import json
from backstage_py.model.json import JsonObject
from backstage_py.scaffolder.executors.process.patience import done_within

_PLAIN = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TZ", "LANG", "LANGUAGE", "TMPDIR"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "NO_PROXY", "no_proxy"),
)
"""Variables that processes of actions have; those of the language (``LC_…``) come on top."""
_START_SECONDS = 60
_ENDING_SECONDS = 5
_PATIENCE = 30
"""Seconds after which a zygote that says nothing is taken for one that hangs, for each thing it is told."""
_MOST_WORDS = 4096

_log = structlog.get_logger(__name__)


def environment(chosen: Sequence[str], env: Mapping[str, str]) -> dict[str, str]:
    """Return what processes of actions have of an environment: what every program needs, and what was chosen."""
    return {name: value for name, value in env.items() if name in {*_PLAIN, *chosen} or name.startswith("LC_")}


class ZygoteDiedError(ServiceUnavailableError):
    """The zygote has died before it told of a process: nothing was begun there."""

    def __init__(self, how: str = "has died") -> None:
        super().__init__(f"The process that starts processes of actions {how}")


@dataclass(eq=False, slots=True)
class Forked:
    """A process that the zygote forked: a keeper, with the action's process below it.

    Attributes:
        by: what forked it.
        ended: the keeper's status; None when nobody knows.
    """

    by: "_Running"
    slot: int
    there: "asyncio.Future[int]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    ended: "asyncio.Future[int | None]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    async def end(self) -> None:
        """End a process by force that did not end by itself."""
        await self.by.end(self)


class Zygote:
    """Starts when a process is wanted, and ends with ``close``.

    Args:
        folder: of actions that are plain files.
        reloads: whether files of the folder are looked at again before each fork.
        chosen: variables of the environment that processes get besides the plain ones.
        idle: seconds for which it may have no process before it is ended.
    """

    def __init__(
        self, folder: Path | None, *, reloads: bool = False, chosen: Sequence[str] = (), idle: float = 600.0
    ) -> None:
        self._idle = idle
        self._first = {
            "folder": str(folder) if folder else None,
            "path": sys.path,
            "reloads": reloads,
            "environment": environment(chosen, os.environ),
        }
        self._starting: asyncio.Task[_Running] | None = None

    @property
    def pid(self) -> int | None:
        """The zygote's, while there is one."""
        running = self._running
        return running.pid if running else None

    async def fork(self, descriptors: Sequence[int], limits: Mapping[str, int]) -> Forked:
        """Have a process forked; the descriptors are its socket, the pipe to watch, and what takes its output.

        Raises:
            ZygoteDiedError: it may be asked for again, with other descriptors.
            ServiceUnavailableError: the zygote cannot be started.
        """
        if self._starting is None or (self._starting.done() and not self._running):
            # It is nobody's: who asked first may be cancelled, and its log lines are about no task.
            self._starting = asyncio.create_task(self._start(self._starting), context=contextvars.Context())
        running = await asyncio.shield(self._starting)
        return await running.fork(descriptors, limits)

    async def close(self) -> None:
        """End it; its processes are ended one by one before."""
        starting, self._starting = self._starting, None
        if starting:
            await asyncio.wait({starting})
            if not starting.exception():
                await starting.result().close()

    async def _start(self, former: "asyncio.Task[_Running] | None") -> "_Running":
        """Start one, behind the end of the former one."""
        if former and not former.exception():
            await former.result().close()
        return await _Running.start(self._first, self._idle)

    @property
    def _running(self) -> "_Running | None":
        """The one that takes requests."""
        starting = self._starting
        if starting is None or not starting.done() or starting.cancelled() or starting.exception():
            return None
        return starting.result() if starting.result().is_alive else None


class _Running:
    """One zygote, from its start to its end.

    Attributes:
        is_alive: it takes requests.
    """

    def __init__(self, process: asyncio.subprocess.Process, control: socket.socket, idle: float) -> None:
        self.pid = process.pid
        self._idle = idle
        self._resting: asyncio.TimerHandle | None = None
        self.is_alive = True
        self._process = process
        self._control = control
        self._sending = asyncio.Lock()
        self._ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._slots: dict[int, Forked] = {}
        self._last_slot = 0
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def start(cls, first: JsonObject, idle: float) -> "_Running":
        """Start one.

        Args:
            first: what it is told first.
            idle: seconds after which it ends by itself when nobody needs it.

        Raises:
            ServiceUnavailableError: it does not start.
        """
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
        running = cls(process, ours, idle)
        with suppress(ZygoteDiedError):  # what it said when it died is told below
            await running._send(first, ())
        if not await done_within(running._ready, _START_SECONDS):
            running._kill()
            raise ServiceUnavailableError("The process that starts processes of actions does not start")
        running._ready.result()
        _log.info("zygote_started", pid=running.pid)
        return running

    async def fork(self, descriptors: Sequence[int], limits: Mapping[str, int]) -> Forked:
        """Have a process forked; see ``Zygote.fork``."""
        if not self.is_alive:
            raise ZygoteDiedError
        self._rouse()
        self._last_slot += 1
        forked = self._slots[self._last_slot] = Forked(self, self._last_slot)
        await self._send({"slot": forked.slot, "limits": dict(limits)}, descriptors)
        if not await done_within(forked.there, _PATIENCE):
            self._kill()
        await forked.there
        return forked

    async def end(self, forked: Forked) -> None:
        """Have a process ended by force."""
        if not forked.ended.done():
            with suppress(ZygoteDiedError):
                await self._send({"slot": forked.slot, "end": True}, ())
        if not await done_within(forked.ended, _PATIENCE):  # it is stopped, or hangs: all its processes end with it
            self._kill()
            await done_within(forked.ended, _PATIENCE)

    async def close(self) -> None:
        """End it; its processes are ended one by one before."""
        self._hang_up()
        if not await done_within(self._listening, _ENDING_SECONDS):
            self._kill()
            await self._listening

    async def _send(self, value: JsonObject, descriptors: Sequence[int]) -> None:
        left = stream.framed(json.dumps(value))
        async with self._sending:
            while left:
                try:
                    sent = (
                        socket.send_fds(self._control, [left], descriptors) if descriptors else self._control.send(left)
                    )
                    left, descriptors = left[sent:], ()
                except BlockingIOError:
                    await asyncio.sleep(0.001)
                except OSError as error:
                    self.is_alive = False  # also before its end is heard of
                    raise ZygoteDiedError from error

    async def _listen(self) -> None:
        """Take what the zygote tells until it has ended."""
        saying = asyncio.create_task(_said(self._process.stderr))
        loop = asyncio.get_running_loop()
        data = b""
        try:
            while part := await _received(loop, self._control):
                data += part
                while len(data) >= (end := stream.HEADER) and len(data) >= (end := end + stream.length(data[:end])):
                    self._take(json.parse(data[stream.HEADER : end]))
                    data = data[end:]
        finally:
            self._rouse()
            self.is_alive = False
            self._control.close()
            said = await saying
            status = await self._process.wait()
            if not self._ready.done():
                died = ZygoteDiedError(f"ended with status {status}: {said[-500:]}")
                # A signal is worth another try, e.g. one to the service's group before this process had left that.
                was_ended = status < 0 or supervisor.was_asked_before_it_began(status, said)
                self._ready.set_exception(died if was_ended else ServiceUnavailableError(str(died)))
            slots, self._slots = self._slots, {}
            for forked in slots.values():
                _settle(forked, None)
            _log.info("zygote_ended", status=status)

    def _take(self, told: JsonObject) -> None:
        if "ready" in told:
            if not self._ready.done():
                self._ready.set_result(told["ready"])
            return
        forked = self._slots.get(told["slot"])
        if forked and "pid" in told and not forked.there.done():
            forked.there.set_result(told["pid"])
        elif forked and "ended" in told:
            del self._slots[forked.slot]
            _settle(forked, told["ended"])
            if not self._slots:
                self._rest_later()

    def _rest_later(self) -> None:
        """Have it end when nobody has needed it for a while."""
        self._resting = asyncio.get_running_loop().call_later(self._idle, self._hang_up)

    def _rouse(self) -> None:
        if self._resting:
            self._resting.cancel()

    def _hang_up(self) -> None:
        """Take no request any more; that is what it ends at."""
        self._rouse()
        self.is_alive = False
        with suppress(OSError):  # it has died
            self._control.shutdown(socket.SHUT_RDWR)

    def _kill(self) -> None:
        self.is_alive = False
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)


def _settle(forked: Forked, status: int | None) -> None:
    if not forked.there.done():
        forked.there.set_exception(ZygoteDiedError())
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
