"""Generated requests to a Backstage and to this service, which serve the same entities, get the same answers."""

import os
from pathlib import Path

from tests.anchor.record_answers import answered, backstage_catalog
from tests.contract import catalog_fixture
from tests.contract.catalog_cases import queries
from tests.contract.entity_cases import validations
from tests.contract.harness import free_port, start
from tests.contract.test_recorded_answers import compare, until_complete

_CASES = int(os.environ.get("BACKSTAGE_PY_ANCHOR_CASES", "1500"))
_SEED = int(os.environ.get("BACKSTAGE_PY_ANCHOR_SEED", "2"))


def test_generated_requests_get_the_same_answers(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "ours").mkdir()
    port = free_port()
    service = start(tmp_path / "ours", catalog_fixture.write(tmp_path / "ours", port), port=port)
    try:
        until_complete(service.url)
        with backstage_catalog(tmp_path / "theirs") as url:
            cases = answered(url, [*queries(_SEED, _CASES), *validations(_SEED, _CASES)])
        assert "\n".join(compare(cases, service.url)[:20]) == ""
    finally:
        service.process.kill()
        service.process.wait()
