"""What the golden path for a Go service produces, on a real cluster: deployed, watched, changed, broken, taken back.

The tests share one site and come in this order: what one deploys the next goes on with. One that is tried again has a
new site, on which those before it are played first.
"""

import asyncio
from base64 import b64decode
from collections.abc import Iterator
from inspect import signature
from pathlib import Path
from typing import Any

import psycopg
import pytest

from backstage_py.integrations.kubernetes.waiting import FailedError
from backstage_py.plugin import Services
from tests.actions.harness import Task
from tests.cluster import waiting
from tests.cluster.cluster import KubeCluster
from tests.cluster.reconcilers.databases import Databases
from tests.deploy import load
from tests.golden_paths import databases, repository
from tests.golden_paths import site as sites
from tests.golden_paths.repository import words
from tests.golden_paths.site import ARGO, NAME, PRODUCTION, STAGING, TEAM, Site
from tests.tracing import receiver

pytestmark = [pytest.mark.xdist_group("golden-path"), pytest.mark.timeout(1800)]  # with all before it

CLIENTS, PAUSE = 3, 0.05
"""Of the load: some 60 requests a second, to pods alone."""

ROLLOUTS = f"/apis/argoproj.io/v1alpha1/namespaces/{PRODUCTION}"
MAIN = "func main() {"
BROKEN = 'func main() {\n\tpanic("no such table: orders")'
SPIKE = words("internal/api/home.go", "return Home{", 'panic("out of cheese")\n\t\treturn Home{')


