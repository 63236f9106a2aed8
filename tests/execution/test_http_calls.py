"""A pod's requests over a network that loses what it took."""

import os
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from backstage_py.execution.http_calls import Calls

CONTENT = os.urandom(1_000_000)


class Breaking(BaseHTTPRequestHandler):
    """Answers ranges, and goes away in the middle of each answer but the fourth."""

    protocol_version = "HTTP/1.1"
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        range_ = self.headers.get("Range", "")
        self.asked.append(range_)
        at = int(range_.removeprefix("bytes=").removesuffix("-") or 0)
        left = CONTENT[at:]
        self.send_response(206 if range_ else 200)
        self.send_header("Content-Length", str(len(left)))
        self.end_headers()
        self.wfile.write(left if len(self.asked) == 4 else left[: len(left) // 2])
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    Breaking.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Breaking) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_what_broke_off_goes_on_from_there(url: str) -> None:
    with closing(Calls(url, "token")) as calls:
        assert calls.fetch("part") == CONTENT
    assert Breaking.asked == ["", "bytes=500000-", "bytes=750000-", "bytes=875000-"]


def test_what_may_change_is_asked_for_anew(url: str) -> None:
    with closing(Calls(url, "token")) as calls:
        assert calls.call("GET", "messages") == CONTENT
    assert Breaking.asked == [""] * 4
