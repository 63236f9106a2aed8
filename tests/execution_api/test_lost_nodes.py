"""The cluster does not hear from a node: its pods stay where they are, are tainted away later, and may come back."""

import asyncio
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from backstage_py.execution.channel import ChannelClosed
from backstage_py.execution.http_calls import Calls
from backstage_py.plugin import ActionContext, CancelSignal, action
from tests.cluster import waiting
from tests.execution_api import stage
from tests.execution_api.kubelet import Kubelet
from tests.execution_api.stage import Stage
from tests.integrations.kube_server import Parts

pytestmark = pytest.mark.thorough
TOLD = "The cluster does not hear from the node of its pod"


def node_answers(on: Kubelet, job: Any, *, answers: bool) -> None:
    """Say of a pod what the controller of nodes says, which changes nothing else of it."""
    known = {"Ready": answers, "ContainersReady": True}
    on.pod(job, conditions=[{"type": kind, "status": str(value)} for kind, value in known.items()])


def told(on: Stage) -> bool:
    return any(TOLD in line for line in on.log)


async def test_a_step_whose_pod_still_talks_goes_on(on: Stage) -> None:
    gate = CancelSignal()

    @action("acme:waits", {"type": "object"})
    async def waits(ctx: ActionContext[Any]) -> dict[str, Any]:
        ctx.logger.info("begun")
        await gate.wait()
        return {"done": True}

    def goes_away_and_comes_back(playing: Kubelet, job: Any) -> None:
        playing.container(job, "Running", running={})
        playing.start(lambda: _run(playing, job))
        waiting.until(lambda: "begun" in on.log, "the step has begun")
        node_answers(playing, job, answers=False)
        waiting.until(lambda: told(on), "the user is told")
        node_answers(playing, job, answers=True)
        gate.set()

    on.kubelet.plays.append(goes_away_and_comes_back)
    await on.run(waits)
    assert on.step.sink.outputs == {"done": True}
    assert len(on.kubelet.seen) == 1


@action("acme:makes", {"type": "object"})
async def makes(_: ActionContext[Any]) -> dict[str, Any]:
    return {"done": True}


async def test_a_step_whose_pod_is_silent_begins_again_and_the_old_pod_is_fenced(parts: Parts, tmp_path: Path) -> None:
    """The taint has it deleted meanwhile, which nobody on its node carries out."""
    async with stage.on_its_own(parts, tmp_path, silence=4.0) as (playing, on):
        tokens: list[tuple[str, str]] = []

        def is_tainted(kubelet: Kubelet, job: Any) -> None:
            kubelet.container(job, "Running", running={})
            env = {one["name"]: one["value"] for one in job["spec"]["template"]["spec"]["containers"][0]["env"]}
            url = env["BACKSTAGE_PY_EXECUTION_URL"]
            with closing(Calls(url, env["BACKSTAGE_PY_EXECUTION_TOKEN"])) as calls:
                tokens.append((url, json.loads(calls.call("POST", "open"))["token"]))
            node_answers(kubelet, job, answers=False)
            with closing(Calls(*tokens[0])) as calls:
                while not told(on):
                    calls.call("GET", "messages?after=0")
            kubelet.api.delete(f"{kubelet.pods_path}/{job['metadata']['name']}-pod")

        playing.plays.append(is_tainted)
        await on.run(makes)
        assert on.step.sink.outputs == {"done": True}
        words = "has said nothing for 4 s, and the cluster does not hear from its node; the step begins again"
        assert any(words in line for line in on.log), on.log
        assert len(playing.seen) == 2
        await asyncio.to_thread(waiting.until, lambda: len(playing.deleted) > 0, "the old pod's Job is deleted")
        with closing(Calls(*tokens[0])) as late, pytest.raises(ChannelClosed):
            await asyncio.to_thread(late.call, "POST", "messages", b'{"type":"ended","seq":1}')


def _run(kubelet: Kubelet, job: Any) -> None:
    kubelet.run(job)
