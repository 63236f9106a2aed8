"""``backstage-py executor status`` on a real API server, as an operator calls it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from backstage_py.cli.main import app
from backstage_py.plugin import ActionContext, action
from tests.cluster import waiting
from tests.execution_api import kubelet
from tests.execution_api.stage import ATTEMPT, Stage

pytestmark = pytest.mark.thorough


@action("acme:greets", {"type": "object"})
async def greets(_: ActionContext[Any]) -> dict[str, Any]:
    return {}


def config(on: Stage, folder: Path, **cluster: Any) -> Path:
    entry = {**on.parts.server.entry(), **cluster}
    executor = {"namespace": on.kubelet.namespace, "image": "registry.example/steps:1"}
    path = folder / "app-config.yaml"
    clusters = {"clusterLocatorMethods": [{"type": "config", "clusters": [entry]}]}
    path.write_text(yaml.safe_dump({"kubernetes": clusters, "scaffolder": {"executor": {"kubernetes": executor}}}))
    return path


async def status(path: Path, *options: str) -> Any:
    return await asyncio.to_thread(CliRunner().invoke, app, ["executor", "status", "-c", str(path), *options])


def left(on: Stage, name: str, task: str, play: kubelet.Play) -> None:
    """A Job of somebody else's attempt, and what becomes of it."""
    labels = {"backstage.io/instance": "backstage-py", "backstage.io/task": task, "backstage.io/claim": "3"}
    spec = {"restartPolicy": "Never", "containers": [{"name": "step", "image": "x"}]}
    template = {"metadata": {"labels": labels}, "spec": spec}
    on.current.add((task, 3))
    on.kubelet.plays.append(play)
    job = {"metadata": {"name": name, "labels": labels}, "spec": {"template": template}}
    on.parts.server.api.post(on.kubelet.jobs_path, job)


async def test_it_says_what_is_in_the_cluster_and_why_something_waits_or_failed(on: Stage, tmp_path: Path) -> None:
    path = config(on, tmp_path)
    nothing = await status(path)
    assert (nothing.exit_code, nothing.stdout) == (0, f"{on.kubelet.namespace}: no jobs\n")
    await on.run(greets)
    states = {
        "evicted": kubelet.evicted,
        "runs": lambda playing, job: playing.container(job, "Running", running={}),
        "stuck": kubelet.unschedulable,
    }
    for name, play in states.items():
        await asyncio.to_thread(left, on, name, f"task-{name}", play)
        await asyncio.to_thread(waiting.until, lambda: not on.kubelet.plays, "it is played")

    async def shown() -> Any:
        found = await status(path, "--format", "json")
        assert found.exit_code == 0, found.output
        return json.loads(found.stdout)

    while (told := await shown())["counts"] != {"done": 1, "failed": 1, "running": 1, "pending": 1}:
        await waiting.pause(0.2)
    assert told["namespace"] == on.kubelet.namespace
    jobs = {one["state"]: one for one in told["jobs"]}
    done = jobs["done"]
    assert (done["task"], done["attempt"], done["action"], done["template"], done["user"]) == (
        ATTEMPT[0],
        1,
        "acme:greets",
        "template:default/service",
        "user:default/ada",
    )
    assert "low on resource: memory" in jobs["failed"]["why"]
    assert "Insufficient memory" in jobs["pending"]["why"]
    assert (jobs["running"]["task"], jobs["running"]["attempt"], jobs["running"]["why"]) == ("task-runs", 3, "")
    text = (await status(path)).stdout
    assert text.startswith("STATE")
    assert text.endswith(f"{on.kubelet.namespace}: 1 done, 1 failed, 1 pending, 1 running\n")
    [row] = [line for line in text.splitlines() if " stuck" in line]
    assert row.split()[:3] == ["pending", "task-stuck", "3"]
    assert "    No node has room for its pod yet: 0/3 nodes are available: 3 Insufficient memory." in text


async def test_it_says_what_is_wrong_when_there_is_no_answer(on: Stage, tmp_path: Path) -> None:
    refused = await status(config(on, tmp_path, serviceAccountToken="wrong"))
    assert refused.exit_code != 0
    assert "does not know who asks" in refused.output + str(refused.exception)
    (tmp_path / "app-config.yaml").write_text("scaffolder: {}\n")
    missing = await status(tmp_path / "app-config.yaml")
    assert missing.exit_code != 0
    assert "scaffolder.executor.kubernetes" in missing.output + str(missing.exception)
