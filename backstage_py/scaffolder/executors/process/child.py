"""One process of a run, seen from the service: messages in and out, what it prints, and its end."""

import asyncio
import os
import socket
from collections.abc import Mapping
from contextlib import suppress

import structlog

from backstage_py.errors import BackstageError
from backstage_py.execution import stream
from backstage_py.execution.messages import FromService, ProtocolError
from backstage_py.scaffolder.executors.host import Host
from backstage_py.scaffolder.executors.line import Line
from backstage_py.scaffolder.executors.process import limits as bounds
from backstage_py.scaffolder.executors.process.zygote import Forked, Zygote
from backstage_py.settings.sections import ProcessSettings

_ENDING_SECONDS = 1.0
_PATIENCE = 5.0
_MOST_PRINTED = 64 * 1024

_log = structlog.get_logger(__name__)


class Child:
    """Serves the calls of one run, one at a time.

    Attributes:
        is_usable: it takes another call.
    """

    def __init__(self, zygote: Zygote, settings: ProcessSettings, forked: Forked, held: int) -> None:
        self.is_usable = True
        self._zygote = zygote
        self._settings = settings
        self._forked = forked
        self._held: int | None = held
        self._line = Line()
        self._host: Host | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._writer: asyncio.StreamWriter | None = None
        forked.ended.add_done_callback(self._let_go)  # also when the zygote has died, and nobody knows how it goes on

    @classmethod
    async def start(cls, zygote: Zygote, settings: ProcessSettings) -> "Child":
        """Return a new one.

        Raises:
            ServiceUnavailableError: it cannot be started.
        """
        ours, theirs = socket.socketpair()
        watched, held = os.pipe()
        printed, output = os.pipe()
        try:
            forked = await zygote.fork((theirs.fileno(), watched, output), bounds.as_sent(settings))
        except BaseException:
            os.close(held)  # one that is there all the same ends with it
            os.close(printed)
            ours.close()
            raise
        finally:
            theirs.close()
            os.close(watched)
            os.close(output)
        child = cls(zygote, settings, forked, held)
        await child._listen(ours, printed)
        return child

    async def begin(self, host: Host) -> None:
        """Begin a call; its end is the host's."""
        self._host = host
        await self.send(host.begin())

    async def send(self, message: FromService) -> None:
        """Send a message; one that nobody takes any more is lost, and the end of the process tells so.

        Raises:
            TypeError, ValueError: it cannot be sent.
        """
        data = stream.framed(self._line.encode(message))
        if self._writer:
            with suppress(ConnectionError):
                self._writer.write(data)
                await self._writer.drain()

    async def end(self) -> int | None:
        """End the process with all it started; return its status."""
        self._let_go()
        await asyncio.wait({self._forked.ended}, timeout=_PATIENCE)
        if not self._forked.ended.done():
            await self._zygote.end(self._forked)
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()
        if self._writer:
            self._writer.close()
        return self._forked.ended.result() if self._forked.ended.done() else None

    def _let_go(self, _: object = None) -> None:
        """Have the keeper end it: that is what the end of the pipe means."""
        self.is_usable = False
        if self._held is not None:
            os.close(self._held)
            self._held = None

    async def _listen(self, connected: socket.socket, printed: int) -> None:
        reader, self._writer = await asyncio.open_unix_connection(sock=connected)
        self._tasks = [asyncio.create_task(self._pump(reader)), asyncio.create_task(self._drain(printed))]

    async def _pump(self, reader: asyncio.StreamReader) -> None:
        """Hand on what the process says until it says no more, or something wrong."""
        wrong: str | None = None
        try:
            while True:
                data = await reader.readexactly(stream.length(await reader.readexactly(stream.HEADER)))
                message = self._line.decode(data)
                if message and self._host:
                    await self._host.take(message, len(data))
                await asyncio.sleep(0)  # what talks without end holds nobody up
        except ProtocolError as error:
            wrong = f"sent what is no message: {error}"
        except (asyncio.IncompleteReadError, ConnectionError):
            await asyncio.wait({self._forked.ended}, timeout=_ENDING_SECONDS)
            if not self._forked.ended.done():
                wrong = "closed its connection with the service"
        await self._fail(wrong)

    async def _fail(self, wrong: str | None) -> None:
        host = self._host
        self.is_usable = False
        status = await self.end()
        if host and not host.ended.done():
            told = bounds.told(host.action.id, status, self._settings)
            host.fail(BackstageError(f"The process of action {host.action.id} {wrong}" if wrong else told))

    async def _drain(self, printed: int) -> None:
        """Take what the process prints, so that it never waits for that; the first of it is shown to the operator."""
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        pipe = os.fdopen(printed, "rb", buffering=0)
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
        left = _MOST_PRINTED
        try:
            while chunk := await reader.read(_MOST_PRINTED):
                if left > 0:
                    self._show(chunk[:left])
                    left -= len(chunk)
        finally:
            transport.close()

    def _show(self, chunk: bytes) -> None:
        known: Mapping[str, str] = {}
        if self._host:
            known = {"action": self._host.action.id, "task_id": self._host.context.task_id}
        for line in chunk.decode("utf-8", "replace").splitlines():
            if line.strip():
                _log.info("action_printed", text=line, **known)
