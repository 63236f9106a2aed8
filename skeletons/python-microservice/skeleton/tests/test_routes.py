from fastapi.testclient import TestClient

from service import NAME, TEAM


def test_home_says_what_runs_here(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert answer.json() == {"service": NAME, "team": TEAM, "version": "1a2b3c"}


def test_a_path_that_is_not_there_is_not_found(client: TestClient) -> None:
    assert client.get("/nothing-here").status_code == 404
