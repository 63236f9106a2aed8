"""Path 2 at once, on a real cluster: the database and its credentials are there before the pull request is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.cluster import platform as offering
from tests.cluster.cluster import KubeCluster
from tests.cluster.reconcilers.behaviour import Behaviour
from tests.cluster.reconcilers.databases import Databases
from tests.cluster.reconcilers.external_secrets import PushSecrets
from tests.cluster.test_databases import config, offered
from tests.golden_paths import platform, produced
from tests.golden_paths.produced import NAME, TEAM
from tests.integrations import openbao
from tests.integrations.openbao import OpenBao
from tests.storage.postgres import postgres

pytestmark = pytest.mark.thorough
ASKED = {"service": f"component:default/{NAME}", "environment": "staging", "size": "small", "how": "direct"}
GUEST = {
    "apiVersion": "backstage.io/v1alpha1",
    "kind": "User",
    "metadata": {"name": "guest", "namespace": "development"},
    "spec": {"memberOf": [TEAM]},
    "relations": [{"type": "memberOf", "targetRef": f"group:default/{TEAM}"}],
}


@pytest.fixture
def databases(kube: KubeCluster) -> Iterator[Databases]:
    with postgres(kube.host) as server:
        yield Databases(server)


@pytest.fixture
def bao() -> Iterator[OpenBao]:
    with openbao.serve() as running:
        yield running


def configured(kube: KubeCluster, given: offering.Platform) -> dict[str, Any]:
    """What an operator says: the databases, and that the template's owners may keep their credentials."""
    said = config(kube, given.namespace, offered(given))
    [cluster] = said["kubernetes"]["clusterLocatorMethods"][0]["clusters"]
    rule = {"owners": ["group:default/platform-team"], "namespaces": [given.namespace]}
    cluster["allow"] = [rule | {"kinds": ["PushSecret.external-secrets.io"]}]
    return said


async def test_a_database_is_made_at_once_and_its_credentials_are_where_the_chart_reads_them(
    kube: KubeCluster, claims_group: str, namespace: str, databases: Databases, bao: OpenBao, tmp_path: Path
) -> None:
    kube.load_crds("external-secrets")
    source = produced.produce(produced.skeleton("go"), tmp_path / "clone")
    made = (Behaviour(slow=1), databases.connection, databases.release)
    with offering.version_1(kube, claims_group, namespace, *made) as given, PushSecrets(kube.api, namespace, bao):
        async with platform.running(tmp_path / "platform", source, configured(kube, given)) as site:
            site.world.catalog.add(GUEST)
            ended = await site.run("postgres-database", ASKED)
            assert ended.output["links"][0]["url"].endswith("/pull/1")
            changed = await site.difference("database-staging")
            assert changed == ["+++ b/deploy/staging/values.yaml", "-  enabled: false", "+  enabled: true"]
            assert any("├─ Instance/" in line for line in ended.log)
        key = f"{TEAM}/{NAME}-staging-database"
        kept = bao.client.secrets.kv.v2.read_secret_version(key, raise_on_deleted_version=True)["data"]["data"]
        login = {"host": kept["host"], "port": kept["port"], "user": kept["username"], "password": kept["password"]}
        with psycopg.connect(**login) as connection:
            assert connection.execute("SELECT current_user").fetchone() == (kept["username"],)
        assert kept["password"] not in "\n".join(ended.log)


async def test_a_database_that_does_not_become_ready_says_why_and_proposes_nothing(
    kube: KubeCluster, claims_group: str, namespace: str, tmp_path: Path
) -> None:
    source = produced.produce(produced.skeleton("go"), tmp_path / "clone")
    how = Behaviour(broken=("instance", "InvalidParameterValue: no such class"))
    with offering.version_1(kube, claims_group, namespace, how) as given:
        async with platform.running(tmp_path / "platform", source, configured(kube, given)) as site:
            site.world.catalog.add(GUEST)
            ended = await site.run("postgres-database", ASKED)
            assert "Instance/" in ended.error
            assert "InvalidParameterValue: no such class" in ended.error
            assert await site.ask("/pulls?state=all") == []
