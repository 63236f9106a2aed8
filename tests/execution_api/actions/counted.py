"""Actions whose effects are counted outside, by a server of the test."""

import asyncio
import json
import time
import urllib.request
from typing import Any

from backstage_py.plugin import ActionContext, action

ANY = {"type": "object"}


@action("pods:counts", ANY)
async def counts(ctx: ActionContext[Any]) -> dict[str, Any]:
    """Say some lines, write a file, and have one effect outside."""
    asked = ctx.input
    for number in range(int(asked["lines"])):
        ctx.logger.info(f"line {number}")  # noqa: G004  # the task's log
        await ctx.sleep(float(asked["pause"]))

    async def create(marker: str) -> str:
        await asyncio.to_thread(_call, asked["url"], marker, "PUT")
        return marker

    async def find(marker: str) -> str | None:
        return marker if await asyncio.to_thread(_call, asked["url"], marker, "GET") else None

    made = await ctx.effect("thing", create=create, find=find)
    path = ctx.workspace.root / f"{ctx.step.id}.txt"
    before = sorted(one.name for one in ctx.workspace.root.iterdir())
    path.write_text(made)
    return {"made": made, "before": before}


@action("pods:tells", ANY)
async def tells(ctx: ActionContext[Any]) -> None:
    """Say the time of each line, a while apart."""
    for _ in range(int(ctx.input["lines"])):
        ctx.logger.info(f"time {time.time()!r}")  # noqa: G004  # the task's log
        await asyncio.sleep(0.05)


def _call(url: str, marker: str, method: str) -> bool:
    request = urllib.request.Request(f"{url}/{marker}", method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return bool(json.loads(answer.read()))
