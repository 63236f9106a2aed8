"""``slack:sendMessage:conversation`` and ``slack:sendMessage:webhook``.

The configuration goes before the input, as in the originals: ``slack.token``, ``slack.conversationId``,
``slack.conversationName``, ``slack.webhookUrl``; and ours, ``slack.apiUrl`` for a Slack elsewhere (GovSlack).
"""

from dataclasses import dataclass
from typing import Any

from backstage_py.integrations import slack
from backstage_py.plugin import Action, ActionAttributes, ActionContext, InputError, JsonObject
from backstage_py_actions import _webhook
from backstage_py_actions._builtin import builtin

_SENDS = ActionAttributes(destructive=False)
_UNAUTHENTICATED = (
    "Slack token is not specified in either the app-config or the action input. "
    "This must be specified in at least one place in order to send a message"
)
_NO_CONVERSATION = (
    "Neither Conversation ID nor Conversation Name is specified in either the app-config or the action input. "
    "One of these must be specified in at least one place in order to send a message"
)


@dataclass(frozen=True, slots=True)
class Conversation:
    """A message and where it goes."""

    message: str
    conversation_id: str | None = None
    conversation_name: str | None = None
    token: str | None = None


@builtin("slack:sendMessage:conversation", Conversation, attributes=_SENDS, needs_workspace=False, extra="slack")
async def conversation(ctx: ActionContext[Conversation]) -> None:
    """Send a message as an app; a name is looked up among the channels that the app can see.

    When it is not known whether an earlier run of the step sent it, it is sent again: twice is better than never.
    """
    await post_once(ctx, ctx.input)


async def post_once(ctx: ActionContext[Any], given: Conversation) -> None:
    """Send a message to a conversation once per step."""
    section = _section(ctx)
    token = section.get("token") or given.token
    if not token:
        raise InputError(_UNAUTHENTICATED)
    channel = section.get("conversationId") or given.conversation_id
    name = section.get("conversationName") or given.conversation_name
    if not channel and not name:
        raise InputError(_NO_CONVERSATION)
    api = slack.Slack(token, section.get("apiUrl") or slack.BASE_URL)
    where = channel or await api.channel_id(str(name).removeprefix("#"))

    async def send(_marker: str) -> bool:
        await api.post(where, given.message)
        return True

    await ctx.effect(f"send.slack.{where}", create=send, if_unknown="create")


@dataclass(frozen=True, slots=True)
class Webhook:
    """A message and where it goes."""

    message: str
    webhook_url: str | None = None


@builtin("slack:sendMessage:webhook", Webhook, attributes=_SENDS, needs_workspace=False)
async def webhook(ctx: ActionContext[Webhook]) -> None:
    """Send a message through an incoming webhook; in doubt again, as above."""
    await _webhook.post_once(ctx, "Slack", _section(ctx), ctx.input.webhook_url, {"text": ctx.input.message})


def _section(ctx: ActionContext[Any]) -> JsonObject:
    return dict((ctx.services.config or {}).get("slack") or {})


ACTIONS: tuple[Action, ...] = (conversation, webhook)
