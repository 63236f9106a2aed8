"""A produced service as a process on loopback."""

import json
import os
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What a request gets."""

    status: int
    body: str


class Service:
    """One that has said where it listens; ``began`` is what it logged until then."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.began: list[dict[str, Any]] = [self.line()]
        while "address" not in self.began[-1]:
            self.began.append(self.line())
        self.url = f"http://127.0.0.1:{self.began[-1]['address'].rpartition(':')[2]}"

    def line(self) -> dict[str, Any]:
        """Return the next line that it logs."""
        assert self._process.stdout
        text = self._process.stdout.readline()
        assert text, "the service has ended"
        found: dict[str, Any] = json.loads(text)
        return found

    def get(self, path: str, **headers: str) -> Answer:
        """Ask, and return any answer."""
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url + path, headers=headers)) as answer:
                return Answer(answer.status, answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.read().decode())

    def terminate(self) -> None:
        """Ask it to stop, as a kubelet does."""
        self._process.send_signal(signal.SIGTERM)

    def ended(self) -> tuple[int, list[dict[str, Any]]]:
        """Wait for its end; return its exit status and what it has logged since."""
        rest, _ = self._process.communicate()
        return self._process.returncode, [json.loads(line) for line in rest.splitlines()]


@contextmanager
def running(program: Path, **variables: str) -> Iterator[Service]:
    """Run it on a free port, with these variables and no others."""
    given = {"PORT": "0", "PATH": os.environ["PATH"], "DRAIN_SECONDS": "0", **variables}
    with subprocess.Popen([program], env=given, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Service(process)
        finally:
            process.kill()
