"""Answers as Backstage's framework gives them: JSON with a weak ETag and 304, raw JSON without, or no body."""

import hashlib
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from backstage_py.model import json
from backstage_py.model.json import Json

JSON_TYPE = "application/json; charset=utf-8"
_NO_BODY = {204, 304}


class EtagResponse(Response):
    """An answer with a weak ETag; a GET or HEAD that names it in ``If-None-Match`` gets 304 and no body."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer, or 304 when the client has it already."""
        etag = weak_etag(bytes(self.body))
        if self.status_code == 200 and scope["method"] in {"GET", "HEAD"} and _is_fresh(scope, etag):  # noqa: PLR2004
            headers = [item for item in self.raw_headers if item[0] not in {b"content-type", b"content-length"}]
            await send({"type": "http.response.start", "status": 304, "headers": [*headers, (b"etag", etag)]})
            await send({"type": "http.response.body", "body": b""})
            return
        self.raw_headers.append((b"etag", etag))
        await super().__call__(scope, receive, send)


def json_response(value: Json, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with a JSON value and a weak ETag."""
    return json_text_response(json.dumps(value), status, headers)


def json_text_response(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with JSON text that is ready, and a weak ETag."""
    return EtagResponse(body, status, headers, media_type=JSON_TYPE)


def raw_json(body: bytes | AsyncIterator[bytes], headers: Mapping[str, str] | None = None) -> Response:
    """Answer with JSON text that is handed through, without an ETag."""
    if isinstance(body, bytes):
        return Response(body, 200, headers, media_type=JSON_TYPE)
    return StreamingResponse(body, 200, headers, media_type=JSON_TYPE)


def created(value: Json) -> Response:
    """Answer 201 with a JSON value."""
    return json_response(value, 201)


def no_content(status: int = 204) -> Response:
    """Answer without a body and without a content type."""
    response = Response(status_code=status)
    if status not in _NO_BODY:
        response.headers["content-length"] = "0"
    return response


def not_found() -> Response:
    """Answer as Backstage does for an unknown path or method: 404 and nothing else."""
    return no_content(404)


def weak_etag(body: bytes) -> bytes:
    """Return the ETag that Express gives a body: its length in hex and 27 characters of its SHA-1."""
    digest = b64encode(hashlib.sha1(body, usedforsecurity=False).digest())[:27]
    return b'W/"%x-%b"' % (len(body), digest)


def _is_fresh(scope: Scope, etag: bytes) -> bool:
    asked = None
    for name, value in scope["headers"]:
        if name == b"if-none-match":
            asked = value
        elif name == b"cache-control" and b"no-cache" in value:
            return False
    if asked is None:
        return False
    tag = etag.removeprefix(b"W/")
    return asked == b"*" or any(one.strip().removeprefix(b"W/") == tag for one in asked.split(b","))
