"""Many steps at once on a real API server with a played kubelet, while nearly everything goes wrong.

Pods are evicted, deleted, silent, late, and there twice; answers of the API server are lost, so that what is asked
again is there already (409); watches break off, tell things twice and late, and begin where nothing is remembered
(410).
``python -m tests.execution_api.scale 5000`` runs that many and prints what became of them.
"""

import asyncio
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from backstage_py.folders.receiving import Bounds
from backstage_py.http import execution
from backstage_py.integrations.kubernetes import clusters
from backstage_py.integrations.kubernetes.connection import Connection, NoAnswerError
from backstage_py.model.json import JsonObject
from backstage_py.model.task import AttemptKey
from backstage_py.plugin import Action, ActionContext, action
from backstage_py.scaffolder.executors.choice import RunFacts
from backstage_py.scaffolder.executors.kubernetes.executor import KubernetesExecutor
from backstage_py.settings.sections.kubernetes_executor import KubernetesExecutorSettings
from tests.cluster.calls import ApiException
from tests.execution.pair import Pair
from tests.execution_api import kubelet
from tests.execution_api.kubelet import Kubelet, Play, playing
from tests.integrations import kube_server
from tests.integrations.kube_server import Parts

NAMESPACE = "many-steps"
_SILENCE = 10.0


@dataclass
class World:
    """Outside of all: what steps made there, by its marker."""

    made: list[str] = field(default_factory=list)

    def step(self) -> Action:
        @action("many:makes", {"type": "object"})
        async def makes(ctx: ActionContext[Any]) -> dict[str, Any]:
            async def create(marker: str) -> str:
                self.made.append(marker)
                return marker

            async def find(marker: str) -> str | None:
                return marker if marker in self.made else None

            for number in range(int(ctx.input["lines"])):
                ctx.logger.info(f"line {number}")  # noqa: G004  # the task's log
            made = await ctx.effect("thing", create=create, find=find)
            return {"made": made}

        return makes


class Faulty:
    """A connection that loses answers and breaks watches; what it does reach the server, it does."""

    def __init__(self, real: Connection, drawn: random.Random, happened: Counter[str]) -> None:
        self._real, self._drawn, self._happened = real, drawn, happened

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def call(self, method: str, path: str, **options: Any) -> JsonObject:
        if self._drawn.random() < 0.02:
            self._happened["request lost"] += 1
            raise NoAnswerError("The cluster does not answer: lost")
        answer = self._real.call(method, path, **options)
        if method == "POST" and self._drawn.random() < 0.05:
            self._happened["answer lost (409 next)"] += 1
            raise NoAnswerError("The cluster does not answer: its answer was lost")
        return answer

    def events(self, path: str, query: Sequence[tuple[str, str]], seconds: int, reads: Callable[[Any], None]) -> Any:
        if self._drawn.random() < 0.2:
            self._happened["watch from long ago (410)"] += 1
            query = [(key, "1" if key == "resourceVersion" else value) for key, value in query]
        return self._broken(self._real.events(path, query, seconds, reads))

    def _broken(self, events: Iterator[JsonObject]) -> Iterator[JsonObject]:
        left = self._drawn.randrange(20, 400)
        late: JsonObject | None = None
        for event in events:
            if left == 0:
                self._happened["watch broken off"] += 1
                if late:
                    yield late  # it comes late, not never
                raise NoAnswerError("The cluster does not answer: the watch broke off")
            left -= 1
            yield event
            if event["type"] == "MODIFIED" and self._drawn.random() < 0.1:
                self._happened["event twice"] += 1
                yield event
            if late and self._drawn.random() < 0.3:
                self._happened["event late"] += 1
                yield late
                late = None
            elif event["type"] == "MODIFIED" and self._drawn.random() < 0.05:
                late = event


