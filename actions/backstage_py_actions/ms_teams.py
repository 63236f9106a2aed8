"""``ms-teams:sendMessage``; ``ms-teams.webhookUrl`` of the configuration goes before the input, as in the original."""

from dataclasses import dataclass

from backstage_py.plugin import Action, ActionAttributes, ActionContext
from backstage_py_actions import _webhook
from backstage_py_actions._builtin import builtin


@dataclass(frozen=True, slots=True)
class Message:
    """A message and where it goes."""

    message: str
    webhook_url: str | None = None


@builtin("ms-teams:sendMessage", Message, attributes=ActionAttributes(destructive=False), needs_workspace=False)
async def send_message(ctx: ActionContext[Message]) -> None:
    """Send a message through a webhook of Teams."""
    section = (ctx.services.config or {}).get("ms-teams") or {}
    await _webhook.post_once(ctx, "Teams", section, ctx.input.webhook_url, {"text": ctx.input.message})


ACTIONS: tuple[Action, ...] = (send_message,)
