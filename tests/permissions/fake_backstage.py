"""A Backstage on loopback with nothing but sign-in and a permission backend, whose policy is a table.

It does what the real one does with a question: verifies the plugin that asks with that plugin's public keys, finds the
user in the token, and has the asking plugin apply conditions to things that are named.
"""

import json
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt

from backstage_py.identity import keys
from backstage_py.identity.issuer import TokenIssuer


class FakeBackstage:
    """Issues user tokens and answers questions about permissions.

    Attributes:
        plugins: root of the service that asks, where its plugins are.
        questions: the bodies that were sent to ``/authorize``, with the user of each.
        allows_nobody: callers without a token may do everything.
        answer: replaces the answer of ``/authorize``: ``(status, body)`` or None.
    """

    def __init__(self, table: dict[str, dict[str, Any]]) -> None:
        self.table = table
        self.plugins = ""
        self.questions: list[tuple[str | None, Any]] = []
        self.allows_nobody = False
        self.answer: tuple[int, bytes] | None = None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.issuer = TokenIssuer(keys.OneKey(keys.generate()), f"{self.url}/api/auth")

    @contextmanager
    def running(self) -> Iterator["FakeBackstage"]:
        """Answer until the block is left."""
        thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def token(self, ref: str) -> str:
        """Return a user's token."""
        return self.issuer.user_token(ref, [ref]).token

    def plugin_token(self, target: str, user: str | None = None) -> str:
        """Return a token with which the permission plugin calls, for a user whose token is given."""
        return self.issuer.plugin_token("permission", target, on_behalf_of=user)

    def authorize(self, header: str, body: Any) -> tuple[int, Any]:
        """Answer ``POST /authorize``."""
        if not header and self.allows_nobody:
            return 200, {"items": [{"id": one["id"], "result": "ALLOW"} for one in body["items"]]}
        try:
            limited = self._verified(header.removeprefix("Bearer "))
        except (jwt.InvalidTokenError, KeyError, OSError) as error:
            return 401, {
                "error": {"name": "AuthenticationError", "message": f"Failed plugin token verification: {error}"}
            }
        user = jwt.decode(limited, self.issuer.key.private.public_key(), algorithms=["ES256"])["sub"]
        self.questions.append((user, body))
        try:
            return 200, {"items": [self._decided(item, user, limited) for item in body["items"]]}
        except urllib.error.HTTPError as error:
            return error.code, {"error": {"name": "ResponseError", "cause": json.loads(error.read())["error"]}}

    def _verified(self, token: str) -> str:
        """Return the limited user token inside of the token of a plugin of the service."""
        caller = jwt.decode(token, options={"verify_signature": False})["sub"]
        with urllib.request.urlopen(f"{self.plugins}/api/{caller}/.backstage/auth/v1/jwks.json") as answer:
            jwk = json.loads(answer.read())["keys"][0]
        claims = jwt.decode(token, jwt.PyJWK(jwk), algorithms=["ES256"], audience="permission")
        return str(claims["obo"])

    def _decided(self, item: Any, user: str, limited: str) -> dict[str, Any]:
        permission = item["permission"]
        rows = self.table.get(user, {"*": "DENY"})
        found = rows.get(permission["name"], rows.get("*", "ALLOW"))
        if isinstance(found, str):
            return {"id": item["id"], "result": found}
        plugin, type_ = permission["name"].split(".")[0], permission["resourceType"]
        conditions = _typed(json.loads(json.dumps(found).replace("$user", user)), type_)
        if "resourceRef" not in item:
            more = {"pluginId": plugin, "resourceType": type_, "conditions": conditions}
            return {"id": item["id"], "result": "CONDITIONAL", **more}
        asked = {"id": item["id"], "resourceRef": item["resourceRef"], "resourceType": type_, "conditions": conditions}
        path = f"{self.plugins}/api/{plugin}/.well-known/backstage/permissions/apply-conditions"
        token = self.plugin_token(plugin, limited)
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        data = json.dumps({"items": [asked]}).encode()
        with urllib.request.urlopen(urllib.request.Request(path, data, headers)) as answer:
            decided: dict[str, Any] = json.loads(answer.read())["items"][0]
        return decided

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # headers and body in one packet

            def do_GET(self) -> None:  # the base class's name
                self._send(200, {"keys": [fake.issuer.key.jwk]})

            def do_POST(self) -> None:  # as above
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                if fake.answer:
                    self._send(*fake.answer)
                else:
                    self._send(*fake.authorize(self.headers.get("authorization", ""), body))

            def _send(self, status: int, body: Any) -> None:
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


def _typed(criteria: Any, type_: str) -> Any:
    if "rule" in criteria:
        return {"resourceType": type_, **criteria}
    return {
        key: [_typed(one, type_) for one in inner] if isinstance(inner, list) else _typed(inner, type_)
        for key, inner in criteria.items()
    }


def table_of(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the policy of the recorded site."""
    table: dict[str, dict[str, Any]] = json.loads((folder / "policy.json").read_text())
    return table
