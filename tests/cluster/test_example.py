"""Example 04 from the form to a pod that has its database open, and back, on a real cluster."""

import asyncio
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hvac.exceptions import InvalidPath
from rich.console import Console

from backstage_py.cli.client import ApiClient
from backstage_py.model.json import JsonObject
from tests.cluster import crds, demo, example, waiting
from tests.cluster.cluster import KubeCluster
from tests.cluster.example import CREATE, REMOVE, Stage

CREATED = [
    "scaffold", "publish", "register", "deploy", "database", "keep", "kept", "found", "environment", "running", "tell",
]  # fmt: skip
REMOVED = ["status", "stop", "secrets", "database"]


async def followed(api: ApiClient, template: str, values: JsonObject) -> tuple[list[JsonObject], list[str]]:
    """Run a task; return its events, and the steps that were heard of while it ran."""
    task = await example.started(api, template, values)
    events: list[JsonObject] = []
    heard: list[str] = []
    async for event in api.events(task):
        events.append(event)
        step = event["body"].get("stepId")
        if step and step not in heard and (await api.task(task))["status"] == "processing":
            heard.append(step)
    return events, heard


def lines(events: list[JsonObject], step: str) -> list[str]:
    return [str(one["body"]["message"]) for one in events if one["body"].get("stepId") == step]


def error(events: list[JsonObject]) -> str:
    return str((events[-1]["body"].get("error") or {}).get("message", ""))


@pytest.mark.timeout(600)
async def test_a_service_gets_its_database_and_nothing_is_left_when_it_goes(
    kube: KubeCluster, namespace: str, tmp_path: Path
) -> None:
    with example.stage(kube, namespace, tmp_path) as stage:
        async with ApiClient(stage.url) as api:
            assert await api.sign_in_as_guest() == "user:default/ada"
            events, heard = await followed(api, CREATE, stage.values())
            assert error(events) == "", "\n".join(str(one["body"].get("message")) for one in events[-20:])
            assert heard[: len(CREATED) - 1] == CREATED[:-1]  # the last one may be over when it is heard of
            assert any("├─ Instance/checkout-" in one for one in lines(events, "database"))
            assert any("Progressing" in one for one in lines(events, "running"))
            passwords = await asyncio.to_thread(look, stage)
            await look_at_entity(api)
            shown = await asyncio.to_thread(drawn, stage, events[-1]["body"]["output"])
            assert not [one for one in passwords if one in shown]
            await take_away(api, stage)
            said = json.dumps(events)
            assert not [one for one in passwords if one in said]
        await asyncio.to_thread(nothing_is_left, stage, passwords)


def look(stage: Stage) -> list[str]:
    """Everything is there, and what OpenBao holds opens the databases; return their passwords."""
    kept = {name: stage.kept(f"checkout-{name}-database") for name in ("staging", "prod")}
    for one in kept.values():
        with psycopg.connect(
            host=one["host"], port=one["port"], user=one["username"], password=one["password"], dbname=one["database"]
        ) as connection:
            assert connection.execute("SELECT current_database()").fetchone() == (one["database"],)
    assert stage.databases.names() == {one["database"] for one in kept.values()}
    staging, [pod] = kept["staging"], stage.items("api/v1", "pods")
    log = stage.kube.api.text(f"/api/v1/namespaces/{stage.namespace}/pods/{pod['metadata']['name']}/log")
    assert log.strip() == f"connected to {staging['database']} as {staging['username']}"
    [told] = [one.json["text"] for one in stage.slack.requests]
    assert told.startswith("checkout is ready\n- Repository: http")
    assert "- Database: resource:default/checkout-" in told
    passwords = [one["password"] for one in kept.values()]
    assert not [one for one in passwords if one in told]
    return passwords


def drawn(stage: Stage, output: JsonObject) -> str:
    """The picture of ``./dev demo --platform`` has all of it, and where its secrets are."""
    console = Console(file=io.StringIO(), width=200)
    with console.capture() as captured:
        console.print(demo.picture(stage, output))
    text = captured.get()
    for wanted in (
        "── Repository http", "── Component component:default/checkout", "Deployment/checkout: Synced, Healthy",
        "Database for staging", "Database for prod", "│       ├── Instance/checkout-prod-",
        f"Secret {stage.namespace}/checkout-prod-connection -> vault secret/payments/checkout-prod-database",
        "PGPASSWORD <- vault secret/payments/checkout-staging-database#password",
    ):  # fmt: skip
        assert wanted in text, text
    return text


