"""An API server that answers late, not at all, or into the void: no database is made twice."""

import asyncio
import os
import secrets
import signal
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from backstage_py.errors import NotFoundError, ServiceUnavailableError
from backstage_py.plugin import Services, User
from tests.actions.harness import Catalog, Task
from tests.cluster import platform, waiting
from tests.cluster.cluster import KubeCluster
from tests.cluster.platform import Platform
from tests.cluster.reconcilers.behaviour import Behaviour
from tests.cluster.test_databases import ADA, offered
from tests.integrations import kube_server
from tests.integrations.kube_server import Parts
from tests.storage.wire import Wire, wire

NAMES = {"serviceName": "checkout", "team": "payments"}
MEMBER = {"type": "memberOf", "targetRef": "group:default/payments"}
CATALOG = Catalog({ADA: {"kind": "User", "metadata": {"name": "ada"}, "relations": [MEMBER]}})


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Parts]:
    with kube_server.parts(tmp_path) as parts:
        yield parts


@pytest.fixture
def given(running: Parts, tmp_path: Path) -> Iterator[Platform]:
    """A platform of version 2 on the server, whose parts take a few seconds."""
    entry = running.server.entry()
    cluster = {"server": running.server.url, "certificate-authority-data": entry["caData"]}
    value = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {"token": running.server.admin}}],
    }
    file = tmp_path / "kubeconfig"
    file.write_text(yaml.safe_dump(value))
    kube, name = KubeCluster(file), f"test-{secrets.token_hex(4)}"
    kube.api.post("/api/v1/namespaces", {"metadata": {"name": name}})
    with platform.version_2(kube, f"{name}.example.org", name, Behaviour(slow=4)) as made:
        yield made


def task(running: Parts, given: Platform, folder: Path, **entry: Any) -> Task:
    made = {**running.server.entry(), **entry}
    config = {"kubernetes": {"clusterLocatorMethods": [{"type": "config", "clusters": [made]}]}}
    services = Services(config={**config, "crossplane": offered(given)}, catalog=CATALOG)
    return Task(folder / "task", services, user=User(ADA))


@pytest.mark.thorough
async def test_an_api_server_that_answers_late_is_waited_for(running: Parts, given: Platform, tmp_path: Path) -> None:
    asked = task(running, given, tmp_path)
    server = running.processes[-1].pid
    asking = asyncio.create_task(asked.run("crossplane:postgres:request", NAMES))
    for _ in range(3):
        await asyncio.sleep(0.3)
        os.kill(server, signal.SIGSTOP)
        await asyncio.sleep(2)
        os.kill(server, signal.SIGCONT)
    done = await asking
    assert done.outputs["ready"] is True
    assert sorted(one["metadata"]["name"] for one in given.all()) == ["checkout-prod", "checkout-staging"]


@pytest.mark.thorough
async def test_a_wait_for_a_database_outlives_the_api_server(running: Parts, given: Platform, tmp_path: Path) -> None:
    asked = task(running, given, tmp_path)
    asking = asyncio.create_task(asked.run("crossplane:postgres:request", NAMES))
    await asyncio.to_thread(waiting.until, lambda: len(given.all()) == 2, "both are there")
    uids = {one["metadata"]["uid"] for one in given.all()}
    running.kill_api()
    await asyncio.sleep(2)
    assert not asking.done()
    await asyncio.to_thread(running.start_api)
    done = await asking
    assert done.outputs["ready"] is True
    assert any("The cluster 'dev' does not answer" in line for line in done.log.messages)
    assert {one["metadata"]["uid"] for one in given.all()} == uids


@pytest.mark.thorough
async def test_a_request_whose_answer_was_lost_is_not_made_twice(
    running: Parts, given: Platform, tmp_path: Path
) -> None:
    async with wire(urlsplit(running.server.url).port or 0) as line:
        trust(line)
        asked = task(running, given, tmp_path, url=f"http://127.0.0.1:{line.port}")
        objects = f"/apis/{given.group}/v1/namespaces/{given.namespace}/xpostgress"
        line.drops_after = f"POST {objects}?fieldManager=backstage-py HTTP".encode()  # and not the dry run before
        with pytest.raises(ServiceUnavailableError, match="The cluster 'dev' does not answer"):
            await asked.run("crossplane:postgres:request", NAMES)
        assert line.has_dropped
        [first] = given.all()
        done = await asked.run("crossplane:postgres:request", NAMES)
        assert done.outputs["ready"] is True
        found = {one["metadata"]["name"]: one["metadata"]["uid"] for one in given.all()}
        assert len(found) == 2
        assert found[first["metadata"]["name"]] == first["metadata"]["uid"]


def trust(line: Wire) -> None:
    """Speak TLS to a server whose certificate the test made itself."""
    line.tls = ssl.create_default_context()
    line.tls.check_hostname, line.tls.verify_mode = False, ssl.CERT_NONE


@pytest.mark.thorough
async def test_a_cluster_without_crossplane_is_said_so(running: Parts, tmp_path: Path) -> None:
    config = {"kubernetes": {"clusterLocatorMethods": [{"type": "config", "clusters": [running.server.entry()]}]}}
    asked = Task(tmp_path / "task", Services(config=config))
    names = {"apiVersion": "platform.example.org/v1", "kind": "Postgres", "name": "orders", "namespace": "default"}
    for action in ("crossplane:xr:apply", "crossplane:xr:wait"):
        with pytest.raises(NotFoundError, match="The cluster 'dev' has no Crossplane"):
            await asked.run(action, names)