@pytest.fixture(scope="module")
def site(kube: KubeCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with sites.running(kube, tmp_path_factory.mktemp("site")) as found:
        yield found


@pytest.fixture(scope="module")
def offered(site: Site) -> Iterator[Databases]:
    """Crossplane, which makes real databases of staging's claims; they listen at a port that the values say."""
    with databases.offered(site.kube, STAGING) as made:
        port = repository.values(database={"port": made.server.port})
        site.repository.change("The port of this cluster's databases", ("deploy/staging/values.yaml", port))
        yield made


@pytest.fixture(autouse=True)
def _what_came_before(
    request: pytest.FixtureRequest, site: Site, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Play what the site lacks of the story: nothing, unless a test is tried again or named alone."""
    for name, test in list(globals().items()):
        if name == request.function.__name__:
            break
        if name.startswith("test_") and name not in site.told:
            own = {"tmp_path": tmp_path_factory.mktemp("earlier")}
            test(**{one: own.get(one) or request.getfixturevalue(one) for one in signature(test).parameters})
            site.told.add(name)
    yield
    site.told.add(request.function.__name__)


def waits(site: Site, namespace: str, folder: Path) -> Task:
    """A task whose steps may wait for what is in a namespace."""
    entry = site.kube.entry(site.kube.administrator(namespace))
    config = {"kubernetes": {"clusterLocatorMethods": [{"type": "config", "clusters": [entry]}]}}
    return Task(folder / "task", Services(config=config))


def load_on(site: Site, namespace: str) -> Any:
    return load.running(lambda: site.addresses(namespace), CLIENTS, "/", PAUSE)


def versions(site: Site, namespace: str) -> set[str]:
    """Return what the pods that are ready say that they are."""
    return {load.call(url, "/")["version"] for url in site.addresses(namespace)}


def pods(site: Site, namespace: str, version: str) -> set[str]:
    """Return the names of the pods of a version."""
    key = "app.kubernetes.io/version"
    return {one["metadata"]["name"] for one in site.pods(namespace) if one["metadata"]["labels"][key] == version}


def rollout(site: Site) -> Any:
    return site.kube.api.get(f"{ROLLOUTS}/rollouts/{NAME}")


def analysis(site: Site) -> Any:
    """Return the status of the only AnalysisRun."""
    [run] = waiting.until(lambda: site.kube.api.items(f"{ROLLOUTS}/analysisruns"), "the canary is measured")
    return run.get("status") or {"metricResults": [{}]}


def test_the_form_becomes_a_service_that_answers_at_its_pods_addresses(site: Site) -> None:
    site.create("staging")
    said = waiting.until(lambda: site.application("staging").get("status", {}).get("conditions"), "it says what lacks")
    assert f"There is no image for {NAME} yet" in said[0]["message"]
    first = site.release()
    site.until_synced("staging")
    assert len(site.addresses(STAGING)) == 2
    for url in site.addresses(STAGING):
        assert load.call(url, "/") == {"service": NAME, "team": TEAM, "version": first}


def test_prometheus_scrapes_each_pod_as_the_service_monitor_says(site: Site) -> None:
    def scraped() -> set[str]:
        found = site.prometheus.ask("query", query=f'up{{namespace="{STAGING}",job="{NAME}"}} == 1')["result"]
        return {one["metric"]["pod"] for one in found}

    waiting.until(lambda: scraped() == {one["metadata"]["name"] for one in site.pods(STAGING)}, "both are scraped")
    counted = f'sum(http_requests_total{{namespace="{STAGING}",job="{NAME}",code="200"}})'
    waiting.until(lambda: site.prometheus.ask("query", query=counted)["result"], "the requests are counted")


def test_a_request_leaves_a_span_that_goes_on_with_its_callers_trace(site: Site) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    load.call(site.addresses(STAGING)[0], "/", traceparent=f"00-{trace}-00f067aa0ba902b7-01")

    def found() -> list[Any]:
        return [one for one in site.traces.spans if one.trace_id.hex() == trace]

    [span] = waiting.until(found, "the span has come")
    assert span.parent_span_id.hex() == "00f067aa0ba902b7"
    assert receiver.attributes(span)["http.response.status_code"] == 200
    assert site.traces.services == {NAME}


def test_the_first_promotion_runs_staging_s_image_in_production(site: Site) -> None:
    site.create("production")
    site.until_synced("production", site.promote())
    assert versions(site, PRODUCTION) == versions(site, STAGING)


def test_an_endpoint_more_is_rolled_out_without_a_failed_request_and_answers(site: Site) -> None:
    before = versions(site, STAGING)
    endpoint = {"name": "order", "method": "GET", "path": "/orders/{order_id}", "summary": "One order"}
    site.service.run("add-endpoint", {"service": f"component:default/{NAME}", **endpoint})
    site.repository.merge("endpoint-order")
    with load_on(site, STAGING) as during:
        second = site.release()
        site.until_synced("staging")
        waiting.until(lambda: len(site.pods(STAGING)) == 2, "the old pods are gone")
    assert versions(site, STAGING) == {second} != before
    assert during.failures == []
    assert during.answered > 0
    for url in site.addresses(STAGING):
        assert load.call(url, "/orders/17") == {"order_id": "17", "message": "One order"}


def test_a_canary_is_promoted_when_its_requests_do_well(site: Site) -> None:
    before, after = versions(site, PRODUCTION), versions(site, STAGING)
    with load_on(site, PRODUCTION) as during:
        commit = site.promote()
        site.until_synced("production", commit, "Suspended")  # it pauses with a canary
        assert versions(site, PRODUCTION) == before | after
        waiting.until(lambda: analysis(site)["metricResults"][0].get("successful"), "the canary does well")
        promoted = {"status": {"pauseConditions": None}}  # what `kubectl argo rollouts promote` sends
        site.kube.api.patch(f"{ROLLOUTS}/rollouts/{NAME}/status", promoted)
        site.until_synced("production", commit)
    assert during.failures == []
    assert versions(site, PRODUCTION) == after
    assert analysis(site)["phase"] == "Successful"
    status = rollout(site)["status"]
    assert (status["phase"], status["stableRS"]) == ("Healthy", status["currentPodHash"])


def test_a_database_comes_with_its_pull_request_and_its_credentials_are_in_the_pods(
    site: Site, offered: Databases
) -> None:
    asked = {"service": f"component:default/{NAME}", "environment": "staging", "size": "small"}
    site.service.run("postgres-database", {**asked, "how": "pull-request"})
    site.until_synced("staging", site.repository.merge("database-staging"))
    [name] = offered.names()
    secret = site.kube.api.get(f"/api/v1/namespaces/{STAGING}/secrets/{NAME}-database")
    env = {key: b64decode(one).decode() for key, one in secret["data"].items()}
    options: Any = {key.removeprefix("PG").lower(): one for key, one in env.items()}
    with psycopg.connect(**options) as connection:  # the database is named after its user, as libpq expects
        assert connection.execute("SELECT current_database(), current_user").fetchone() == (name, name)
    waiting.until(lambda: len(site.pods(STAGING)) == 2, "the pods without it are gone")
    for pod in site.pods(STAGING):
        assert {"secretRef": {"name": f"{NAME}-database"}} in pod["spec"]["containers"][0]["envFrom"]


def test_a_broken_version_replaces_no_pod_that_is_well_and_the_wait_says_why(site: Site, tmp_path: Path) -> None:
    [version] = versions(site, STAGING)
    before = pods(site, STAGING, version)
    site.release("Broken", words("main.go", MAIN, BROKEN))
    site.until_synced("staging", None, "Progressing", "Degraded")
    task = waits(site, STAGING, tmp_path)
    with pytest.raises(FailedError, match=rf"pod {NAME}-.*, container service: .*exit status 2") as failed:
        asyncio.run(task.run("kubernetes:rollout", {"name": NAME, "namespace": STAGING}))
    assert "panic: no such table: orders" in failed.value.message
    assert versions(site, STAGING) == {version}
    assert pods(site, STAGING, version) == before


def test_an_error_spike_takes_the_canary_back_fires_the_alert_and_ends_the_wait(site: Site, tmp_path: Path) -> None:
    [version] = versions(site, PRODUCTION)
    before, stable = pods(site, PRODUCTION, version), rollout(site)["status"]["stableRS"]
    bad = site.release("Works on my machine", words("main.go", BROKEN, MAIN), SPIKE)
    with load_on(site, PRODUCTION) as during:
        commit = site.promote()
        waiting.until(lambda: rollout(site)["status"].get("abort"), "the canary is taken back")
        waiting.until(lambda: "ErrorBudgetBurn" in site.prometheus.firing(), "the alert fires")
        said = site.until_synced("production", commit, "Degraded")
    assert any("500" in one for one in during.failures)
    waiting.until(lambda: not pods(site, PRODUCTION, bad), "the canary is gone")
    assert versions(site, PRODUCTION) == {version}
    assert pods(site, PRODUCTION, version) & before  # one of both was there all the time
    status = rollout(site)["status"]
    assert (status["phase"], status["stableRS"]) == ("Degraded", stable)
    why = 'Metric "error-ratio" assessed Failed due to failed (2) > failureLimit (1)'
    assert why in status["message"]
    assert any(why in (one.get("health") or {}).get("message", "") for one in said["resources"])
    waited_for = {"name": f"{NAME}-production", "namespace": ARGO, "revision": commit, "degradedSeconds": 1}
    with pytest.raises(FailedError, match=rf"Rollout/{PRODUCTION}/{NAME} is Degraded: RolloutAborted: .*error-ratio"):
        asyncio.run(waits(site, PRODUCTION, tmp_path).run("argocd:wait", waited_for))
