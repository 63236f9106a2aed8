"""Two services on machines of their own, with one PostgreSQL: what one signed or sealed, the other takes."""

import contextlib
import json
import time
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from backstage_py.identity import keys
from backstage_py.identity.issuer import TokenIssuer
from backstage_py.settings.sections import AuthSettings, ScaffolderSettings
from backstage_py.storage.database import Database
from backstage_py.wiring import keys as wiring
from tests import patience
from tests.cli.test_serve import ask, sign_in
from tests.contract.harness import Running, free_port, start
from tests.storage.postgres import Postgres, postgres

pytestmark = [pytest.mark.xdist_group(__name__), pytest.mark.timeout(240)]
WRAPPING = "a wrapping key of thirty-two byte"
SECRET = "the-secret-of-the-task"

CONFIG = """
backend:
  baseUrl: http://127.0.0.1:{public}
  database: {{client: pg, connection: "{database}"}}
  workingDirectory: ./work
auth: {{providers: {{guest: {{}}}}{auth}}}
scaffolder: {{concurrentTasksLimit: {limit}}}
catalog:
  rules: [{{allow: [User, Template, Location]}}]
  locations: [{{type: file, target: ./entities.yaml}}]
"""
ENTITIES = """
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: says}
spec:
  type: service
  steps:
    - {id: s, name: S, action: debug:wait, input: {seconds: "${{ 0 if secrets.tok == 'SECRET' else 'wrong' }}"}}
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


class Replicas:
    """Services that a load balancer would stand before, each in a folder of its own."""

    def __init__(self, folder: Path, database: str) -> None:
        self._folder = folder
        self._public = free_port()
        self.database = database
        self.running: list[Running] = []

    def start(self, name: str, *arguments: str, auth: str = "", limit: int = 10) -> Running:
        folder = self._folder / name
        (folder / "work").mkdir(parents=True, exist_ok=True)
        (folder / "entities.yaml").write_text(ENTITIES.replace("SECRET", SECRET), encoding="utf-8")
        config = folder / "app-config.yaml"
        address = self.database.replace("+psycopg", "")
        content = CONFIG.format(public=self._public, database=address, auth=auth, limit=limit)
        config.write_text(content, encoding="utf-8")
        self.running.append(start(folder, config, *arguments, port=free_port()))
        return self.running[-1]

    def old_files(self, name: str) -> None:
        """Leave what a version without keys in the database kept on each machine."""
        work = self._folder / name / "work"
        work.mkdir(parents=True)
        (work / "backstage-py-secrets-key").touch(0o600)
        (work / "backstage-py-secrets-key").write_text(f"the secrets key of the machine {name} alone")
        pem = keys.stored(keys.generate()).content or b""
        (work / "backstage-py-signing-key.pem").write_bytes(pem)


@pytest.fixture
def replicas(server: Postgres, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Replicas]:
    found = Replicas(tmp_path, server.new_database(request.node.name[-60:]))
    yield found
    for one in found.running:
        one.process.kill()
        one.process.wait()


def created(url: str, token: str) -> str:
    """Create a task; the catalog may still be reading its template."""
    body = {"templateRef": "template:default/says", "values": {}, "secrets": {"tok": SECRET}}
    end = time.monotonic() + patience.SECONDS
    while time.monotonic() < end:
        with contextlib.suppress(urllib.error.HTTPError):
            return str(ask(f"{url}/api/scaffolder/v2/tasks", token, json.dumps(body).encode())["id"])
        time.sleep(0.2)
    raise AssertionError("the template did not appear")


def followed(url: str, token: str, task: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    while not any(event["type"] == "completion" for event in events):
        after = f"?after={events[-1]['id']}" if events else ""
        events += ask(f"{url}/api/scaffolder/v2/tasks/{task}/events{after}", token)
    return events


def agreed_keys(*urls: str) -> set[str]:
    """Return the ids in the key sets once they are the same: what another adds is followed a second later."""
    found: list[set[str]] = []
    end = time.monotonic() + patience.SECONDS
    while time.monotonic() < end:
        found = [{key["kid"] for key in ask(f"{url}/api/auth/.well-known/jwks.json")["keys"]} for url in urls]
        if all(one == found[0] for one in found):
            return found[0]
        time.sleep(0.1)
    raise AssertionError(f"the key sets stay different: {found}")


@pytest.mark.thorough(sample=1)
@pytest.mark.parametrize("wrapped", [False, True])
def test_tokens_and_secrets_of_one_are_the_others_too(replicas: Replicas, wrapped: bool) -> None:
    auth = f", keyEncryptionKeys: ['{WRAPPING}']" if wrapped else ""
    replicas.old_files("one")
    replicas.old_files("two")
    one = replicas.start("one", auth=auth, limit=0)
    two = replicas.start("two", "--workers", "1", auth=auth)
    for issuer, other in ((one, two), (two, one)):
        token = sign_in(issuer.url)
        assert ask(f"{other.url}/api/scaffolder/v2/tasks", token)["totalTasks"] == 0
    assert agreed_keys(one.url, two.url)
    token = sign_in(one.url)
    task = created(one.url, token)
    events = followed(one.url, token, task)
    assert events[-1]["body"]["message"].endswith("completed")
    assert ("keys_not_wrapped" in one.log.read_text()) is not wrapped
    stored = _stored(replicas.database)
    assert (b"PRIVATE" in stored) is not wrapped


@pytest.mark.thorough
async def test_a_service_token_of_one_replica_is_taken_by_the_other(replicas: Replicas, tmp_path: Path) -> None:
    auth = f", keyEncryptionKeys: ['{WRAPPING}']"
    one = replicas.start("one", auth=auth, limit=0)
    settings = AuthSettings(wrapping_keys=(WRAPPING,))
    async with (
        Database(replicas.database).running() as database,
        wiring.opened(database, settings, ScaffolderSettings(), tmp_path / "three") as opened,
    ):
        token = TokenIssuer(opened.signing, "http://of.no/account").plugin_token("scaffolder", "catalog")
    assert ask(f"{one.url}/api/catalog/entities", token) is not None
    stranger = TokenIssuer(keys.OneKey(keys.generate()), "http://of.no/account").plugin_token("scaffolder", "catalog")
    with pytest.raises(urllib.error.HTTPError, match="401"):
        ask(f"{one.url}/api/catalog/entities", stranger)


@pytest.mark.thorough
def test_a_replica_without_the_wrapping_key_does_not_start_and_says_why(replicas: Replicas) -> None:
    replicas.start("one", auth=f", keyEncryptionKeys: ['{WRAPPING}']", limit=0)
    with pytest.raises(AssertionError, match=r"auth\.keyEncryptionKeys.*docs/keys\.md") as failure:
        replicas.start("two")
    assert "Traceback" not in str(failure.value)


def _stored(database: str) -> bytes:
    address = urlsplit(database.replace("+psycopg", ""))
    with psycopg.connect(address.geturl()) as connection:
        rows = connection.execute("SELECT content FROM service_keys WHERE content IS NOT NULL").fetchall()
    return b"".join(bytes(row[0]) for row in rows)
