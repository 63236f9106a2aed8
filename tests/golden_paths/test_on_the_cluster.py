"""What the golden path for a Go service produces, on a real cluster: deployed, watched, changed, broken, taken back.

The tests share one site and come in this order: what one deploys the next goes on with.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backstage_py.integrations.kubernetes.waiting import FailedError
from backstage_py.plugin import Services
from tests.actions.harness import Task
from tests.cluster import waiting
from tests.cluster.cluster import KubeCluster
from tests.deploy import load
from tests.golden_paths import site as sites
from tests.golden_paths.site import NAME, PRODUCTION, STAGING, TEAM, Site, changed

pytestmark = [pytest.mark.xdist_group("golden-path"), pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def site(kube: KubeCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with sites.running(kube, tmp_path_factory.mktemp("site")) as found:
        yield found


CLIENTS, PAUSE = 3, 0.05
"""Of the load: some 60 requests a second, to pods alone."""

BROKEN = ("main.go", "func main() {", 'func main() {\n\tpanic("no such table: orders")')
SPIKE = ("internal/api/home.go", "return Home{", 'panic("out of cheese")\n\t\treturn Home{')


def versions(site: Site, namespace: str) -> set[str]:
    """Return what the pods that are ready say that they are."""
    return {load.call(url, "/")["version"] for url in site.addresses(namespace)}


def pods(site: Site, namespace: str, version: str) -> set[str]:
    """Return the names of the pods of a version."""
    key = "app.kubernetes.io/version"
    return {one["metadata"]["name"] for one in site.pods(namespace) if one["metadata"]["labels"][key] == version}


def rollout(site: Site) -> Any:
    return site.kube.api.get(f"/apis/argoproj.io/v1alpha1/namespaces/{PRODUCTION}/rollouts/{NAME}")


def runs(site: Site) -> list[Any]:
    return site.kube.api.items(f"/apis/argoproj.io/v1alpha1/namespaces/{PRODUCTION}/analysisruns")


def test_the_form_becomes_a_service_that_answers_at_its_pods_addresses(site: Site) -> None:
    site.create("staging")
    said = waiting.until(lambda: site.application("staging").get("status", {}).get("conditions"), "it says what lacks")
    assert f"There is no image for {NAME} yet" in said[0]["message"]
    commit = site.deploy("staging", site.image("v1"), "v1")
    site.until_synced("staging", commit)
    assert len(site.addresses(STAGING)) == 2
    for url in site.addresses(STAGING):
        assert load.call(url, "/") == {"service": NAME, "team": TEAM, "version": "v1"}


def test_prometheus_scrapes_each_pod_as_the_service_monitor_says(site: Site) -> None:
    def scraped() -> set[str]:
        found = site.prometheus.ask("query", query=f'up{{namespace="{STAGING}",job="{NAME}"}} == 1')["result"]
        return {one["metric"]["pod"] for one in found}

    waiting.until(lambda: scraped() == pods(site, STAGING, "v1"), "both pods are scraped")
    counted = f'sum(http_requests_total{{namespace="{STAGING}",job="{NAME}",code="200"}})'
    waiting.until(lambda: site.prometheus.ask("query", query=counted)["result"], "the requests are counted")


def test_a_second_commit_is_rolled_out_without_a_failed_request(site: Site) -> None:
    with load.running(lambda: site.addresses(STAGING), CLIENTS, "/", PAUSE) as during:
        site.until_synced("staging", site.deploy("staging", site.image("v2"), "v2"))
        waiting.until(lambda: not pods(site, STAGING, "v1"), "the old pods are gone")
    assert versions(site, STAGING) == {"v2"}
    assert during.failures == []
    assert during.answered > 0


async def test_a_broken_version_replaces_no_pod_that_is_well_and_the_wait_says_why(site: Site, tmp_path: Path) -> None:
    before = pods(site, STAGING, "v2")
    site.repository.change("Broken", changed(*BROKEN))
    commit = site.deploy("staging", site.image("v3"), "v3")
    site.repository.change("Mended", changed(BROKEN[0], BROKEN[2], BROKEN[1]))
    site.until_synced("staging", commit, "Progressing", "Degraded")
    entry = site.kube.entry(site.kube.administrator(STAGING))
    config = {"kubernetes": {"clusterLocatorMethods": [{"type": "config", "clusters": [entry]}]}}
    task = Task(tmp_path / "task", Services(config=config))
    with pytest.raises(FailedError, match=rf"pod {NAME}-.*, container service: .*exit status 2") as failed:
        await task.run("kubernetes:rollout", {"name": NAME, "namespace": STAGING})
    assert "panic: no such table: orders" in failed.value.message
    assert versions(site, STAGING) == {"v2"}
    assert pods(site, STAGING, "v2") == before


def test_a_canary_is_promoted_when_its_requests_do_well(site: Site) -> None:
    site.create("production")
    first, second = site.image("v1"), site.image("v2")
    site.until_synced("production", site.deploy("production", first, "v1"))
    assert versions(site, PRODUCTION) == {"v1"}
    with load.running(lambda: site.addresses(PRODUCTION), CLIENTS, "/", PAUSE) as during:
        commit = site.deploy("production", second, "v2")
        site.until_synced("production", commit, "Suspended")  # it pauses with a canary
        assert versions(site, PRODUCTION) == {"v1", "v2"}
        site.until_synced("production", commit)
    assert during.failures == []
    assert versions(site, PRODUCTION) == {"v2"}
    [run] = runs(site)
    [result] = run["status"]["metricResults"]
    assert (run["status"]["phase"], result["successful"] > 0) == ("Successful", True)
    status = rollout(site)["status"]
    assert (status["phase"], status["stableRS"]) == ("Healthy", status["currentPodHash"])


def test_an_error_spike_takes_the_canary_back_and_fires_the_alert(site: Site) -> None:
    before, stable = pods(site, PRODUCTION, "v2"), rollout(site)["status"]["stableRS"]
    site.repository.change("Works on my machine", changed(*SPIKE))
    digest = site.image("v4")
    with load.running(lambda: site.addresses(PRODUCTION), CLIENTS, "/", PAUSE) as during:
        commit = site.deploy("production", digest, "v4")
        waiting.until(lambda: rollout(site)["status"].get("abort"), "the canary is taken back")
        waiting.until(lambda: "ErrorBudgetBurn" in site.prometheus.firing(), "the alert fires")
        said = site.until_synced("production", commit, "Degraded")
    assert any("500" in one for one in during.failures)
    waiting.until(lambda: not pods(site, PRODUCTION, "v4"), "the canary is gone")
    assert versions(site, PRODUCTION) == {"v2"}
    assert pods(site, PRODUCTION, "v2") >= before
    status = rollout(site)["status"]
    assert (status["phase"], status["stableRS"]) == ("Degraded", stable)
    why = 'Metric "error-ratio" assessed Failed due to failed (2) > failureLimit (1)'
    assert why in status["message"]
    assert any(why in (one.get("health") or {}).get("message", "") for one in said["resources"])
