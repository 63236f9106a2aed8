import io
import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from fastapi.testclient import TestClient
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from service import NAME, logs
from service.app import create_app
from service.settings import Settings

TRACE = "0af7651916cd43dd8448eb211c80319c"


class Receiver(ThreadingHTTPServer):
    """Takes what an OpenTelemetry collector takes."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[ExportTraceServiceRequest] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert isinstance(self.server, Receiver)
        if self.path == "/v1/traces":
            self.server.received.append(ExportTraceServiceRequest.FromString(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        thread = threading.Thread(target=receiver.serve_forever, args=(0.02,))
        thread.start()
        yield receiver
        receiver.shutdown()
        thread.join()


def test_requests_become_spans_of_the_callers_trace(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OTEL_TRACES_EXPORTER")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    stream = io.StringIO()
    root = logging.getLogger()
    before = root.handlers[:]
    logs.configure(Settings(), stream)
    with TestClient(create_app(Settings(version="1a2b3c"))) as client:
        client.get("/", headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"})
        client.get("/healthz")
    root.handlers[:] = before

    [resource] = [spans for request in receiver.received for spans in request.resource_spans]
    about = {pair.key: pair.value.string_value for pair in resource.resource.attributes}
    assert (about["service.name"], about["service.version"]) == (NAME, "1a2b3c")
    spans = [span for scope in resource.scope_spans for span in scope.spans]
    assert "GET /" in [span.name for span in spans]
    assert {span.trace_id.hex() for span in spans} == {TRACE}

    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    [entry] = [line for line in lines if line["msg"] == "request"]
    assert entry["trace_id"] == TRACE
    assert entry["span_id"] in {span.span_id.hex() for span in spans}


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_nothing_is_traced_unless_it_is_asked_for(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OTEL_TRACES_EXPORTER")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    app = create_app(Settings())
    assert not getattr(app, "_is_instrumented_by_opentelemetry", False)
