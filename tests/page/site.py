"""``backstage-py dev`` on a copy of ``templates``, and a browser in front of its page."""

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from backstage_py.model.json import Json
from tests import patience

if TYPE_CHECKING:
    from playwright.sync_api import Browser

TEMPLATES = Path(__file__).with_name("templates")


@dataclass(frozen=True, slots=True)
class Site:
    """A running ``dev``: its address, and the folder that it watches."""

    url: str
    folder: Path

    def ask(self, path: str, body: Json = None, headers: Mapping[str, str] | None = None) -> tuple[int, Message, str]:
        """Ask as a program does, with POST if there is a body; return status, headers and text."""
        data = None if body is None else json.dumps(body).encode()
        sent = {"content-type": "application/json"} if data else {}
        request = urllib.request.Request(self.url + path, data, {**sent, **(headers or {})})
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read().decode()

    def post(self, path: str, body: Json) -> tuple[int, Json]:
        """Ask with POST; return the status and the answer."""
        status, _, text = self.ask(path, body)
        return status, json.loads(text)


@contextlib.contextmanager
def developing(folder: Path) -> Iterator[Site]:
    """Run ``dev`` on a copy of the templates in a folder until the block is left."""
    shutil.copytree(TEMPLATES, folder)
    command = [sys.executable, "-m", "backstage_py.cli", "dev", str(folder), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder, env={**os.environ, "TZ": "UTC"})
    assert process.stdout
    try:
        url = next(line for line in process.stdout if line.startswith("Open ")).split()[1]
        next(line for line in process.stdout if line.startswith("1 passed"))  # it has looked at all, and answers soon
        _wait(url)
        yield Site(url, folder)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=patience.SECONDS)


def _wait(url: str) -> None:
    """Wait until the readiness of the service is there; each look takes as long as a refused connection."""
    import time

    end = time.monotonic() + patience.SECONDS
    while time.monotonic() < end:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/.backstage/health/v1/readiness"):
            return
        time.sleep(0.05)
    raise AssertionError(f"{url} does not answer")


def chromium() -> Iterator["Browser"]:
    """Run the browser for a fixture, or skip the test with what is missing."""
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("playwright is missing: ./dev oracle installs it")
    path = os.environ.get("BACKSTAGE_PY_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("Chromium is missing: install it, or name it in BACKSTAGE_PY_CHROMIUM")
    from tests.browser.visitor import chromium as running

    with running() as started:
        yield started
