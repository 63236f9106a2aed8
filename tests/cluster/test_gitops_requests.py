"""``/api/crossplane`` where a repository is deployed: pull requests on the sandbox, an Argo CD of the test's."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from backstage_py.sandbox.server import serve_sandbox
from tests.cluster import platform, waiting
from tests.cluster.argocd_stand_in import Deployer, commits
from tests.cluster.cluster import KubeCluster
from tests.cluster.test_databases import Backend, backend, config, offered, until_ready
from tests.sandbox.harness import Client

ASKED = {"serviceName": "checkout", "team": "payments"}
REPOSITORY = "https://github.com/org/deployments"


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    async with serve_sandbox(tmp_path / "sandbox") as sandbox, aiohttp.ClientSession() as session:
        found = Client(sandbox, session)
        await found.create("deployments", auto_init=True)
        yield found


async def part(ask: Backend, path: str, environment: str) -> Any:
    return (await ask("GET", path)).json["environments"][environment]


async def test_staging_merges_by_itself_and_production_waits_for_its_review(
    kube: KubeCluster, claims_group: str, namespace: str, client: Client, tmp_path: Path
) -> None:
    pull = {"mode": "pull-request", "repository": REPOSITORY, "path": "clusters/{environment}/{namespace}/{name}.yaml"}
    with platform.version_1(kube, claims_group, namespace) as given:
        more = {"environments": {"staging": {"delivery": {"autoMerge": True}}, "prod": {}}, "delivery": pull}
        raw = config(kube, namespace, offered(given, **more, values={"region": "eu-central-1", "size": "db.t4g.micro"}))
        raw["integrations"] = {"github": client.sandbox.integrations}
        argocd = Deployer(client, given)
        one = f"/api/crossplane/postgres/{namespace}/checkout"
        async with backend(raw, tmp_path) as ask:
            dry = (await ask("POST", "/api/crossplane/postgres?dryRun=true", ASKED)).json["environments"]
            assert {name: found["change"] for name, found in dry.items()} == dict.fromkeys(dry, "would be requested")
            first = await ask("POST", "/api/crossplane/postgres", ASKED)
            assert first.status == 201, first.body
            staging, prod = (first.json["environments"][name] for name in ("staging", "prod"))
            assert (staging["change"], staging["delivery"]["state"]) == ("committed", "committed")
            assert (prod["change"], prod["status"], prod["ready"]) == ("requested", "requested", False)
            assert prod["delivery"]["path"] == f"clusters/prod/{namespace}/checkout-prod.yaml"
            assert "/pull/1" in prod["delivery"]["pullRequest"]
            assert given.all() == []
            before = await commits(client)
            again = await ask("POST", "/api/crossplane/postgres", ASKED)
            assert (again.status, again.json["environments"]["prod"]["delivery"]) == (200, prod["delivery"])
            other = await ask("POST", "/api/crossplane/postgres", {**ASKED, "size": "large"})
            assert (other.status, "size small, not large" in other.json["error"]["message"]) == (409, True)
            assert (await commits(client), len(await pulls(client))) == (before, 2)
            assert [item["name"] for item in (await ask("GET", "/api/crossplane/postgres")).json["items"]] == [
                "checkout"
            ]
            await argocd.sync()
            assert [one["metadata"]["name"] for one in given.all()] == ["checkout-staging"]
            assert (await part(ask, one, "prod"))["status"] == "requested"
            assert (await part(ask, one, "staging"))["tree"]["object"].endswith("checkout-staging")
            await client.send("PUT", "/repos/org/deployments/pulls/1/merge", {})
            assert (await part(ask, one, "prod"))["status"] == "committed"
            await argocd.sync()
            await until_ready(ask, one)
            assert given.find("checkout-prod")["spec"]["parameters"]["deletionProtection"] is True
            await leave(ask, client, argocd, one)


async def pulls(client: Client) -> list[Any]:
    found: list[Any] = (await client.send("GET", "/repos/org/deployments/pulls?state=all")).json
    return found


async def leave(ask: Backend, client: Client, argocd: Deployer, path: str) -> None:
    """Staging goes at once; production is protected, and its removal waits for a review, too."""
    assert "protected in prod" in (await ask("DELETE", f"{path}?confirm=checkout")).json["error"]["message"]
    gone = await ask("DELETE", f"{path}?confirm=checkout&environment=staging")
    assert gone.json["deleting"][0]["delivery"]["state"] == "absent"
    assert argocd.given.find("checkout-staging") is not None
    await argocd.sync()
    waiting.until(lambda: argocd.given.find("checkout-staging") is None, "staging is gone")
    first, asked = [
        (await ask("DELETE", f"{path}?confirm=checkout&orphan=true")).json["deleting"][0]["delivery"] for _ in range(2)
    ]
    assert (asked["state"], "/pull/4" in asked["pullRequest"], asked) == ("removal requested", True, first)
    assert (await part(ask, path, "prod"))["delivery"] == asked
    again = await ask("POST", "/api/crossplane/postgres", {**ASKED, "environments": ["prod"]})
    assert (again.status, "about to be removed" in again.json["error"]["message"]) == (409, True)
    await client.send("PUT", "/repos/org/deployments/pulls/4/merge", {})
    await argocd.sync()
    waiting.until(lambda: not argocd.given.all(), "all is gone")
    assert (await ask("GET", path)).status == 404
