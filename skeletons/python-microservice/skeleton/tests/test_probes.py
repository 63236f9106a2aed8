from fastapi import FastAPI
from fastapi.testclient import TestClient


def test_it_is_ready_between_start_and_stop(app: FastAPI) -> None:
    before = TestClient(app)
    assert before.get("/readyz").status_code == 503
    assert before.get("/healthz").status_code == 200
    with TestClient(app) as client:
        assert client.get("/readyz").json() == {"status": "ready"}
        app.state.readiness.ready = False
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").json() == {"status": "ok"}
