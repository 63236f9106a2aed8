"""Answers of the catalog that no recorded call asks for, against the document of a real Backstage's catalog."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from backstage_py.model.json import Json
from tests import patience
from tests.contract.harness import KIT, running
from tests.contract.test_openapi_answers import problems

CONFIG = Path(__file__).with_name("app-config.yaml")
GOOD = {
    "apiVersion": "backstage.io/v1alpha1",
    "kind": "Component",
    "metadata": {"name": "good"},
    "spec": {"type": "service", "lifecycle": "production", "owner": "team-a"},
}


@dataclass(frozen=True)
class Service:
    url: str
    token: str

    def call(self, method: str, path: str, body: Json = None) -> tuple[int, Any]:
        """Ask the catalog; the answer must fit the document."""
        request = urllib.request.Request(
            f"{self.url}/api/catalog{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"authorization": f"Bearer {self.token}", "content-type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request) as response:
                status, text = response.status, response.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
        answer = json.loads(text) if text else None
        asked = {"request": {"method": method, "path": f"/api/catalog{path}"}}
        assert not problems("catalog", asked, status, answer), answer
        return status, answer

    def wait_for_entities(self) -> None:
        patience.wait(lambda: self.call("GET", "/entities?filter=kind=component&limit=1")[1], "entities appear")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("catalog")
    env = {"KIT_PORT": "0", "KIT_FOLDER": str(folder), "KIT": str(KIT)}
    with running(folder, CONFIG, env=env) as started:
        guest = urllib.request.Request(f"{started.url}/api/auth/guest/refresh", method="POST")
        with urllib.request.urlopen(guest) as answer:
            service = Service(started.url, json.load(answer)["backstageIdentity"]["token"])
        service.wait_for_entities()
        yield service


@pytest.mark.thorough
def test_an_entity_by_its_uid(service: Service) -> None:
    _, page = service.call("GET", "/entities/by-query?limit=1&orderField=metadata.name,asc")
    (entity,) = page["items"]
    assert service.call("GET", f"/entities/by-uid/{entity['metadata']['uid']}") == (200, entity)
    assert service.call("DELETE", "/entities/by-uid/00000000-0000-0000-0000-000000000000")[0] in {204, 404}


def test_a_location_that_is_registered_changed_and_listed(service: Service) -> None:
    target = "http://127.0.0.1:7199/nothing/catalog-info.yaml"
    _, shown = service.call("POST", "/locations", {"type": "url", "target": target})
    place = shown["location"]["id"]
    changed = {"type": "url", "target": f"{target}?2"}
    status, answer = service.call("PUT", f"/locations/{place}", changed)
    assert status == 200
    assert answer["target"] == changed["target"]
    unknown = "/locations/00000000-0000-0000-0000-000000000000"
    assert service.call("PUT", unknown, changed)[0] == 409
    assert service.call("PUT", unknown, {"type": "url", "target": target})[0] == 404
    assert service.call("PUT", f"/locations/{place}", {"type": "url"})[0] == 400
    _, found = service.call("POST", "/locations/by-query", {"query": {"target": changed["target"]}, "limit": 1})
    assert [one["id"] for one in found["items"]] == [place]
    assert service.call("POST", "/locations/by-query", {"limit": 0})[0] == 400
    assert service.call("DELETE", f"/locations/{place}")[0] == 204


@pytest.mark.thorough
def test_what_is_counted_ordered_and_validated_by_post(service: Service) -> None:
    kinds = {"query": {"kind": {"$in": ["Component", "API"]}}}
    _, facets = service.call("POST", "/entity-facets", {"facets": ["kind"], **kinds})
    _, page = service.call(
        "POST", "/entities/by-query", {**kinds, "orderBy": [{"field": "metadata.name", "order": "asc"}]}
    )
    assert page["totalItems"] == sum(one["count"] for one in facets["facets"]["kind"]) > 0
    assert service.call("POST", "/entity-facets", {"facets": []})[0] == 400
    assert service.call("POST", "/validate-entity", {"entity": GOOD, "location": "url:http://127.0.0.1/x"})[0] == 200
    assert service.call("POST", "/refresh", {"entityRef": "component:default/nobody"})[0] == 404
