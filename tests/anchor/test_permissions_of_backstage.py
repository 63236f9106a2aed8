"""One policy, two services: a real Backstage and this one, both asking the same permission backend."""

import json
import os
import shutil
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from backstage_py.identity.issuer import limited_user_token
from tests import patience
from tests.anchor import harness
from tests.contract.harness import free_port, start
from tests.permissions.calls import ACCESS, RECORDED, SITE, Client, calls, stricter


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, Client]]:
    folder = tmp_path_factory.mktemp("policy")
    theirs, ours = free_port(), free_port()
    for name in ("index.js", "policy.json", "entities.yaml"):
        shutil.copy(SITE / name, folder / name)
    config = folder / "app-config.yaml"
    config.write_text(yaml.safe_dump(_config(theirs, ours, folder)))
    overlay = folder / "app-config.py.yaml"
    overlay.write_text(yaml.safe_dump(_overlay(ours, folder)))

    def token(ref: str) -> str:
        request = urllib.request.Request(f"http://localhost:{theirs}/api/auth/named/refresh", headers={"x-user": ref})
        with urllib.request.urlopen(request) as answer:
            return str(json.loads(answer.read())["backstageIdentity"]["token"])

    def sign_in(_url: str) -> str:
        return token("user:default/admin")

    with harness.backstage(folder, config, sign_in=sign_in) as wait:
        wait(f"http://localhost:{theirs}")
        service = start(folder, config, "--config", str(overlay), port=ours)
        try:
            pair = tuple(Client(url, token, limited_user_token) for url in (f"http://localhost:{theirs}", service.url))
            for client in pair:
                _until_settled(client)
            yield pair[0], pair[1]
        finally:
            service.process.kill()
            service.process.wait()


def _config(theirs: int, ours: int, folder: Path) -> dict[str, Any]:
    return {
        "app": {"baseUrl": "http://localhost:3000"},
        "backend": {
            "baseUrl": f"http://localhost:{theirs}",
            "listen": {"host": "127.0.0.1", "port": theirs},
            "auth": {"externalAccess": ACCESS},
        },
        "discovery": {"endpoints": [_endpoint(ours, "backstage-py")]},
        "auth": {"providers": {"named": {}}},
        "integrations": {"github": [{"host": "github.com"}]},
        "permission": {"enabled": True},
        "catalog": {
            "rules": [{"allow": ["Template", "Group", "User", "Component", "API", "Location"]}],
            "locations": [{"type": "file", "target": str(folder / "entities.yaml")}],
        },
    }


def _endpoint(ours: int, *plugins: str) -> dict[str, Any]:
    return {"target": f"http://127.0.0.1:{ours}/api/{{{{pluginId}}}}", "plugins": list(plugins)}


def _overlay(ours: int, folder: Path) -> dict[str, Any]:
    return {
        "backend": {
            "workingDirectory": str(folder / "work"),
            "database": {"client": "better-sqlite3", "connection": ":memory:"},
        },
        "discovery": {"endpoints": [_endpoint(ours, "backstage-py", "scaffolder", "catalog")]},
    }


def _until_settled(client: Client) -> None:
    end = time.monotonic() + patience.SECONDS
    path = "/api/catalog/entities?filter=relations.ownedby&fields=metadata.name"
    while time.monotonic() < end:
        with suppress(OSError, TypeError):
            if len(client.send("service", "GET", path)[1]) == 7:
                return
        time.sleep(0.2)
    raise AssertionError(f"the entities did not reach the catalog of {client.url}")


def test_the_same_calls_get_the_same_answers(both: tuple[Client, Client]) -> None:
    backstage, ours = both
    wanted = calls()
    theirs = [{"call": call.title, **backstage.run(call)} for call in wanted]
    answers = [{"call": call.title, **ours.run(call)} for call in wanted]
    if os.environ.get("BACKSTAGE_PY_RECORD"):
        RECORDED.write_text(json.dumps(theirs, indent=1) + "\n")
    different = [
        {"backstage": one, "ours": other}
        for one, other in zip(map(stricter, theirs), answers, strict=True)
        if one != other
    ]
    assert not different, json.dumps(different, indent=1)
