"""One process of a run, seen from the service: messages in and out, what it prints, and its end."""

import asyncio
import os
import socket
from collections.abc import Mapping
from contextlib import suppress

import structlog

from backstage_py import logging
from backstage_py.errors import BackstageError
from backstage_py.scaffolder.executors.process import limits as bounds
from backstage_py.scaffolder.executors.process.patience import done_within
from backstage_py.scaffolder.executors.process.zygote import Forked, Zygote, ZygoteDiedError
from backstage_py.scaffolder.executors.wire import Wire
from backstage_py.settings.sections import ProcessSettings

_ENDING_SECONDS = 5
_PATIENCE = 5
_STARTS = 3
_MOST_PRINTED = 64 * 1024

_log = structlog.get_logger(__name__)


class Child:
    """Serves the calls of one run, one at a time.

    Attributes:
        is_usable: it takes another call.
    """

    def __init__(self, settings: ProcessSettings, forked: Forked, held: int) -> None:
        self.is_usable = True
        self.wire = Wire(self._over)
        self._settings = settings
        self._forked = forked
        self._held: int | None = held
        self._draining: asyncio.Task[None] | None = None
        forked.ended.add_done_callback(self._let_go)  # also when the zygote has died, and nobody knows how it goes on

    @classmethod
    async def start(cls, zygote: Zygote, settings: ProcessSettings) -> "Child":
        """Return a new one.

        Raises:
            ServiceUnavailableError: it cannot be started.
        """
        for _ in range(_STARTS - 1):
            with suppress(ZygoteDiedError):  # nothing was begun: the next one has other descriptors and another zygote
                return await cls._started(zygote, settings)
        return await cls._started(zygote, settings)

    @classmethod
    async def _started(cls, zygote: Zygote, settings: ProcessSettings) -> "Child":
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
        child = cls(settings, forked, held)
        await child.wire.open(ours)
        child._draining = asyncio.create_task(child._drain(printed))
        return child

    async def end(self) -> int | None:
        """End the process with all it started; return its status."""
        self._let_go()
        if not await done_within(self._forked.ended, _PATIENCE):
            await self._forked.end()
        if self._draining:
            self._draining.cancel()
        self.wire.close()
        return self._forked.ended.result() if self._forked.ended.done() else None

    def _let_go(self, _: object = None) -> None:
        """Have the keeper end it: that is what the end of the pipe means."""
        self.is_usable = False
        if self._held is not None:
            os.close(self._held)
            self._held = None

    async def _over(self, wrong: str | None) -> None:
        """Fail the call that the process does not end any more, and end the process."""
        if wrong is None and not await done_within(self._forked.ended, _ENDING_SECONDS):
            wrong = "closed its connection with the service"
        host, status = self.wire.host, await self.end()
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
        if self.wire.host:
            known = {"action": self.wire.host.action.id, "task_id": self.wire.host.context.task_id}
        for line in chunk.decode("utf-8", "replace").splitlines():
            if line.strip():
                _log.info("action_printed", text=logging.masked(line), **known)
