"""Tickets: they are kept by a plugin of Backstage, which is called as the user."""

from dataclasses import dataclass
from typing import Literal

from backstage_py.plugin import ActionContext, ActionExample, RetryPolicy, action


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a template gives."""

    title: str
    priority: Literal["low", "high"] = "low"


@dataclass(frozen=True, slots=True)
class Created:
    """What later steps can use."""

    number: int
    url: str


@action(
    "acme:ticket:create",
    Ticket,
    output=Created,
    needs_workspace=False,
    retry=RetryPolicy(attempts=3, first_wait=1),
    timeout=30,
    examples=(
        ActionExample(
            "Open a ticket",
            "steps:\n  - id: ticket\n    action: acme:ticket:create\n    input: {title: New service, priority: high}\n",
        ),
    ),
)
async def create_ticket(ctx: ActionContext[Ticket]) -> Created:
    """Open a ticket in the name of the user, once per task."""

    async def send() -> dict[str, object]:
        answer = await ctx.http.post("/api/tickets", {"title": ctx.input.title, "priority": ctx.input.priority})
        created: dict[str, object] = answer.json()
        return created

    ticket = await ctx.checkpoint("ticket", send)
    ctx.logger.info(f"Opened ticket {ticket['number']}")
    return Created(int(ticket["number"]), str(ticket["url"]))
