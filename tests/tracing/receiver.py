"""A receiver of OTLP over HTTP, as a collector is one: keeps the spans that it is sent."""

import base64
import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from google.protobuf import json_format  # type: ignore[import-untyped] # its types are a package more
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

Span = Any
"""One of ``opentelemetry.proto.trace.v1``."""


@dataclass
class Receiver:
    """Where spans go; it also answers any GET, and keeps its headers."""

    url: str = ""
    spans: list[Span] = field(default_factory=list)
    services: set[str] = field(default_factory=set)
    asked: list[dict[str, str]] = field(default_factory=list)

    def named(self, name: str) -> list[Span]:
        """Return the spans of a name."""
        return [one for one in self.spans if one.name == name]


@contextlib.contextmanager
def running(host: str = "127.0.0.1") -> Iterator[Receiver]:
    """Receive at an address of this machine until the block is left."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = _READERS[self.headers["content-type"]](self.rfile.read(int(self.headers["content-length"])))
            assert self.path == "/v1/traces"
            for resource in sent.resource_spans:
                names = [one.value.string_value for one in resource.resource.attributes if one.key == "service.name"]
                receiver.services.update(names)
                receiver.spans += [span for scope in resource.scope_spans for span in scope.spans]
            self._answer(b"")

        def do_GET(self) -> None:
            receiver.asked.append({name.lower(): value for name, value in self.headers.items()})
            self._answer(b"{}")

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer((host, 0), Handler)
    receiver.url = f"http://{host}:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _of_json(body: bytes) -> ExportTraceServiceRequest:
    """Read OTLP's JSON: that of protobuf, but for ids, which are hexadecimal."""

    def based(members: dict[str, Any]) -> dict[str, Any]:
        ids = {name: members[name] for name in ("traceId", "spanId", "parentSpanId") if name in members}
        return members | {name: base64.b64encode(bytes.fromhex(value)).decode() for name, value in ids.items()}

    request = ExportTraceServiceRequest()
    json_format.ParseDict(json.loads(body, object_hook=based), request)
    return request


_READERS: dict[str, Callable[[bytes], ExportTraceServiceRequest]] = {
    "application/x-protobuf": ExportTraceServiceRequest.FromString,
    "application/json": _of_json,
}


def attributes(span: Span) -> dict[str, Any]:
    """Return the attributes of a span."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}
