"""A step in a pod does all that a step does; the pod is played, the API server and all of ours is real."""

import asyncio
import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from backstage_py.errors import NotAllowedError
from backstage_py.execution.channel import ChannelClosed
from backstage_py.execution.http_calls import Calls
from backstage_py.plugin import ActionContext, action
from tests.cluster import waiting
from tests.execution.pair import Everything
from tests.execution_api import stage
from tests.execution_api.kubelet import Kubelet
from tests.execution_api.stage import ATTEMPT, Stage
from tests.integrations.kube_server import Parts

pytestmark = pytest.mark.thorough


@action("acme:works", {"type": "object"})
async def works(ctx: ActionContext[Any]) -> dict[str, Any]:
    ctx.logger.info("in the pod")
    first = await ctx.checkpoint("first", lambda: 1)
    ctx.workspace.root.joinpath("made").write_text("by the pod")
    (ctx.workspace.root / "gone").unlink()
    return {"first": first, "seen": (ctx.workspace.root / "given").read_text()}


async def test_a_step_runs_in_a_pod(on: Stage) -> None:
    (on.workspace / "given").write_text("by the service")
    (on.workspace / "gone").write_text("soon")
    await on.run(works)
    assert on.step.sink.outputs == {"first": 1, "seen": "by the service"}
    assert on.step.sink.checkpoints == {"first": 1}
    assert "in the pod" in on.log
    assert sorted(path.name for path in on.workspace.iterdir()) == ["given", "made"]
    assert (on.workspace / "made").read_text() == "by the pod"
    [job] = on.kubelet.seen
    assert job["metadata"]["labels"]["backstage.io/task"] == ATTEMPT[0]


@action("acme:reads", {"type": "object"})
async def reads(ctx: ActionContext[Any]) -> dict[str, Any]:
    (ctx.workspace.root / "read").mkdir()
    await ctx.url_reader.read_tree(ctx.input["url"], ctx.workspace.root / "read", token="its own")
    try:
        await ctx.url_reader.read_tree("https://other.example/acme/secrets", ctx.workspace.root / "stolen")
    except NotAllowedError as error:
        return {"refused": error.message}
    return {}


async def test_a_pod_has_folders_read_where_its_step_is_about_them(on: Stage) -> None:
    on.services = Everything().services
    await on.run(reads, {"url": "https://github.com/acme/web"})
    assert (on.workspace / "read" / "file").read_text() == "https://github.com/acme/web"
    assert "scaffolder.executor.kubernetes.reads" in str(on.step.sink.outputs["refused"])
    assert not (on.workspace / "stolen").exists()


async def until(is_there: Callable[[], Any], what: str) -> Any:
    return await asyncio.to_thread(waiting.until, is_there, what)


async def test_a_warm_pod_takes_a_step_serves_it_alone_and_is_replaced(parts: Parts, tmp_path: Path) -> None:
    async with stage.on_its_own(parts, tmp_path, warm=1) as (playing, on):
        playing.actions = {works.id: works}
        opened = on.executor.sessions.all
        await until(lambda: any(one.opened.is_set() for one in opened.values()), "a pod waits")
        [warm] = (job["metadata"]["name"] for job in playing.seen)
        (on.workspace / "given").write_text("by the service")
        (on.workspace / "gone").write_text("soon")
        await on.run(works)
        assert on.step.sink.outputs["seen"] == "by the service"
        labelled = f"{playing.jobs_path}?labelSelector=backstage.io/task={ATTEMPT[0]}"
        [used] = await until(lambda: playing.api.items(labelled), "the Job says whose it is")
        assert used["metadata"]["name"] == warm
        assert used["metadata"]["annotations"]["backstage.io/user"] == "user:default/ada"
        await until(lambda: len(playing.seen) == 2, "another pod takes its place")
        assert not on.executor.sessions.all.get(used["metadata"]["name"])
    await until(lambda: not _waiting(playing), "those that nobody needs any more are deleted")


def _waiting(playing: Kubelet) -> list[Any]:
    return playing.api.items(f"{playing.jobs_path}?labelSelector=backstage.io/claim=0")


async def test_a_warm_pod_without_a_call_gets_nothing(parts: Parts, tmp_path: Path) -> None:
    """It has no workspace and no word of anybody's task, and what it says by itself goes nowhere."""
    async with stage.on_its_own(parts, tmp_path, warm=1) as (playing, on):
        answers: list[int] = []

        def asks(kubelet: Kubelet, job: Any) -> None:
            env = {one["name"]: one["value"] for one in job["spec"]["template"]["spec"]["containers"][0]["env"]}
            url = env["BACKSTAGE_PY_EXECUTION_URL"]
            with closing(Calls(url, env["BACKSTAGE_PY_EXECUTION_TOKEN"])) as calls:
                token = json.loads(calls.call("POST", "open"))["token"]
            for method, path, body in (("GET", "workspace", None), ("PUT", "workspace", b""), ("GET", "blobs/x", None)):
                with closing(Calls(url, token)) as calls:
                    try:
                        calls.call(method, path, body)
                    except ChannelClosed:
                        answers.append(401)

        playing.plays.append(asks)
        await until(lambda: answers == [401, 401, 401], "it is refused")
        assert on.log == []
