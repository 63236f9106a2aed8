"""A replica: ``backstage-py serve`` as a process of its own, with its own folder, port, clock and path."""

import asyncio
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from backstage_py.model.json import JsonObject
from tests.contract.harness import free_port
from tests.replicas.history import GRACE, LEASE, History, Process
from tests.replicas.proxy import Proxy

PARTS = Path(__file__).parent / "parts"
ROOT = Path(__file__).parents[2]
TOKEN = "a-token-of-the-chaos-tests"
CLOCK_SECONDS = 1
"""How long a process takes to learn that its clock was set."""
_BASE_URL = "http://localhost:7007"  # of the load balancer that is not there: tokens name the whole, not a replica
_KINDS = ["Component", "API", "Resource", "System", "Location", "Template", "Group", "User", "Domain"]
_FAKETIME = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))


def has_settable_clock() -> bool:
    """Say whether processes can be given a clock of their own, by Debian's ``libfaketime``."""
    return bool(_FAKETIME)


@dataclass(frozen=True, slots=True)
class Shared:
    """What all replicas of a run have in common.

    Attributes:
        folder: of the run.
        database: name of the database.
        history: of the run.
        keys: their configuration, merged over each replica's.
    """

    folder: Path
    database: str
    history: History
    keys: JsonObject = field(default_factory=dict)

    @property
    def effects(self) -> Path:
        """The file that actions and catalog plugins append to."""
        return self.folder / "effects"

    @property
    def foreign(self) -> Path:
        """The folder that stands for a foreign system."""
        return self.folder / "foreign"

    @property
    def catalog(self) -> Path:
        """The folder with what catalog locations hold."""
        return self.folder / "catalog"

    def prepare(self) -> None:
        """Make the folders."""
        for one in (self.foreign, self.catalog):
            one.mkdir(parents=True, exist_ok=True)


@dataclass(slots=True)
class Replica:
    """One replica; it can be started again after its end, with the same folder and port.

    Attributes:
        name: shown in the history.
        shared: see there.
        proxy: its path to the database.
        source: the checkout it runs; another one for another revision.
        ahead: seconds by which its wall clock is wrong.
    """

    name: str
    shared: Shared
    proxy: Proxy
    source: Path = ROOT
    port: int = field(default_factory=free_port)
    is_paused: bool = False
    ahead: float = 0.0
    _process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return self.shared.folder / self.name

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        """Of the process that runs, or ran last."""
        assert self._process
        return self._process.pid

    @property
    def log(self) -> Path:
        """What it wrote."""
        return self.folder / "log"

    async def start(self) -> None:
        """Start the process; it may not answer yet."""
        self.folder.mkdir(exist_ok=True)
        config = self.folder / "app-config.yaml"
        config.write_text(yaml.safe_dump(self._configuration()))
        self._write_clock()
        command = [sys.executable, "-m", "backstage_py.cli", "serve", "--config", str(config)]
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *command, cwd=self.folder, env=self._environment(), stdout=log, stderr=log, start_new_session=True
            )
        self.is_paused = False
        self.shared.history.processes[self.pid] = Process(self.pid, self.name)
        self.shared.history.note(f"{self.name} starts (pid {self.pid})")

    async def kill(self) -> None:
        """End it at once."""
        self.shared.history.note(f"{self.name} is killed (pid {self.pid})")
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """End it as an operator does."""
        self.shared.history.note(f"{self.name} is asked to stop (pid {self.pid})")
        self.shared.history.processes[self.pid].asked = time.monotonic()
        await self._end(signal.SIGTERM)
        self.shared.history.note(f"{self.name} has stopped")

    def pause(self) -> None:
        """Stop it where it is."""
        self.is_paused = True
        self._send(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._send(signal.SIGCONT)
        self.is_paused = False

    def set_clock(self, ahead: float) -> None:
        """Set its wall clock so many seconds ahead of the machine's; the monotonic one goes on."""
        self.shared.history.note(f"the clock of {self.name} is set {ahead:+.0f} s")
        self.ahead = ahead
        self._write_clock()

    async def until_gone(self) -> None:
        """Return when the process has ended by itself."""
        assert self._process
        await self._process.wait()

    @property
    def _clock(self) -> Path:
        return self.folder / "clock"

    def _write_clock(self) -> None:
        part = self._clock.with_suffix(".part")
        part.write_text(f"{self.ahead:+.0f}\n")
        part.replace(self._clock)

    async def _end(self, number: signal.Signals) -> None:
        assert self._process
        if self.is_paused:
            self.resume()
        self._send(number)
        await self._process.wait()
        self.shared.history.processes[self.pid].ended = time.monotonic()

    def _send(self, number: signal.Signals) -> None:
        os.killpg(self.pid, number)

    def _environment(self) -> dict[str, str]:
        path = [str(self.source), str(self.source / "actions"), str(PARTS / "plugins")]
        clock = {
            "LD_PRELOAD": str(_FAKETIME[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._clock),
            "FAKETIME_CACHE_DURATION": str(CLOCK_SECONDS),
            "DONT_FAKE_MONOTONIC": "1",
        }
        return {
            **os.environ,
            **(clock if _FAKETIME else {}),
            "PYTHONPATH": os.pathsep.join(path),
            "CHAOS_REPLICA": self.name,
            "CHAOS_EFFECTS": str(self.shared.effects),
            "CHAOS_FOREIGN": str(self.shared.foreign),
            "CHAOS_CATALOG": str(self.shared.catalog),
        }

    def kept_in(self) -> JsonObject:
        """Return the configuration of the database."""
        connection = {"host": "127.0.0.1", "port": self.proxy.port, "user": "test", "database": self.shared.database}
        return {"client": "pg", "connection": connection}

    def _configuration(self) -> JsonObject:
        access = {"type": "static", "options": {"token": TOKEN, "subject": "chaos"}}
        ours: JsonObject = {
            "app": {"baseUrl": _BASE_URL},
            "backend": {
                "baseUrl": _BASE_URL,
                "listen": {"host": "127.0.0.1", "port": self.port},
                "database": self.kept_in(),
                "workingDirectory": str(self.folder / "work"),
                "auth": {"externalAccess": [access]},
            },
            "auth": {"providers": {"guest": {}}},
            "scaffolder": {
                "actionsFolder": str(PARTS / "actions"),
                "executor": {"process": {"environment": ["CHAOS_REPLICA", "CHAOS_EFFECTS", "CHAOS_FOREIGN"]}},
                "concurrentTasksLimit": 4,
                "shutdownTimeout": {"seconds": int(GRACE)},
                "taskRecovery": {
                    "enabled": True,
                    "staleTimeout": {"seconds": int(LEASE)},
                    "workspaceProvider": "database",
                },
            },
            "catalog": {
                "rules": [{"allow": _KINDS}],
                "processingInterval": {"seconds": 4},
                "lease": {"seconds": int(LEASE)},
                "locations": [{"type": "file", "target": str(PARTS / "catalog/all.yaml")}],
            },
        }
        for section, more in self.shared.keys.items():
            ours[section] = {**ours.get(section, {}), **more}
        return ours
