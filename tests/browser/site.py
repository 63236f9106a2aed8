"""The built frontend on a port of its own, told by its configuration which backends to ask."""

import http.server
import json
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

_CONFIG = re.compile(r'(<script type="backstage.io/config">)(.*?)(</script>)', re.DOTALL)


@contextmanager
def frontend(port: int, config: dict[str, Any]) -> Iterator[str]:
    """Serve the frontend that was built, with more configuration, until the block is left; gives its URL."""
    dist = Path(os.environ["BACKSTAGE_PY_FRONTEND"])
    index = _with_config((dist / "index.html").read_text(), config).encode()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), partial(_Files, index, dist))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def files(folder: Path) -> Iterator[str]:
    """Serve a folder on loopback, for locations of the type url; gives ``host:port``."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, None, folder))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _with_config(page: str, config: dict[str, Any]) -> str:
    """Append to the array of configurations that the built page carries; the last one wins."""
    found = _CONFIG.search(page)
    if found is None:
        raise AssertionError("index.html carries no configuration; is this the dist folder of a Backstage frontend?")
    layers = [*json.loads(found[2]), {"context": "tests", "data": config}]
    return page[: found.start(2)] + json.dumps(layers).replace("<", "\\u003c") + page[found.end(2) :]


class _Files(http.server.SimpleHTTPRequestHandler):
    def __init__(self, index: bytes | None, folder: Path, *arguments: Any) -> None:
        self._index = index
        super().__init__(*arguments, directory=str(folder))

    def do_GET(self) -> None:  # the name that http.server asks for
        """Send a file; any path that is none is a page of the frontend, which routes by itself."""
        is_file = Path(self.translate_path(self.path)).is_file() and not self.path.startswith("/index.html")
        if self._index is None or is_file:
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(self._index)))
        self.end_headers()
        self.wfile.write(self._index)

    def log_message(self, *arguments: Any) -> None:
        """Keep requests out of the test's output."""
