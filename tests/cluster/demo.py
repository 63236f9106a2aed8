"""``./dev demo --platform``: example 04 for a person, on a real cluster, with a picture of what came of it."""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from backstage_py import logging
from backstage_py.cli.client import ApiClient
from backstage_py.cli.terminal import progress
from backstage_py.model.json import JsonObject
from tests.cluster import cluster, example, kit
from tests.cluster.cluster import KubeCluster
from tests.cluster.example import CREATE, REMOVE, Stage

_NEEDED = "./dev demo --platform needs {}; examples/04-service-with-database/README.md says more."


def main(arguments: list[str]) -> int:
    """Run it and return the exit status."""
    parser = argparse.ArgumentParser(prog="./dev demo --platform", description="A service with its databases.")
    parser.add_argument("--keep", action="store_true", help="wait for the Enter key before all is taken away")
    given, console = parser.parse_args(arguments), Console()
    for one in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, lambda *_: signal.raise_signal(signal.SIGINT))  # one way to end early, which takes all away
    try:
        with _cluster(console) as kube:
            return _run(kube, console, keep=given.keep)
    except pytest.skip.Exception as lacking:
        console.print(_NEEDED.format(lacking.msg), highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("Interrupted; all of it is taken away.")
        return 130


@contextlib.contextmanager
def _cluster(console: Console) -> Iterator[KubeCluster]:
    """The cluster that is named, else one of the kit, which ends with the block."""
    if not os.environ.get("BACKSTAGE_PY_TEST_KUBECONFIG"):
        if kit.program() is None:
            pytest.skip("a Kubernetes cluster in BACKSTAGE_PY_TEST_KUBECONFIG, or the cluster kit beside the checkout")
        console.print("Starting a cluster …")
    with tempfile.TemporaryDirectory(prefix="backstage-py-cluster-") as folder:
        os.environ[cluster.RUN] = folder
        try:
            yield cluster.find()
        finally:
            if cluster.run_folder().exists():
                kit.down(cluster.run_folder())


def _run(kube: KubeCluster, console: Console, *, keep: bool) -> int:
    namespace = kube.new_namespace("demo")
    try:
        console.print(f"Starting the platform's parts in the namespace {namespace} …", highlight=False)
        with (
            tempfile.TemporaryDirectory(prefix="backstage-py-demo-") as folder,
            example.stage(kube, namespace, Path(folder)) as stage,
        ):
            return asyncio.run(_there_and_back(stage, console, keep=keep))
    finally:
        kube.remove(namespace)


async def _there_and_back(stage: Stage, console: Console, *, keep: bool) -> int:
    async with ApiClient(stage.url) as api:
        user, began = await api.sign_in_as_guest(), time.monotonic()
        console.print(f"Signed in as {user}; submitting {CREATE}", highlight=False)
        done = await _follow(api, console, CREATE, stage.values())
        if "error" in done:
            return _failed(console, done)
        console.print(f"From the submitted form to here: {time.monotonic() - began:.1f} s\n", highlight=False)
        console.print(await asyncio.to_thread(picture, stage, done["output"]))
        if keep:
            console.print(f"\nThe service is at {stage.url}; press Enter, and all is taken away.", highlight=False)
            await _entered()
        console.print("\nTaking it away; production's protection is lifted first.", highlight=False)
        await asyncio.to_thread(stage.unprotect)
        values = {key: one for key, one in stage.values().items() if key != "size"}
        gone = await _follow(api, console, REMOVE, {**values, "confirm": values["name"]})
        return _failed(console, gone) if "error" in gone else 0


async def _entered() -> None:
    """Return when a line was typed, or nobody is there who could; a thread that reads could not be interrupted."""
    loop, typed = asyncio.get_running_loop(), asyncio.Event()
    try:
        loop.add_reader(sys.stdin.fileno(), typed.set)
    except (OSError, ValueError):  # no terminal and no pipe
        return
    try:
        await typed.wait()
    finally:
        loop.remove_reader(sys.stdin.fileno())


async def _follow(api: ApiClient, console: Console, template: str, values: JsonObject) -> JsonObject:
    """Show a task while it runs and return what its last event says."""
    task = await example.started(api, template, values)
    last: JsonObject = {}
    with progress.display(console, (await api.task(task))["spec"]["steps"]) as shown:
        async for event in api.events(task):
            shown.show(event)
            last = event
    body: JsonObject = last["body"]
    return body


def _failed(console: Console, body: JsonObject) -> int:
    console.print(f"The task failed: {body['error'].get('message')}", markup=False, highlight=False)
    return 1


def picture(stage: Stage, output: JsonObject) -> Tree:
    """Return the tree of what was provisioned: names and places alone, never a value."""
    name = str(stage.values()["name"])
    root = Tree(Text(name, style="bold"))
    _add(root, f"Repository {output['links'][0]['url']}")
    _add(root, f"Component component:default/{name}, of group:default/payments")
    [application] = stage.items("apis/argoproj.io/v1alpha1", "applications")
    _application(root, application)
    for environment, one in output["environments"].items():
        _database(_add(root, f"Database for {environment}"), one, f"{name}-{environment}")
    for one in stage.items("apis/external-secrets.io/v1", "externalsecrets"):
        branch = _add(root, f"ExternalSecret/{one['metadata']['name']}")
        for entry in one["spec"]["data"]:
            remote = entry["remoteRef"]
            _add(branch, f"{entry['secretKey']} <- vault secret/{remote['key']}#{remote['property']}")
    return root


def _add(branch: Tree, text: str) -> Tree:
    return branch.add(Text(text))  # no markup: a status may hold brackets


def _application(root: Tree, application: Any) -> None:
    status = application["status"]
    text = f"{status['sync']['status']} at {status['sync']['revision'][:7]}, {status['health']['status']}"
    branch = _add(root, f"Application/{application['metadata']['name']}: {text}")
    for one in status["resources"]:
        health = f", {one['health']['status']}" if one.get("health") else ""
        _add(branch, f"{one['kind']}/{one['name']}: {one['status']}{health}")


def _database(branch: Tree, one: JsonObject, claim: str) -> None:
    _parts(branch, one["tree"])
    ref = one["secretRef"]
    _add(branch, f"Secret {ref['namespace']}/{ref['name']} -> vault secret/payments/{claim}-database")


def _parts(branch: Tree, node: JsonObject) -> None:
    inner = _add(branch, f"{node['object']}: {node['status']}")
    for part in node.get("parts") or []:
        _parts(inner, part)


if __name__ == "__main__":
    logging.configure("error")
    sys.exit(main(sys.argv[1:]))
