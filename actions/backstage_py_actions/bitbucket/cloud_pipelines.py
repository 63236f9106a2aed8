"""``bitbucket:pipelines:run``."""

from typing import Any

from backstage_py.plugin import ActionContext, JsonObject
from backstage_py_actions import hosting
from backstage_py_actions._builtin import builtin
from backstage_py_actions.bitbucket import client


@builtin("bitbucket:pipelines:run", needs_workspace=False)
async def bitbucket_pipelines_run(ctx: ActionContext[Any]) -> JsonObject:
    """Start a pipeline, at most once: nothing tells it from one that somebody else started."""
    wanted: JsonObject = ctx.input
    workspace, name = str(wanted["workspace"]), str(wanted["repo_slug"])
    async with client.named(ctx, client.CLOUD, workspace, name, wanted.get("token")) as repository:

        async def start(_marker: str) -> JsonObject:
            made = await repository.call("POST", "/pipelines", wanted.get("body") or {})
            page = str(made["repository"]["links"]["html"]["href"])
            return {"buildNumber": made["build_number"], "repoUrl": page, "pipelinesUrl": f"{page}/pipelines"}

        with hosting.about("Unable to run pipeline"):
            outputs: JsonObject = await ctx.effect(f"run.pipeline.{repository.label}", create=start)
        return outputs
