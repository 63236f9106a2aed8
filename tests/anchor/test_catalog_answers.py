"""Generated requests to a Backstage and to this service, which serve the same entities, get the same answers."""

import os
from pathlib import Path

import yaml

from tests.anchor.harness import database
from tests.anchor.record_answers import answered, backstage_catalog
from tests.contract import catalog_fixture
from tests.contract.catalog_cases import queries
from tests.contract.entity_cases import validations
from tests.contract.harness import free_port, start
from tests.contract.test_recorded_answers import compare, until_complete
from tests.storage.postgres import postgres

_CASES = int(os.environ.get("BACKSTAGE_PY_ANCHOR_CASES", "1500"))
_SEED = int(os.environ.get("BACKSTAGE_PY_ANCHOR_SEED", "2"))


def test_generated_requests_get_the_same_answers(tmp_path: Path) -> None:
    """Both run on PostgreSQL: its LIKE takes a backslash otherwise than SQLite's."""
    (tmp_path / "theirs").mkdir()
    (tmp_path / "ours").mkdir()
    port = free_port()
    config, overlay = catalog_fixture.write(tmp_path / "ours", port), tmp_path / "database.yaml"
    with postgres() as server, backstage_catalog(tmp_path / "theirs") as url:
        overlay.write_text(yaml.safe_dump({"backend": {"database": database(server.port)}}))
        server.new_database("backstage_py")
        service = start(tmp_path / "ours", config, "--config", str(overlay), port=port)
        try:
            until_complete(service.url)
            cases = answered(url, [*queries(_SEED, _CASES), *validations(_SEED, _CASES)])
            assert "\n".join(compare(cases, service.url)[:20]) == ""
        finally:
            service.process.kill()
            service.process.wait()
