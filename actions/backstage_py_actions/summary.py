"""``notify:summary``: one message about what a task made, to Slack, Teams and Backstage's notifications."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backstage_py.integrations import github_reviews
from backstage_py.plugin import Action, ActionAttributes, ActionContext, BackstageError, JsonObject
from backstage_py_actions import _webhook, notifications, slack
from backstage_py_actions._builtin import builtin
from backstage_py_actions.notifications import Notification


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What was made, who approved it, and who is told."""

    title: str
    to: JsonObject
    repository_url: str | None = None
    staging_url: str | None = None
    dashboards: Sequence[Mapping[str, str]] = ()
    database: str | None = None
    approved_by: str | None = None
    approval_of: Sequence[str] = ()
    more: Mapping[str, str] | None = None

    def lines(self, requested_by: str | None = None, approvals: Sequence[str] = ()) -> Iterator[str]:
        """Yield a line for each thing that there is.

        Args:
            requested_by: the task's user.
            approvals: who approved pull requests, as their host says.
        """
        named = {"Repository": self.repository_url, "Staging": self.staging_url}
        named |= {f"Dashboard {one['title']}": one["url"] for one in self.dashboards}
        approved = "; ".join([*approvals, *([self.approved_by] if self.approved_by else [])])
        named |= {"Database": self.database, "Requested by": requested_by, "Approved by": approved}
        named |= self.more or {}
        yield from (f"{name}: {' '.join(value.split())}" for name, value in named.items() if value)


@builtin("notify:summary", Summary, dry_run=True, attributes=ActionAttributes(destructive=False), needs_workspace=False)
async def summary(ctx: ActionContext[Summary]) -> None:
    """Tell each once per step; one that cannot be told keeps no other from it, and ends the step behind them."""
    lines = list(ctx.input.lines(ctx.user.ref, await _approvals(ctx)))
    text = "\n".join([ctx.input.title, *(f"- {line}" for line in lines)])
    ctx.output("message", text)
    faults: list[BackstageError] = []
    for name, given in sorted(ctx.input.to.items()):
        if ctx.is_dry_run:
            ctx.logger.info(f"{name} would be told: {text}")
            continue
        try:
            await _SENDERS[name](ctx, given, text, lines)
        except BackstageError as error:
            ctx.logger.error(f"{name} was not told: {error.message}")
            faults.append(error)
    if faults:
        raise faults[0]


async def _approvals(ctx: ActionContext[Summary]) -> list[str]:
    """Return who approved each pull request that is named; a dry run asks nobody."""
    urls = [] if ctx.is_dry_run else [one for one in ctx.input.approval_of if one]
    return [f"{await github_reviews.approval(ctx.services.integrations, url)} ({url})" for url in urls]


async def _slack(ctx: ActionContext[Summary], given: JsonObject, text: str, _lines: Sequence[str]) -> None:
    """Send it to a conversation if there is one, else to the webhook; what Slack reads as markup is shown as it is."""
    shown = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    section = (ctx.services.config or {}).get("slack") or {}
    channel, name = given.get("conversationId"), given.get("conversationName")
    if channel or name:
        await slack.post_once(ctx, slack.Conversation(shown, channel, name))
        return
    await _webhook.post_once(ctx, "Slack", section, given.get("webhookUrl"), {"text": shown})


async def _teams(ctx: ActionContext[Summary], given: JsonObject, text: str, _lines: Sequence[str]) -> None:
    section = (ctx.services.config or {}).get("ms-teams") or {}
    await _webhook.post_once(ctx, "Teams", section, given.get("webhookUrl"), {"text": text})


async def _backstage(ctx: ActionContext[Summary], given: JsonObject, _text: str, lines: Sequence[str]) -> None:
    refs, told = given.get("entityRefs"), ctx.input
    notification = Notification(
        recipients="entity" if refs else "broadcast",
        title=told.title,
        entity_refs=refs,
        info="\n".join(lines),
        link=told.staging_url or told.repository_url,
    )
    await notifications.post_once(ctx, notification)


_SENDERS: Mapping[str, Any] = {"slack": _slack, "teams": _teams, "backstage": _backstage}

ACTIONS: tuple[Action, ...] = (summary,)
