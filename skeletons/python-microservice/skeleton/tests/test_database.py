import socket
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from service import database
from service.database import Connection


@pytest.fixture
def nobody_listens(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Name a server that is not there, at a port that nobody else can take meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("PGHOST", "127.0.0.1")
        monkeypatch.setenv("PGPORT", str(taken.getsockname()[1]))
        yield


def test_without_one_it_is_ready_and_endpoints_that_need_one_say_so(
    app: FastAPI, client: TestClient
) -> None:
    @app.get("/orders")
    async def orders(connection: Connection) -> int:
        return int(await connection.fetchval("SELECT 1"))

    assert client.get("/readyz").status_code == 200
    assert client.get("/orders").json() == {
        "detail": "This service has no database: PGHOST is not set"
    }


@pytest.mark.usefixtures("nobody_listens")
def test_while_it_does_not_answer_the_service_lives_and_is_not_ready(
    app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    with TestClient(app) as client:
        for _ in range(2):
            answer = client.get("/readyz")
            assert (answer.status_code, answer.json()) == (503, {"status": "no database"})
        assert client.get("/healthz").status_code == 200
    [said] = [one for one in caplog.records if one.name == database.__name__]
    assert "Connect call failed" in said.__dict__["error"]
