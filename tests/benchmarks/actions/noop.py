"""Actions that do nothing, in a folder that processes load."""

from typing import Any

from backstage_py.plugin import ActionContext, action

ANY = {"type": "object"}


@action("bench:noop", ANY)
async def noop_async(_ctx: ActionContext[dict[str, Any]]) -> None:
    """Do nothing, on an event loop of its own."""


@action("bench:noop-plain", ANY)
def noop_plain(_ctx: ActionContext[dict[str, Any]]) -> None:
    """Do nothing, in a plain function."""
