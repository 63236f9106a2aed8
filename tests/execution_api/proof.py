"""Tasks of replicas whose steps run in real pods, while pods, kubelet, API server and replicas are killed.

Each task ends with one completion, each effect is there once, and each stream is what is stored, without a gap.
``python -m tests.execution_api.proof --tasks 200`` runs it on the cluster of BACKSTAGE_PY_TEST_KUBECONFIG, which
the kit has to have started: parts of it are ended and started again.
"""

import argparse
import asyncio
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from backstage_py.model.json import JsonObject
from tests.cluster.calls import ApiException
from tests.cluster.cluster import KubeCluster
from tests.deploy import built
from tests.execution_api import real
from tests.replicas.cluster import Cluster, cluster
from tests.replicas.replica import PARTS
from tests.replicas.tasks import Tasks
from tests.storage.postgres import postgres

ACTIONS = Path(__file__).parent / "actions"
STEPS = 2
_STARTS, _LASTING = 10, 2.0
LINES = 4
_SHOWN = 20
_TIME = re.compile(r"(?<=time )\d+\.\d+$")


@dataclass
class Outside:
    """Counts what steps make; answers GET with whether it is there."""

    url: str
    made: list[str] = field(default_factory=list)


@contextmanager
def outside(host: str) -> Iterator[Outside]:
    """Serve until the block is left, where pods reach it."""

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            found.made.append(self.path[1:])
            self._answer(is_there=True)

        def do_GET(self) -> None:
            self._answer(is_there=self.path[1:] in found.made)

        def _answer(self, *, is_there: bool) -> None:
            body = json.dumps(is_there).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((host, 0), Handler)
    found = Outside(f"http://{host}:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def templates(url: str, pause: float) -> str:
    """One whose steps count, and one whose step says when it says something."""
    counts = [
        {"id": f"step{number}", "action": "pods:counts", "input": {"url": url, "lines": LINES, "pause": pause}}
        for number in range(STEPS)
    ]
    tells = [{"id": "tells", "action": "pods:tells", "input": {"lines": "${{ parameters.lines }}"}}]
    made = {"made": "${{ steps.step1.output.made }}"}
    return yaml.safe_dump_all([_template("pods", counts, made), _template("tells", tells, {})])


def _template(name: str, steps: list[JsonObject], output: JsonObject) -> JsonObject:
    spec = {"type": "service", "parameters": [], "steps": steps, "output": output}
    head = {"apiVersion": "scaffolder.backstage.io/v1beta3", "kind": "Template", "metadata": {"name": name}}
    return {**head, "spec": spec}


def said_at(event: JsonObject) -> float | None:
    """Return when a line of ``pods:tells`` was said; None of another event."""
    found = _TIME.search(str(event["body"].get("message", "")))
    return float(found[0]) if found else None


@dataclass
class Proof:
    """Replicas, a cluster, and what is done to both."""

    kube: KubeCluster
    namespace: str
    replicas: Cluster
    tasks: Tasks
    outside: Outside
    happened: Counter[str] = field(default_factory=Counter)

    async def run(self, count: int, at_once: int) -> None:
        """Run so many tasks."""
        places = asyncio.Semaphore(at_once)

        ended, began = 0, time.monotonic()

        async def one() -> None:
            nonlocal ended
            async with places:
                await self.tasks.run("pods", {})
            ended += 1
            if ended % _SHOWN == 0:
                sys.stdout.write(f"{ended} tasks after {time.monotonic() - began:.0f} s; {dict(self.happened)}\n")
                sys.stdout.flush()

        await asyncio.gather(*(one() for _ in range(count)))

    async def disturb(self, drawn: random.Random, every: float, faults: "dict[str, Fault]") -> None:
        """Do something bad every now and then, for ever."""
        while True:
            await asyncio.sleep(drawn.uniform(0.5, 1.5) * every)
            [name] = drawn.choices(list(faults), [_SHARES[one] for one in faults])
            if await faults[name](self, drawn):
                self.happened[name] += 1

    @property
    def jobs(self) -> list[Any]:
        """What is in the cluster."""
        return self.kube.api.items(f"/apis/batch/v1/namespaces/{self.namespace}/jobs")

    async def problems(self) -> list[str]:
        """Say what is wrong."""
        wrong = list(self.replicas.history.complaints)
        all_tasks = await self.task_ids()
        wrong += [f"{one}: it is not there any more" for one in self.tasks.followed if one not in all_tasks]
        for one in all_tasks:
            events = await self.events(one)
            ends = [event for event in events if event["type"] == "completion"]
            if len(ends) != 1 or ends[0]["body"].get("error"):
                wrong.append(f"{one}: {[event['body'] for event in ends]}")
            if one in self.tasks.followed:
                wrong += gaps(one, events, self.tasks.followed[one].seen)
            made = [name for name in self.outside.made if name.startswith(one)]
            if len(made) != STEPS or len(set(made)) != STEPS:
                wrong.append(f"{one}: it made {made}")
        if len(self.outside.made) != STEPS * len(all_tasks):
            wrong.append(f"{len(self.outside.made)} effects instead of {STEPS * len(all_tasks)}")
        return wrong

    async def events(self, task_id: str) -> list[Any]:
        """Return what is stored of a task."""
        found: list[Any] = await self.replicas.client.ask("GET", f"/api/scaffolder/v2/tasks/{task_id}/events")
        return found

    async def keep(self, folder: Path, wrong: list[str]) -> None:
        """Write down what helps to find out why something is wrong; logs of replicas lie in the folder already."""
        named = {one for one in await self.task_ids() if any(one in words for words in wrong)}
        found: dict[str, Any] = {one: await self.events(one) for one in named}
        found["cluster"] = self.kube.api.items(f"/api/v1/namespaces/{self.namespace}/events")
        found["jobs"] = self.jobs
        found["notes"] = [(one.at, one.text) for one in self.replicas.history.notes]
        for name, value in found.items():
            (folder / f"{name}.json").write_text(json.dumps(value, indent=1))

    async def task_ids(self) -> list[str]:
        """Return all tasks when they have ended; who lost the answer to an order has one more than it follows."""
        while True:
            found: list[Any] = []
            while page := (await self._page(len(found))):
                found += page
            if all(one["status"] not in {"open", "processing"} for one in found):
                return [one["id"] for one in found]
            await asyncio.sleep(0.5)

    async def _page(self, offset: int) -> list[Any]:
        answer = await self.replicas.client.ask("GET", f"/api/scaffolder/v2/tasks?limit=50&offset={offset}")
        page: list[Any] = answer["tasks"]
        return page


def gaps(task_id: str, stored: list[Any], seen: list[Any]) -> list[str]:
    """Say what a client's stream lacks of what is stored, or has too much."""
    found, there = [event["id"] for event in stored], [event["id"] for event in seen]
    wrong = []
    if found != there:
        missed, more = sorted(set(found) - set(there)), sorted(set(there) - set(found))
        wrong.append(f"{task_id}: its stream missed {missed}, had {more}")
    if any(after <= before for before, after in pairwise(there)):
        wrong.append(f"{task_id}: its stream is out of order")
    return wrong


Fault = Callable[[Proof, random.Random], Awaitable[bool]]


async def kill_pod(on: Proof, drawn: random.Random) -> bool:
    """Delete the pod of a step at once."""
    pods = f"/api/v1/namespaces/{on.namespace}/pods"
    with suppress(ApiException, OSError):
        found = await asyncio.to_thread(on.kube.api.items, pods)
        running = [one for one in found if one["status"].get("phase") == "Running"]
        if running:
            name = drawn.choice(running)["metadata"]["name"]
            await asyncio.to_thread(on.kube.api.delete, f"{pods}/{name}?gracePeriodSeconds=0")
            return True
    return False


async def restart_kubelet(on: Proof, _: random.Random) -> bool:
    """End the kubelet and start it again."""
    return await asyncio.to_thread(_restart, on.kube.kubeconfig.parent, "kubelet")


async def restart_api_server(on: Proof, _: random.Random) -> bool:
    """End the API server and start it again."""
    return await asyncio.to_thread(_restart, on.kube.kubeconfig.parent, "apiserver")


async def kill_replica(on: Proof, drawn: random.Random) -> bool:
    """End a replica at once, and start it again when it has been missed."""
    one = drawn.choice(on.replicas.replicas)
    if not one.is_running:
        return False
    await one.kill()
    await asyncio.sleep(2)
    await one.start()
    await on.replicas.until_ready(one)
    return True


FAULTS: dict[str, Fault] = {
    "pod killed": kill_pod,
    "kubelet restarted": restart_kubelet,
    "API server restarted": restart_api_server,
    "replica killed": kill_replica,
}


_SHARES = {"pod killed": 5, "kubelet restarted": 1, "API server restarted": 1, "replica killed": 2}
"""How often each happens; the cluster's controllers need up to 40 s behind an API server that was away."""


def _restart(folder: Path, name: str) -> bool:
    """End a part of the kit's cluster and start it with the same command."""
    file = folder / f"{name}.pid"
    pid = int(file.read_text())
    command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
    environment = dict(
        one.decode().partition("=")[::2] for one in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") if one
    )
    where = Path(f"/proc/{pid}/cwd").readlink()
    os.kill(pid, signal.SIGKILL)
    while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().split(") ")[1][:1]:
        time.sleep(0.05)
    with (folder / f"{name}.again.log").open("ab") as log:
        for _ in range(_STARTS):
            started = subprocess.Popen(
                command, cwd=where, env=environment, stdout=log, stderr=log, start_new_session=True
            )
            file.write_text(str(started.pid))
            with suppress(subprocess.TimeoutExpired):
                started.wait(_LASTING)
                continue  # it ended at once, as when its port is not free yet
            break
    return True


@asynccontextmanager
async def opened(
    kube: KubeCluster, image: str, folder: Path, *, count: int = 2, pause: float = 0.2, **changes: Any
) -> AsyncIterator[Proof]:
    """Start replicas whose steps run in pods of a namespace of their own, until the block is left."""
    namespace, token = real.prepare(kube, ACTIONS / "counted.py")
    with outside(kube.host) as counting, postgres(is_lasting=True) as server:
        (folder / "pods.yaml").write_text(templates(counting.url, pause))
        keys = configuration(kube, namespace, token, image, folder / "pods.yaml", changes)
        async with cluster(server, folder, "pods", count, keys) as replicas:
            for name in ("pods", "tells"):
                path = f"/api/catalog/entities/by-name/template/default/{name}"
                while "kind" not in await replicas.client.ask("GET", path, accept=(404,)):  # noqa: ASYNC110  # another process's work
                    await asyncio.sleep(0.2)
            try:
                yield Proof(kube, namespace, replicas, Tasks(replicas.client), counting)
            finally:
                kube.remove(namespace)


def configuration(
    kube: KubeCluster, namespace: str, token: str, image: str, file: Path, changes: JsonObject
) -> JsonObject:
    """What replicas need for it."""
    executor = {
        "namespace": namespace,
        "image": image,
        "imagePullPolicy": "Never",
        "podTemplate": real.template(),
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}},
        "listen": {"host": kube.host, "port": 0},
        "url": f"http://{kube.host}:$PORT",
        "silenceTimeout": {"seconds": 20},
        "lostPods": 50,
        **changes,
    }
    return {
        "scaffolder": {
            "actionsFolder": str(ACTIONS),
            "concurrentTasksLimit": 8,
            "executor": {"rules": [{"match": {"action": "pods:*"}, "use": "kubernetes"}], "kubernetes": executor},
        },
        "kubernetes": {"clusterLocatorMethods": [{"type": "config", "clusters": [kube.entry(token)]}]},
        "catalog": {
            "locations": [
                {"type": "file", "target": str(PARTS / "catalog/all.yaml")},
                {"type": "file", "target": str(file)},
            ]
        },
    }


