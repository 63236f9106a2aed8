"""Compression of answers: gzip or deflate for text above one kilobyte, streams flushed with every part."""

import re
import zlib
from dataclasses import dataclass, field

from isal import isal_zlib
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backstage_py import threads
from backstage_py.http.cors import merge_vary

_THRESHOLD = 1024  # bytes, as the npm package "compression"
_LEVEL = 1  # of ISA-L: a page of entities in a fifth of the time of zlib's level 3, and smaller
_STREAM_LEVEL = 3  # of zlib, whose windows can be small
_IN_THREAD = 512 * 1024  # bytes; more than this would hold up the event loop
_TEXT = re.compile(rb"text/|application/(?:[\w.+-]*\+)?(?:json|javascript|xml)")
_EVENTS = b"text/event-stream"
_WINDOWS = {b"gzip": 31, b"deflate": 15}
_STREAM_WINDOWS = {b"gzip": 27, b"deflate": 11}  # 2 KiB: thousands of streams are open at once
_STREAM_MEMORY = 2  # of 9: some KiB for each stream in place of some hundred


class CompressionMiddleware:
    """Compresses what a client accepts compressed. ``vary`` is set on every answer that could be."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        accepted = next((value for name, value in scope["headers"] if name == b"accept-encoding"), b"")
        encoding = None if scope["method"] == "HEAD" else preferred(accepted)
        await self._app(scope, receive, _Answer(send, encoding).send)


def preferred(accept: bytes) -> bytes | None:
    """Return the encoding to use for an ``accept-encoding`` header, None for none."""
    if not accept:
        return None
    weights: dict[bytes, float] = {}
    for part in accept.lower().split(b","):
        name, _, parameter = part.strip().partition(b";")
        _, _, weight = parameter.partition(b"q=")
        try:
            weights[name.strip()] = float(weight) if weight else 1.0
        except ValueError:
            weights[name.strip()] = 0.0
    rest = weights.get(b"*", 0.0)
    best = max(_WINDOWS, key=lambda name: weights.get(name, rest))
    return best if weights.get(best, rest) > 0 else None


@dataclass(slots=True)
class _Answer:
    """One answer: its start is held back until the first part of the body shows whether compression pays."""

    out: Send
    encoding: bytes | None
    start: Message = field(default_factory=dict)
    packer: "isal_zlib.Compress | zlib._Compress | None" = None

    async def send(self, message: Message) -> None:
        """Pass a message on, compressed if that was decided."""
        if message["type"] == "http.response.start":
            self.start = message
        elif message["type"] == "http.response.body":
            await self._body(message.get("body", b""), more=message.get("more_body", False))
        else:
            await self.out(message)

    async def _body(self, body: bytes, *, more: bool) -> None:
        if self.start:
            await self.out(self._begin(body, more=more))
            self.start = {}
        if self.packer:
            body = await self._pack(body, more=more)
            if more and not body:
                return
        await self.out({"type": "http.response.body", "body": body, "more_body": more})

    def _begin(self, body: bytes, *, more: bool) -> Message:
        headers: list[tuple[bytes, bytes]] = list(self.start.get("headers", ()))
        known = dict(headers)
        if not _TEXT.match(known.get(b"content-type", b"")) or b"content-encoding" in known:
            return self.start
        headers = merge_vary([*headers, (b"vary", b"Accept-Encoding")])
        if self.encoding and (more or len(body) >= _THRESHOLD):
            streams = known.get(b"content-type", b"").startswith(_EVENTS)
            self.packer = _stream_packer(self.encoding) if streams else _packer(self.encoding)
            headers = [item for item in headers if item[0] != b"content-length"]
            headers.append((b"content-encoding", self.encoding))
        return {**self.start, "headers": headers}

    async def _pack(self, body: bytes, *, more: bool) -> bytes:
        if len(body) > _IN_THREAD:
            return await threads.offload(self._pack_now, body, more=more)
        return self._pack_now(body, more=more)

    def _pack_now(self, body: bytes, *, more: bool) -> bytes:
        if not self.packer:
            return body
        packed = self.packer.compress(body) if body else b""
        if not more:
            return packed + self.packer.flush()
        return packed + self.packer.flush(zlib.Z_SYNC_FLUSH) if body else packed


def _packer(encoding: bytes) -> isal_zlib.Compress:
    return isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, _WINDOWS[encoding])


def _stream_packer(encoding: bytes) -> "zlib._Compress":
    return zlib.compressobj(_STREAM_LEVEL, zlib.DEFLATED, _STREAM_WINDOWS[encoding], _STREAM_MEMORY)
