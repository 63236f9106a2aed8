"""Generated queries and entities get the answers that a real Backstage gave when ``record_answers`` asked it."""

import gzip
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests import patience
from tests.contract import catalog_fixture
from tests.contract.catalog_cases import Case, answer
from tests.contract.harness import free_port, start

_RECORDED = Path(__file__).parents[1] / "golden" / "catalog" / "answers.json.gz"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("recorded")
    port = free_port()
    service = start(folder, catalog_fixture.write(folder, port), port=port)
    try:
        until_complete(service.url)
        yield service.url
    finally:
        service.process.kill()
        service.process.wait()


def until_complete(url: str) -> None:
    """Wait until all entities of the fixture are there, related to each other."""
    end = time.monotonic() + patience.SECONDS
    wanted = len(catalog_fixture.entities()) + 1
    seen: Any = None
    while time.monotonic() < end:
        found = answer(url, Case("GET", "/entity-facets?facet=kind&facet=relations.ownerOf&facet=relations.partOf"))
        facets = found[1]["facets"]
        if found == seen and sum(one["count"] for one in facets["kind"]) == wanted and facets["relations.ownerOf"]:
            return
        seen = found
        time.sleep(0.5)
    raise AssertionError(f"the catalog of {url} does not become complete: {seen}")


def compare(recorded: list[tuple[Case, Any]], url: str) -> list[str]:
    """Return a readable text for each answer that differs."""
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda one: answer(url, one[0]), recorded))
    return [
        f"{case.method} {case.path} {json.dumps(case.body)}\n  Backstage: {json.dumps(theirs)}"
        f"\n  here: {json.dumps(ours)}"
        for (case, theirs), ours in zip(recorded, found, strict=True)
        if json.dumps(theirs) != json.dumps(ours)
    ]


def recorded(kind: str) -> list[tuple[Case, Any]]:
    table = json.loads(gzip.decompress(_RECORDED.read_bytes()))
    return [(Case(*case), theirs) for case, theirs in table[kind]]


@pytest.mark.thorough(sample=1)
@pytest.mark.parametrize("kind", ["validations", "queries"])
def test_answers_are_those_of_backstage(url: str, kind: str) -> None:
    cases = recorded(kind)
    assert len(cases) >= 500
    assert "\n".join(compare(cases, url)[:20]) == ""


@pytest.mark.thorough
@pytest.mark.parametrize(("token", "status"), [(catalog_fixture.TOKEN, 200), ("nobody's", 401)])
def test_a_refresh_acts_for_whose_token_is_in_its_body(url: str, token: str, status: int) -> None:
    body = {"entityRef": "group:default/team-1", "authorizationToken": token}
    assert answer(url, Case("POST", "/refresh", body))[0] == status
