"""An application of this process on a loopback port, for those who call back."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from starlette.types import ASGIApp

from tests import patience
from tests.http.harness import call


@contextmanager
def answering(app: ASGIApp, port: int) -> Iterator[None]:
    """Answer requests to a port with an application of the running loop."""
    loop = asyncio.get_running_loop()

    class Handler(BaseHTTPRequestHandler):
        wbufsize = -1

        def do_GET(self) -> None:  # the base class's name
            self._answer(None)

        def do_POST(self) -> None:  # as above
            self._answer(self.rfile.read(int(self.headers["content-length"])))

        def _answer(self, body: bytes | None) -> None:
            wanted = call(app, self.command, self.path, dict(self.headers.items()), body)
            answer = asyncio.run_coroutine_threadsafe(wanted, loop).result(patience.SECONDS)
            self.send_response(answer.status)
            self.send_header("content-length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
