"""``backstage-py worker`` (hidden): a process that runs tasks, started and watched by ``serve --workers``."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import structlog

from backstage_py import background, logging, temporary
from backstage_py.cli import child, ending, hangup, reports
from backstage_py.cli.ending import Ending
from backstage_py.cli.loop import run_loop
from backstage_py.http import pods
from backstage_py.metrics.process import WORKER_DEATHS
from backstage_py.settings import load_settings
from backstage_py.wiring import handover, process, telemetry

_log = structlog.get_logger(__name__)

_PAUSE = 1.0  # seconds before a worker that ended by itself is started again
_STOP_SECONDS = 60.0


def run(config: Sequence[Path]) -> int:
    """Run tasks until SIGINT or SIGTERM, or until the service that started this process is gone."""
    settings, stand_ins = handover.taken(load_settings(config, os.environ), os.environ)
    logging.configure(settings.backend.log_level, lasting=True)

    async def work() -> None:
        with ending.by_signal() as end:
            service = reports.take(sys.stdin.fileno())  # which holds the other end, also when it is killed
            asyncio.get_running_loop().add_reader(service, _service_gone, service, end)
            with handover.counted(os.environ):
                async with (
                    hangup.rereading(settings, config),
                    process.opened(settings, stand_ins) as core,
                    pods.listening(core.scaffolder.pods),
                    core.scaffolder.running(),
                    background.running(reports.tell(service), name="reports"),
                ):
                    end.started()
                    await end.asked.wait()

    with temporary.own(), telemetry.running(os.environ):
        run_loop(work())
    return 0


def _service_gone(watched: int, end: Ending) -> None:
    asyncio.get_running_loop().remove_reader(watched)
    end.ask()


@dataclass(slots=True)
class Workers:
    """The worker processes of a service; one that ends by itself is started again.

    Args:
        config: app-config files.
        environment: variables for them besides our own.
        ended: told the process id of each that ends.

    Attributes:
        pids: of those that run.
        failing: the names of their loops that fail, by process id; of those that have said that they have started.
        wanted: how many should run.
    """

    config: Sequence[Path]
    environment: Mapping[str, str]
    ended: Callable[[int], None]
    pids: set[int] = field(default_factory=set)
    failing: dict[int, Sequence[str]] = field(default_factory=dict)
    wanted: int = 0
    _to_hang_up: set[int] = field(default_factory=set)

    @contextlib.asynccontextmanager
    async def running(self, count: int) -> AsyncIterator[None]:
        """Keep ``count`` of them running until the block is left; then they finish or hand back their tasks."""
        self.wanted = count
        stopping = asyncio.Event()
        keepers = [asyncio.create_task(self._keep_running(stopping)) for _ in range(count)]
        try:
            yield
        finally:
            stopping.set()
            await asyncio.gather(*keepers)

    def hang_up(self) -> None:
        """Let all of them read again what may change while they run."""
        for pid in self.pids:
            if pid in self.failing:
                _hang_up(pid)
            else:  # the signal would end it
                self._to_hang_up.add(pid)

    def _hear(self, pid: int, failing: Sequence[str]) -> None:
        self.failing[pid] = failing
        if pid in self._to_hang_up:
            self._to_hang_up.discard(pid)
            _hang_up(pid)

    def problems(self) -> Sequence[str]:
        """Return what keeps tasks from running."""
        if self.wanted and not self.pids:
            return ["No worker process runs"]
        names = sorted({name for told in self.failing.values() for name in told})
        return [f"Work in a worker process fails and is tried again: {', '.join(names)}"] if names else []

    async def _keep_running(self, stopping: asyncio.Event) -> None:
        command = [sys.executable, "-P", "-m", "backstage_py.cli", "worker"]
        for path in self.config:
            command += ["--config", str(path)]
        stop = asyncio.create_task(stopping.wait())
        while not stopping.is_set():
            async with self._started(command) as process:
                ended = asyncio.create_task(process.wait())
                await asyncio.wait({ended, stop}, return_when=asyncio.FIRST_COMPLETED)
                is_asked = not ended.done()
                if is_asked:
                    await child.stop(process, _STOP_SECONDS)
                    await ended
            if is_asked:
                return
            WORKER_DEATHS.inc()
            _log.error("worker_ended", pid=process.pid, status=process.returncode)
            await asyncio.wait({stop}, timeout=_PAUSE)
        stop.cancel()

    @contextlib.asynccontextmanager
    async def _started(self, command: Sequence[str]) -> AsyncIterator[asyncio.subprocess.Process]:
        """Start one, and listen to it until the block is left, when it has ended."""
        ours, theirs = socket.socketpair()
        with theirs:
            # its own process group: Ctrl-C on the terminal reaches the service, which then stops its workers in order
            process = await asyncio.create_subprocess_exec(
                *command, env={**os.environ, **self.environment}, stdin=theirs.fileno(), start_new_session=True
            )
        lines, line = await asyncio.open_connection(sock=ours)
        self.pids.add(process.pid)
        try:
            async with background.running(reports.hear(lines, partial(self._hear, process.pid))):
                yield process
        finally:
            line.close()
            self.failing.pop(process.pid, None)
            self._to_hang_up.discard(process.pid)
            self.pids.discard(process.pid)
            self.ended(process.pid)


def _hang_up(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGHUP)