async def prove(kube: KubeCluster, image: str, folder: Path, arguments: argparse.Namespace) -> int:
    """Run it, print what happened, and return an exit code."""
    drawn = random.Random(arguments.seed)
    async with opened(kube, image, folder) as on:
        began = time.monotonic()
        faults = asyncio.create_task(on.disturb(drawn, arguments.every, FAULTS))
        await on.run(arguments.tasks, arguments.at_once)
        faults.cancel()
        with suppress(asyncio.CancelledError):
            await faults
        for one in on.replicas.replicas:
            if not one.is_running:
                await one.start()
        await on.replicas.until_ready()
        seconds = time.monotonic() - began
        wrong = await on.problems()
        if arguments.keep:
            await on.keep(folder, wrong)
    sys.stdout.write(
        f"{arguments.tasks} tasks of {STEPS} steps in {seconds:.0f} s, {arguments.tasks / seconds * 3600:.0f} an hour; "
        f"{len(on.outside.made)} effects; {dict(on.happened)}\n"
    )
    sys.stdout.write("".join(f"wrong: {one}\n" for one in wrong))
    return 1 if wrong else 0


def main() -> int:
    """Run it as the arguments say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--at-once", type=int, default=12)
    parser.add_argument("--every", type=float, default=8.0, help="seconds between faults, about")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000))
    parser.add_argument("--keep", type=Path, help="a folder for all that is written, which stays")
    arguments = parser.parse_args()
    sys.stdout.write(f"seed {arguments.seed}\n")
    kube = KubeCluster(Path(os.environ["BACKSTAGE_PY_TEST_KUBECONFIG"]).resolve())
    image = os.environ.get("BACKSTAGE_PY_TEST_STEP_IMAGE") or built.load(kube, built.images(), built.NAME)
    with tempfile.TemporaryDirectory() as made:
        folder = arguments.keep or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        return asyncio.run(prove(kube, image, folder.resolve(), arguments))


if __name__ == "__main__":
    sys.exit(main())
