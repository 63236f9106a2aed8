"""The real service as a process of its own, for tests from outside."""

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from backstage_py.model.json import JsonObject
from tests import patience
from tests.contract.releases import RELEASE

KIT = Path(__file__).parent / "kit"


@dataclass(frozen=True, slots=True)
class Running:
    """A service that answers."""

    url: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def stop(self) -> int:
        """Ask it to stop, and return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(patience.SECONDS)


_PORTS = range(10_000, 32_000)
_handed_out: set[int] = set()


def free_port() -> int:
    """Return a port that nobody listens on, and that nobody gets before the caller listens there.

    It lies below the ports that systems give to clients and to whoever asks for any port, and other runs of tests
    choose theirs at random, too.
    """
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            if port not in _handed_out:
                probe.bind(("127.0.0.1", port))
                _handed_out.add(port)
                return port


def start(folder: Path, config: Path, *arguments: str, port: int, env: dict[str, str] | None = None) -> Running:
    """Start ``backstage-py serve`` and return when it answers; its output goes to a file in ``folder``."""
    log = folder / "service.log"
    command = [sys.executable, "-m", "backstage_py.cli", "serve", "--config", str(config), "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, *arguments], stdout=output, stderr=output, cwd=folder, env={**os.environ, **(env or {})}
        )
    url = f"http://127.0.0.1:{port}"
    end = time.monotonic() + patience.SECONDS
    while process.poll() is None and time.monotonic() < end:
        with (
            contextlib.suppress(urllib.error.URLError, ConnectionError),
            urllib.request.urlopen(f"{url}/.backstage/health/v1/readiness"),
        ):
            return Running(url, process, log)
        time.sleep(0.05)
    process.kill()
    raise AssertionError(f"the service did not start:\n{log.read_text(errors='replace')[-4000:]}")


def recorded(*groups: str, release: str = RELEASE) -> list[JsonObject]:
    """Return the recorded calls of some groups, in their order."""
    paths = sorted((KIT / "recordings" / release).glob("[0-9]*.json"))
    found = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    return [one for one in found if one["group"] in groups]


@contextlib.contextmanager
def running(folder: Path, config: Path, *arguments: str, env: dict[str, str] | None = None) -> Iterator[Running]:
    """Run the service until the block is left."""
    service = start(folder, config, *arguments, port=free_port(), env=env)
    try:
        yield service
    finally:
        if service.process.poll() is None:
            service.process.kill()
            service.process.wait()
