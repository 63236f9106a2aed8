"""What a real Backstage answered under a policy, this service answers, too: the calls and answers are recorded."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from backstage_py.identity.issuer import limited_user_token
from tests import patience
from tests.contract.harness import free_port, start
from tests.permissions.calls import ACCESS, FULL, RECORDED, SITE, Client, calls, stricter
from tests.permissions.fake_backstage import FakeBackstage, table_of


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[dict[str, Any]]]:
    folder, port = tmp_path_factory.mktemp("site"), free_port()
    config = folder / "app-config.yaml"
    with FakeBackstage(table_of(SITE)).running() as backstage:
        config.write_text(yaml.safe_dump(_config(backstage.url, port, folder)))
        service = start(folder, config, port=port)
        try:
            backstage.plugins = service.url
            client = Client(service.url, backstage.token, limited_user_token)
            _until_settled(client)
            assert "permissions_decided_by_backend" in service.log.read_text()
            yield [{"call": call.title, **client.run(call)} for call in calls()]
        finally:
            service.stop()


def _config(backstage: str, port: int, folder: Path) -> dict[str, Any]:
    ours = {"target": f"http://127.0.0.1:{port}/api/{{{{pluginId}}}}", "plugins": ["scaffolder", "catalog"]}
    return {
        "backend": {
            "baseUrl": backstage,
            "database": {"client": "better-sqlite3", "connection": ":memory:"},
            "workingDirectory": str(folder / "work"),
            "auth": {"externalAccess": ACCESS},
        },
        "discovery": {"endpoints": [ours]},
        "integrations": {"github": [{"host": "github.com"}]},
        "permission": {"enabled": True},
        "catalog": {
            "rules": [{"allow": ["Template", "Group", "User", "Component", "API", "Location"]}],
            "locations": [{"type": "file", "target": str(SITE / "entities.yaml")}],
        },
    }


def _until_settled(client: Client) -> None:
    path = "/api/catalog/entities?filter=relations.ownedby&fields=metadata.name"
    end = time.monotonic() + patience.SECONDS
    while len(client.send("service", "GET", path)[1]) != 7:
        assert time.monotonic() < end, "the entities did not reach the catalog"
        time.sleep(0.05)


@pytest.mark.thorough
def test_every_recorded_call_is_answered_as_a_real_backstage_does(answers: list[dict[str, Any]]) -> None:
    recorded = [stricter(one) for one in json.loads(RECORDED.read_text())]
    assert [one["call"] for one in answers] == [one["call"] for one in recorded]
    different = [(one, other) for one, other in zip(recorded, answers, strict=True) if one != other]
    assert not different, json.dumps(different, indent=1)


def test_the_recording_holds_every_kind_of_decision() -> None:
    recorded = json.loads(RECORDED.read_text())
    statuses = {one["status"] for one in recorded}
    assert statuses >= {200, 201, 204, 400, 401, 403, 404, 500, 501}
    assert FULL not in RECORDED.read_text()
