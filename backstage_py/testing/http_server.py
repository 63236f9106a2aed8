"""An HTTP server on loopback that answers as a test tells it and remembers what it was asked."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from backstage_py.model.json import Json


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came.

    Attributes:
        method: in capitals.
        path: decoded, without the query.
        query: the last value of each parameter.
        headers: by name in lower case.
        body: bytes; ``json`` is the same parsed.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def json(self) -> Json:
        """The body parsed; None when there is none. Raises ValueError when it is no JSON."""
        return json.loads(self.body) if self.body else None

    @property
    def token(self) -> str | None:
        """The bearer token, None without one."""
        kind, _, token = self.headers.get("authorization", "").partition(" ")
        return token if kind.lower() == "bearer" else None


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; ``body`` is sent as it is when it is bytes, else as JSON. Header names are in any case.

    One that is ``lost`` is not sent: the request was received, and then the connection is cut.
    """

    body: Json = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    lost: bool = False


Answer = Reply | Callable[[Received], Reply]


class FakeHttp:
    """A server that runs from ``with`` to its end.

    ``server.on("GET", "/things/1", Reply({"id": 1}))`` answers a path; one that ends with ``*`` answers all paths that
    begin so. Several answers to the same path are given in turn, the last one from then on. Whatever was not told is
    answered with 404 and stands in ``requests`` like everything else.
    """

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self._answers: dict[tuple[str, str], list[Answer]] = {}
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None

    def on(self, method: str, path: str, *answers: Answer) -> Self:
        """Answer a path, and return the server; what was told of the path before is forgotten.

        Args:
            method: in any case.
            path: decoded, without a query, with ``*`` at its end for all below.
            answers: replies, or functions of the request that return one.
        """
        with self._lock:
            self._answers[method.upper(), path] = list(answers)
        return self

    @property
    def url(self) -> str:
        """The root, without a slash at its end. Raises RuntimeError outside of ``with``."""
        return f"http://{self.host}"

    @property
    def host(self) -> str:
        """Address and port."""
        if self._server is None:
            raise RuntimeError("use 'with FakeHttp() as server:'")
        return f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self._answer))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()

    def _answer(self, received: Received) -> Reply:
        with self._lock:
            self.requests.append(received)
            answer = self._next(received)
        return answer(received) if callable(answer) else answer

    def _next(self, received: Received) -> Answer:
        answers = self._answers.get((received.method, received.path))
        if answers is None:
            fitting = [
                (path, found)
                for (method, path), found in self._answers.items()
                if method == received.method and path.endswith("*") and received.path.startswith(path[:-1])
            ]
            answers = max(fitting, key=lambda one: len(one[0]), default=("", None))[1]
        if not answers:
            message = f"The test told nothing about {received.method} {received.path}"
            return Reply({"error": {"name": "NotFoundError", "message": message}}, 404)
        return answers.pop(0) if len(answers) > 1 else answers[0]


def _handler(answer: Callable[[Received], Reply]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's word
            """Say nothing."""

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            received = Received(self.command, unquote(parts.path), dict(parse_qsl(parts.query)), headers, body)
            self._send(answer(received))

        def _send(self, reply: Reply) -> None:
            if reply.lost:
                self.close_connection = True
                return
            data = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            sent = {"content-type": "application/json"} | {k.lower(): v for k, v in reply.headers.items()}
            for name, value in sent.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve  # noqa: N815  # the base class looks for these names

    return Handler
