"""The service as a process: it starts, answers, and stops without failing a request."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.client import HTTPConnection
from pathlib import Path

from service.app import create_app
from service.server import Server, listen
from service.settings import Settings

ROOT = Path(__file__).parents[1]


class Process:
    """`python -m service` on a port that is free."""

    def __init__(self, **variables: str) -> None:
        env = {**os.environ, "PORT": "0", **variables}
        command = [sys.executable, "-m", "service"]
        self._child = subprocess.Popen(  # noqa: S603
            command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True
        )
        self.port = int(self.until("listening")["address"].rpartition(":")[2])
        self.until("Application startup complete.")

    def until(self, message: str) -> dict[str, str]:
        """Read the log up to a message."""
        assert self._child.stdout is not None
        for line in self._child.stdout:
            entry: dict[str, str] = json.loads(line)
            if entry["msg"] == message:
                return entry
        raise AssertionError(f"the service ended without saying {message!r}")

    def get(self, path: str) -> int:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", path)
        status = connection.getresponse().status
        connection.close()
        return status

    def stop(self) -> None:
        self._child.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self._child.kill()
        self.ended()

    def ended(self) -> int:
        assert self._child.stdout is not None
        self._child.stdout.read()
        self._child.stdout.close()
        return self._child.wait(60)


def test_it_answers_while_it_is_taken_away() -> None:
    service = Process(DRAIN_SECONDS="3600")
    assert service.get("/readyz") == 200
    service.stop()
    service.until("stopping")
    assert service.get("/readyz") == 503
    assert service.get("/") == 200
    service.kill()


def test_it_ends_in_good_order() -> None:
    service = Process(DRAIN_SECONDS="0")
    service.stop()
    service.until("stopped")
    assert service.ended() == 0


def test_a_request_in_flight_is_answered() -> None:
    settings = Settings(drain_seconds=0)
    app, begun, goes_on = create_app(settings), threading.Event(), threading.Event()

    @app.get("/slow")
    def slow() -> str:
        begun.set()
        assert goes_on.wait(60)
        return "done"

    server, listener = Server(app, settings), listen(0)
    running = threading.Thread(target=server.run, args=([listener],))
    running.start()
    connection = HTTPConnection("127.0.0.1", listener.getsockname()[1], timeout=60)
    connection.request("GET", "/slow")
    assert begun.wait(60)
    server.should_exit = True
    while app.state.readiness.ready:
        time.sleep(0.01)
    goes_on.set()
    assert connection.getresponse().read() == b'"done"'
    running.join()
    connection.close()


def test_wrong_settings_end_it_at_once_with_their_names() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "service"],
        cwd=ROOT,
        env={**os.environ, "PORT": "high", "DRAIN_SECONDS": "soon"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "PORT: " in done.stderr
    assert "DRAIN_SECONDS: Input should be a valid number" in done.stderr
