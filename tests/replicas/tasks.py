"""Tasks that are started, followed, failed and retried while faults happen, and all that was seen of them."""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.replicas.client import PATIENCE, Client


@dataclass(slots=True)
class Followed:
    """A task and what a client saw of it.

    Attributes:
        template: its name; what its steps do stands in ``parts/catalog/templates.yaml``.
        secret: given to it; nobody may see it again.
        seen: events in the order in which they came.
        retries: how often it was opened again.
        is_cancelled: somebody asked for that.
    """

    id: str
    template: str
    secret: str
    seen: list[dict[str, Any]] = field(default_factory=list)
    retries: int = 0
    is_cancelled: bool = False

    @property
    def last(self) -> int | None:
        """The newest event that was seen."""
        return int(self.seen[-1]["id"]) if self.seen else None


@dataclass(frozen=True, slots=True)
class Tasks:
    """Starts tasks and follows them to their end."""

    client: Client
    followed: dict[str, Followed] = field(default_factory=dict)

    async def run(self, template: str, values: Mapping[str, Any]) -> Followed:
        """Start a task and return when it has ended."""
        one = await self.start(template, values)
        await self.follow(one)
        return one

    async def start(self, template: str, values: Mapping[str, Any]) -> Followed:
        """Start a task."""
        secret = f"secret-{secrets.token_hex(8)}"
        task_id = await self.client.create(template, dict(values), {"tok": secret})
        one = self.followed[task_id] = Followed(task_id, template, secret)
        return one

    async def follow(self, one: Followed) -> None:
        """Follow a task until its completion."""
        try:
            async with asyncio.timeout(PATIENCE):
                async for event in self.client.follow(one.id, one.last):
                    one.seen.append(event)
        except TimeoutError:
            self.client.history.complain(f"task {one.id} has no completion after {PATIENCE:g} s")

    async def cancel(self, one: Followed) -> None:
        """Ask for its end."""
        one.is_cancelled = True
        await self.client.ask("POST", f"/api/scaffolder/v2/tasks/{one.id}/cancel")

    async def run_and_retry(self, template: str, values: Mapping[str, Any]) -> Followed:
        """Run a task that fails, retry it the moment it has failed, and return when it has ended again."""
        one = await self.run(template, values)
        path = f"/api/scaffolder/v2/tasks/{one.id}"
        await self.client.ask("POST", f"{path}/retry", {"secrets": {"tok": one.secret}}, accept=(409,))
        one.retries += 1
        await self.follow(one)
        await self._follow_on(one)
        return one

    async def catch_up(self) -> None:
        """Follow what was opened again later: a request that its client has given up may still be carried out."""
        for one in self.followed.values():
            if one.retries:
                await self._follow_on(one)

    async def _follow_on(self, one: Followed) -> None:
        while await self._newest(one) > (one.last or 0):  # the answer was lost, and it was retried once more
            await self.follow(one)

    async def _newest(self, one: Followed) -> int:
        events = await self.client.ask("GET", f"/api/scaffolder/v2/tasks/{one.id}/events")
        return max(int(event["id"]) for event in events)


def types_of(events: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the types of events."""
    return [str(event["type"]) for event in events]
