"""The Go service as a process: what it logs, where its traces go, and how it stops."""

import signal
import subprocess
from pathlib import Path

import pytest

from tests.cluster import waiting
from tests.golden_paths import process
from tests.golden_paths.produced import NAME
from tests.tracing import receiver

pytestmark = [pytest.mark.go, pytest.mark.thorough]

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = f"00-{TRACE}-b7ad6b7169203331-01"


def test_a_request_is_one_line_and_one_span_of_the_callers_trace(go_program: Path) -> None:
    with (
        receiver.running() as traces,
        process.running(go_program, OTEL_EXPORTER_OTLP_ENDPOINT=traces.url, OTEL_SERVICE_NAME=NAME) as service,
    ):
        assert service.get("/", traceparent=CALLER).status == 200
        line = service.line()
        service.terminate()
        status, rest = service.ended()
    assert status == 0
    assert [one["msg"] for one in rest] == ["stopping", "stopped"]
    assert (line["msg"], line["path"], line["status"], line["version"]) == ("request", "/", 200, "0123abc")
    (span,) = traces.spans
    assert (span.name, span.kind, traces.services) == ("GET /", span.SPAN_KIND_SERVER, {NAME})
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, "b7ad6b7169203331")
    assert (line["trace_id"], line["span_id"]) == (TRACE, span.span_id.hex())
    assert receiver.attributes(span)["http.response.status_code"] == 200
    assert 0 < span.start_time_unix_nano <= span.end_time_unix_nano


def test_it_answers_while_it_drains_and_says_that_it_is_not_ready(go_program: Path) -> None:
    with process.running(go_program, DRAIN_SECONDS="600") as service:
        assert service.get("/readyz").status == 200
        service.terminate()
        waiting.until(lambda: service.get("/readyz").status == 503, "it is not ready any more")
        assert service.get("/healthz").status == 200
        assert service.get("/").status == 200
        service.terminate()
        status, _ = service.ended()
    assert status == -signal.SIGTERM, "who asks twice does not wait"


def test_wrong_settings_end_it_with_the_variables_name(go_program: Path) -> None:
    done = subprocess.run([go_program], env={"PORT": "high"}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, 'PORT must be a number from 0 to 65535, not "high"\n')
