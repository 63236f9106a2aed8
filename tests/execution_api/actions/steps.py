"""Actions that run in real pods."""

import asyncio
import os
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from backstage_py.plugin import ActionContext, action

ANY = {"type": "object"}


@action("pods:looks", ANY)
async def looks(ctx: ActionContext[Any]) -> dict[str, Any]:
    """Say where it runs, and what it may do there."""
    kept = Path("/var/run/secrets/kubernetes.io/serviceaccount").exists()
    status = Path("/proc/self/status").read_text()
    held = {line.split(":")[0]: line.split(":")[1].strip() for line in status.splitlines() if ":" in line}
    try:
        Path("/opt/written").write_text("x")
        writable = True
    except OSError:
        writable = False
    return {
        "host": socket.gethostname(),
        "user": os.getuid(),
        "capabilities": int(held["CapEff"], 16),
        "seccomp": held["Seccomp"],
        "noNewPrivileges": held["NoNewPrivs"],
        "account": kept,
        "writable": writable,
        "database": [name for name in os.environ if "DATABASE" in name or "POSTGRES" in name],
        "environment": sorted(os.environ),
    }


@action("pods:builds", ANY)
async def builds(ctx: ActionContext[Any]) -> dict[str, Any]:
    """Do all that a step does."""
    root = ctx.workspace.root
    made = await ctx.checkpoint("first", lambda: str(time.time()))
    again = await ctx.checkpoint("first", lambda: "not again")
    effect = await ctx.effect("count", create=lambda marker: {"marker": marker})
    ctx.logger.info(f"read {(root / 'given').read_text()}")  # noqa: G004  # the task's log
    (root / "deep" / "er").mkdir(parents=True)
    (root / "deep" / "er" / "made").write_text("by the pod")
    (root / "tool").write_text("#!/bin/sh\n")
    (root / "tool").chmod(0o755)
    (root / "link").symlink_to("given")
    (root / "gone").unlink()
    return {"once": made == again, "effect": effect, "secret": ctx.secrets.get("KEY"), "hidden": "OTHER" in ctx.secrets}


@action("pods:says", ANY)
async def says(ctx: ActionContext[Any]) -> dict[str, Any]:
    """Say the time of each line, a while apart."""
    for _ in range(int(ctx.input["times"])):
        ctx.logger.info(repr(time.time()))
        await asyncio.sleep(0.05)
    return {}


@action("pods:eats", ANY)
async def eats(ctx: ActionContext[Any]) -> dict[str, Any]:
    """Take more memory than there is."""
    kept = []
    while True:
        kept.append(bytearray(os.urandom(1024 * 1024)))


@action("pods:leaves", ANY)
async def leaves(ctx: ActionContext[Any]) -> dict[str, Any]:
    """End without a word."""
    subprocess.run(["true"], check=True)
    os._exit(int(ctx.input["code"]))


@action("pods:waits", ANY)
async def waits(ctx: ActionContext[Any]) -> dict[str, Any]:
    """Wait until somebody does something."""
    first = await ctx.checkpoint("tries", socket.gethostname)
    ctx.logger.info("begun")
    if first == socket.gethostname():
        await ctx.signal.wait()
    return {"first": first, "now": socket.gethostname()}


@action("pods:nothing", ANY)
async def nothing(ctx: ActionContext[Any]) -> dict[str, Any]:
    """Do nothing."""
    return {}