async def look_at_entity(api: ApiClient) -> None:
    component = await api.entity("component", "default", "checkout")
    assert component["spec"]["owner"] == "group:default/payments"
    [listed] = (await api.call("GET", "/api/crossplane/postgres"))["items"]
    assert (listed["name"], set(listed["environments"])) == ("checkout", {"staging", "prod"})


async def take_away(api: ApiClient, stage: Stage) -> None:
    """Only after the protection is off and with the name said twice do databases go."""
    values = stage.values()
    del values["size"]
    refused, _ = await followed(api, REMOVE, {**values, "confirm": "checkout"})
    assert "protected in prod" in error(refused)
    assert len(stage.databases.names()) == 2
    await asyncio.to_thread(stage.unprotect)
    events, _ = await followed(api, REMOVE, {**values, "confirm": "checkout"})
    assert error(events) == ""
    order = [one["body"]["stepId"] for one in events if one["body"].get("status") == "completed"]
    assert [one for one in order if one] == REMOVED
    assert events[-1]["body"]["output"]["remains"] == []


def nothing_is_left(stage: Stage, passwords: list[str]) -> None:
    kinds = {
        "api/v1": ("pods", "services"),
        "apis/apps/v1": ("deployments",),
        "apis/argoproj.io/v1alpha1": ("applications",),
        "apis/external-secrets.io/v1": ("externalsecrets",),
        "apis/external-secrets.io/v1alpha1": ("pushsecrets",),
        f"apis/{stage.given.group}/v1": ("postgres",),
    }
    for group, listed in kinds.items():
        for kind in listed:
            waiting.until(lambda g=group, k=kind: not stage.items(g, k), f"no {kind} are left")  # type: ignore[misc]
    assert own(stage.items("api/v1", "secrets")) == []
    assert stage.databases.names() == set()
    with pytest.raises(InvalidPath):  # what OpenBao says of an engine without secrets
        stage.bao.client.secrets.kv.v2.list_secrets("")
    assert stage.git("branch", "--format=%(refname:short)").split() == ["main"]
    assert not [one for one in passwords if one in stage.git("log", "--all", "-p")]


def own(secrets: list[Any]) -> list[str]:
    """Those that no service account has from the cluster."""
    types = "kubernetes.io/service-account-token"
    return [one["metadata"]["name"] for one in secrets if one.get("type") != types]


@pytest.mark.timeout(300)
def test_a_demo_that_is_told_to_end_takes_all_of_it_away(kube: KubeCluster) -> None:
    before = left(kube)
    command = [sys.executable, "-m", "tests.cluster.demo", "--keep"]
    env = {**os.environ, "BACKSTAGE_PY_TEST_KUBECONFIG": str(kube.kubeconfig), "PYTHONUNBUFFERED": "1"}
    options: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, cwd=crds.ROOT, env=env, start_new_session=True, **options) as running:
        assert running.stdout is not None
        said = []
        for line in running.stdout:
            said.append(line)
            if line.startswith("Starting the platform's parts"):
                break
        running.terminate()
        said += running.stdout.readlines()
    assert (running.returncode, "Interrupted; all of it is taken away." in said[-1]) == (130, True), "".join(said)
    waiting.until(lambda: left(kube) <= before, "nothing is left")


def left(kube: KubeCluster) -> set[str]:
    """Return what demos made for the whole cluster; other tests have other names."""
    paths = ("/api/v1/namespaces", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", crds.PATH)
    found = {f"{path}/{one['metadata']['name']}" for path in paths for one in kube.api.items(path)}
    return {one for one in found if "demo-" in one}


@pytest.mark.thorough
def test_the_demo_says_in_a_sentence_that_it_needs_a_cluster(tmp_path: Path) -> None:
    env = {**os.environ, "BACKSTAGE_PY_TEST_KUBECONFIG": "", "BACKSTAGE_PY_CLUSTER_KIT": str(tmp_path)}
    command = [sys.executable, "-m", "tests.cluster.demo"]
    done = subprocess.run(command, cwd=crds.ROOT, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == (
        "./dev demo --platform needs a Kubernetes cluster in BACKSTAGE_PY_TEST_KUBECONFIG, or the cluster kit beside "
        "the checkout; examples/04-service-with-database/README.md says more.\n"
    )
