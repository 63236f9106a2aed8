import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from service import NAME, logs
from service.settings import Settings


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure(Settings(version="1a2b3c"), stream)
    yield stream
    root.handlers[:], level = before
    root.setLevel(level)


def entries(log: io.StringIO, message: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    return [line for line in lines if line["msg"] == message]


def test_a_request_is_one_line_of_json(log: io.StringIO, client: TestClient) -> None:
    client.get("/?token=secret")
    [entry] = entries(log, "request")
    assert entry["level"] == "INFO"
    assert (entry["service"], entry["version"]) == (NAME, "1a2b3c")
    assert (entry["method"], entry["path"], entry["status"]) == ("GET", "/", 200)
    assert entry["seconds"] >= 0
    assert "secret" not in json.dumps(entry)


def test_probes_are_not_logged(log: io.StringIO, client: TestClient) -> None:
    client.get("/healthz")
    assert entries(log, "request") == []


def test_a_failure_is_logged_with_its_stack(log: io.StringIO, app: FastAPI) -> None:
    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("no disk")

    with TestClient(app) as client:
        client.get("/broken")
    [entry] = entries(log, "request failed")
    assert entry["level"] == "ERROR"
    assert "RuntimeError: no disk" in entry["stack"]


def test_less_is_logged_where_less_is_asked_for(log: io.StringIO) -> None:
    logs.configure(Settings(log_level="warn"), log)
    logging.getLogger("anything").info("not this")
    logging.getLogger("anything").warning("this")
    assert entries(log, "not this") == []
    assert len(entries(log, "this")) == 1