def plays(drawn: random.Random, happened: Counter[str]) -> Play:
    """Return what becomes of one Job."""

    def late(on: Kubelet, job: Any) -> None:
        time.sleep(drawn.random() * 2)
        kubelet.runs(on, job)

    def twice(on: Kubelet, job: Any) -> None:
        on.start(lambda: _ignored(on, job))
        kubelet.runs(on, job)

    def silent(on: Kubelet, job: Any) -> None:
        on.container(job, "Running", running={})
        on.open(job)

    known: list[tuple[float, str, Play]] = [
        (0.05, "pod evicted", kubelet.evicted),
        (0.05, "pod deleted", kubelet.deleted),
        (0.02, "pod silent", silent),
        (0.06, "pod late", late),
        (0.06, "pod twice", twice),
    ]
    at = drawn.random()
    for share, name, play in known:
        if at < share:
            happened[name] += 1
            return play
        at -= share
    return kubelet.runs


def _ignored(on: Kubelet, job: Any) -> None:
    with suppress(ApiException):
        on.run(job)


@dataclass
class Outcome:
    """What became of all."""

    ended: Counter[str]
    happened: Counter[str]
    made: list[str]
    jobs_left: int
    seconds: float
    lines: Counter[int]


async def run(parts: Parts, folder: Path, count: int, *, at_once: int = 40, seed: int = 20) -> Outcome:
    """Run so many steps, each an attempt at a task of its own."""
    drawn, happened, world = random.Random(seed), Counter[str](), World()
    with suppress(ApiException):
        parts.server.api.post("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    settings = KubernetesExecutorSettings(
        namespace=NAMESPACE,
        image="registry.example/steps:1",
        listen_host="127.0.0.1",
        listen_port=0,
        url="http://127.0.0.1:$PORT",
        silence=_SILENCE,
        lost=20,
        ttl=20.0,
    )
    config = {"kubernetes": {"clusterLocatorMethods": [{"type": "config", "clusters": [parts.server.entry()]}]}}

    def connect() -> Connection:
        faulty: Any = Faulty(Connection(clusters.find(config, None)), drawn, happened)
        found: Connection = faulty
        return found

    current: set[AttemptKey] = set()

    async def is_current(attempt: AttemptKey) -> bool:
        return attempt in current

    executor = KubernetesExecutor(settings, connect, is_current, Bounds(10_000_000, 1_000), resumes=True)
    ended, lines, places = Counter[str](), Counter[int](), asyncio.Semaphore(at_once)
    step, began = world.step(), time.monotonic()

    async def one(number: int) -> None:
        attempt = (f"task-{number:06}", 1)
        pair = Pair(folder / f"workspace-{number}")
        async with places:
            current.add(attempt)
            context = replace(pair.context({"lines": 3}), task_id=attempt[0])
            pods = executor.of_run(RunFacts(attempt[0], claim=1), each_step=True)
            running = pods.start(step, context)
            try:
                await running.ended
                ended["completed" if pair.sink.outputs.get("made") else "without its output"] += 1
            except Exception as error:  # noqa: BLE001  # counted
                ended[f"failed: {error}"[:200]] += 1
            finally:
                await running.close()
                await pods.close()
                current.discard(attempt)
                lines[sum(message.startswith("line ") for _, message in pair.log.entries)] += 1

    with playing(parts.server.api, NAMESPACE, folder) as on:
        on.actions = {step.id: step}
        on.draws = lambda: plays(drawn, happened)
        async with execution.listening(executor), executor.running():
            await asyncio.gather(*(one(number) for number in range(count)))
            seconds = time.monotonic() - began
    names = [job["metadata"]["name"] for job in on.seen]
    happened["jobs"] = len(names)
    return Outcome(ended, happened, world.made, len(names) - len(set(names)), seconds, lines)


def main() -> None:
    """Run as many as the first argument says."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    threading.stack_size(512 * 1024)
    with tempfile.TemporaryDirectory() as made, kube_server.parts(Path(made)) as parts:
        folder = Path(made, "folders")
        folder.mkdir()
        found = asyncio.run(run(parts, folder, count, at_once=60))
    rate = count / found.seconds * 3600
    sys.stdout.write(f"{count} steps in {found.seconds:.0f} s, {rate:.0f} an hour; {dict(found.ended)}\n")
    sys.stdout.write(f"{len(found.made)} effects, {len(set(found.made))} different; {dict(found.happened)}\n")
    if found.ended != {"completed": count} or len(found.made) != count or len(set(found.made)) != count:
        sys.exit("not each completed with its effect once")


if __name__ == "__main__":
    main()
