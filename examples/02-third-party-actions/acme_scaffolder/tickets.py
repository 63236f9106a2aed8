"""Tickets: they are kept by a plugin of Backstage, which is called as the user."""

from dataclasses import dataclass
from typing import Literal, TypedDict

from backstage_py.plugin import ActionContext, ActionExample, Json, RetryPolicy, action


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


class Opened(TypedDict):
    """A ticket as the task keeps it."""

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
    """Open a ticket in the name of the user, once per task: also when the answer gets lost or the service dies."""

    async def create(marker: str) -> Opened:
        body = {"title": ctx.input.title, "priority": ctx.input.priority, "origin": marker}
        return _opened((await ctx.http.post("/api/tickets", body)).json())

    async def find(marker: str) -> Opened | None:
        found = (await ctx.http.get("/api/tickets", params={"origin": marker})).json()
        return _opened(found[0]) if found else None

    ticket = await ctx.effect("ticket", create=create, find=find)
    ctx.logger.info(f"Opened ticket {ticket['number']}")
    return Created(ticket["number"], ticket["url"])


def _opened(ticket: Json) -> Opened:
    return {"number": int(ticket["number"]), "url": str(ticket["url"])}
