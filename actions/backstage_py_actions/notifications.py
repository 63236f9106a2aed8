"""``notification:send``: Backstage's notifications, through the API of its plugin."""

from dataclasses import dataclass
from typing import Any

from backstage_py.plugin import (
    Action,
    ActionAttributes,
    ActionContext,
    BackstageError,
    ForeignError,
    InputError,
    JsonObject,
)
from backstage_py.plugin.formats import dump_json
from backstage_py_actions._builtin import builtin

_PLUGIN = "notifications"
_SECONDS = 60.0
_FIRST_ERROR = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A notification; ``recipients`` is ``broadcast`` or ``entity``."""

    recipients: str
    title: str
    entity_refs: list[str] | None = None
    info: str | None = None
    link: str | None = None
    severity: str | None = None
    scope: str | None = None
    topic: str | None = None
    optional: bool = False

    def body(self) -> JsonObject:
        """Return what the API takes."""
        to_all = self.recipients == "broadcast"
        payload = {
            "title": self.title,
            "description": self.info,
            "link": self.link,
            "severity": self.severity,
            "topic": self.topic,
            "scope": self.scope,
        }
        return {
            "recipients": {"type": "broadcast"} if to_all else {"type": "entity", "entityRef": self.entity_refs},
            "payload": {name: value for name, value in payload.items() if value is not None},
        }


@builtin("notification:send", Notification, attributes=ActionAttributes(destructive=False), needs_workspace=False)
async def notification_send(ctx: ActionContext[Notification]) -> None:
    """Send a notification once per task and title.

    When it is not known whether an earlier run of the step sent it, it is sent again: twice is better than never.
    """
    given = ctx.input
    ctx.logger.info(f"Sending notification to {given.recipients}")
    if given.recipients == "entity" and given.entity_refs is None:
        if not given.optional:
            raise InputError("Entity references must be provided")
        return

    try:
        await post_once(ctx, given)
    except BackstageError as error:
        ctx.logger.error(f"Failed to send notification: {error}")
        if not given.optional:
            raise


async def post_once(ctx: ActionContext[Any], given: Notification) -> None:
    """Send a notification once per step and title."""

    async def send(_marker: str) -> bool:
        await _send(ctx, given)
        return True

    await ctx.effect(f"send.notification.{given.title}", create=send, if_unknown="create")


async def _send(ctx: ActionContext[Any], given: Notification) -> None:
    """Post as this service: the plugin takes notifications from services only. The command line has a user's token."""
    own = ctx.services.own_token
    response = await ctx.backstage.request(
        "POST",
        f"/api/{_PLUGIN}",
        headers={"Content-Type": "application/json", "Accept": "application/json"},
        body=dump_json(given.body()),
        token=own(_PLUGIN) if own else ctx.token,
        timeout=_SECONDS,
    )
    if response.status >= _FIRST_ERROR:
        message = f"Failed to send notifications: Request failed with status {response.status}"
        raise ForeignError(message, answered=response.status)


ACTIONS: tuple[Action, ...] = (notification_send,)
