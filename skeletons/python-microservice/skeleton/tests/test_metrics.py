from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from service import NAME, TEAM


def samples(client: TestClient, name: str, *labels: str) -> dict[tuple[str, ...], float]:
    """Values of a metric by the values of these labels."""
    text = client.get("/metrics").text
    return {
        tuple(sample.labels[label] for label in labels): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def requests(client: TestClient, name: str = "http_requests_total") -> dict[tuple[str, ...], float]:
    return samples(client, name, "route", "method", "code")


def test_requests_are_counted_by_route_method_and_code(client: TestClient) -> None:
    client.get("/?page=1")
    client.get("/?page=2")
    client.post("/")
    counted = requests(client)
    assert counted == {("/", "GET", "200"): 2, ("/", "POST", "405"): 1}
    assert requests(client, "http_request_duration_seconds_count") == counted


def test_what_callers_make_up_adds_no_series(client: TestClient) -> None:
    for path in ("/a", "/b", '/c"}'):
        client.request("BREW", path)
    assert requests(client) == {("unmatched", "other", "404"): 3}


def test_probes_are_not_counted(client: TestClient) -> None:
    client.get("/healthz")
    client.get("/readyz")
    assert requests(client) == {}


def test_failures_are_counted_and_answered(app: FastAPI) -> None:
    @app.get("/broken/{thing}")
    async def broken(thing: str) -> None:
        raise RuntimeError(thing)

    with TestClient(app) as client:
        answer = client.get("/broken/secret")
        assert answer.status_code == 500
        assert "secret" not in answer.text
        assert requests(client) == {("/broken/{thing}", "GET", "500"): 1}
        assert samples(client, "http_requests_in_flight") == {(): 0}


def test_what_runs_is_told(client: TestClient) -> None:
    told = samples(client, "service_info", "service", "team", "version")
    assert told == {(NAME, TEAM, "1a2b3c"): 1}
