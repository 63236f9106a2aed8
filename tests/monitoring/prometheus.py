"""Debian's Prometheus and promtool, for tests."""

import contextlib
import json
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import patience
from tests.contract.harness import free_port


def program(name: str) -> str:
    """Return where a program is, or skip the test."""
    found = shutil.which(name)
    if found is None:
        pytest.skip("prometheus is missing (Debian: prometheus)")
    return found


def promtool(*arguments: str, cwd: Path) -> str:
    """Run promtool and return what it says; it has to agree."""
    done = subprocess.run(
        [program("promtool"), *arguments], cwd=cwd, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@dataclass(frozen=True)
class Prometheus:
    """A server that answers."""

    url: str

    def ask(self, path: str, **query: str) -> Any:
        """Return ``data`` of an answer."""
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(query)}") as answer:
            return json.loads(answer.read())["data"]

    def is_ready(self) -> bool:
        """Return whether it answers already."""
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.url}/-/ready"):
            return True
        return False

    def firing(self) -> set[str]:
        """Return the names of the alerts that fire."""
        with contextlib.suppress(urllib.error.URLError):
            return {one["labels"]["alertname"] for one in self.ask("alerts")["alerts"] if one["state"] == "firing"}
        return set()


@contextlib.contextmanager
def running(folder: Path, rules: str, targets: Sequence[str]) -> Iterator[Prometheus]:
    """Run a server that scrapes every second until the block is left; ``targets`` are addresses."""
    (folder / "rules.yaml").write_text(rules, encoding="utf-8")
    scrape = {
        "job_name": "backstage-py",
        "static_configs": [{"targets": list(targets)}],
        "scrape_interval": "1s",
        "scrape_timeout": "1s",
    }
    config = {"global": {"evaluation_interval": "1s"}, "rule_files": ["rules.yaml"], "scrape_configs": [scrape]}
    (folder / "prometheus.yml").write_text(json.dumps(config), encoding="utf-8")
    with serving(folder) as server:
        yield server


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Prometheus]:
    """Run a server by the ``prometheus.yml`` of a folder until the block is left; ``/-/reload`` has it read again."""
    port = free_port()
    command = [program("prometheus"), "--config.file=prometheus.yml", "--storage.tsdb.path=data"]
    command.append("--web.enable-lifecycle")
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, f"--web.listen-address=127.0.0.1:{port}"], cwd=folder, stdout=log, stderr=log
        )
    server = Prometheus(f"http://127.0.0.1:{port}")
    try:
        patience.wait(server.is_ready)
        yield server
    finally:
        process.terminate()
        process.wait()
