"""A step in a pod does all that a step does; the pod is played, the API server and all of ours is real."""

from typing import Any

from backstage_py.plugin import ActionContext, action
from tests.execution_api.stage import ATTEMPT, Stage


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
