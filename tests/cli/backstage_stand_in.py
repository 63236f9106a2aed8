"""What ``backstage-py doctor`` asks of a Backstage: keys, guests, permissions, catalog, actions, page."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from backstage_py.identity import keys
from backstage_py.identity.issuer import TokenIssuer


class StandIn:
    """Answers while ``running``.

    Attributes:
        endpoints: ``discovery.endpoints`` in the page of the app; None for a page without configuration.
        actions: ids that the scaffolder lists.
        has_guests: whether guests may sign in.
        missing: paths that are answered with 404.
    """

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.issuer = TokenIssuer(keys.OneKey(keys.generate()), f"{self.url}/api/auth")
        self.endpoints: list[dict[str, Any]] | None = None
        self.actions = ["fetch:template"]
        self.has_guests = True
        self.missing: set[str] = set()

    @contextmanager
    def running(self) -> Iterator["StandIn"]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    @property
    def token(self) -> str:
        return self.issuer.user_token("user:default/jane", ["user:default/jane"]).token

    def answer(self, path: str, body: Any, *, has_token: bool) -> Any:
        """Return the answer to a path, a page as bytes; None where there is nothing."""
        if path in self.missing:
            return None
        if path == "/":
            layers = [{"context": "app-config.yaml", "data": {"discovery": {"endpoints": self.endpoints}}}]
            told = json.dumps(layers) if self.endpoints is not None else ""
            return (f'<script type="backstage.io/config">{told}</script>' if told else "<p>Backstage").encode()
        if path == "/api/auth/.well-known/jwks.json":
            return {"keys": [self.issuer.key.jwk]}
        if path == "/api/auth/guest/refresh" and self.has_guests:
            return {"backstageIdentity": {"token": self.token}}
        if path == "/api/permission/authorize":
            return {"items": [{"id": one["id"], "result": "ALLOW"} for one in body["items"]]}
        if path == "/api/catalog/entities/by-refs" and has_token:
            return {"items": [None for _ in body["entityRefs"]]}
        if path == "/api/scaffolder/v2/actions" and has_token:
            return [{"id": one} for one in self.actions]
        return None

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # the base class's name
                self._answer()

            def do_POST(self) -> None:  # as above
                self._answer()

            def _answer(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                body = json.loads(self.rfile.read(length) or b"null")
                answer = stand_in.answer(self.path, body, has_token="authorization" in self.headers)
                found = answer is not None
                data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(200 if found else 404)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler
