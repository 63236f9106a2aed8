"""A scaffolder on a database file, with a catalog that is a dict and actions that a test defines."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from backstage_py.identity.principals import Credentials, UserPrincipal
from backstage_py.model import entity_ref
from backstage_py.model.task import TaskEvent
from backstage_py.plugin import Action, ActionRegistry, Services
from backstage_py.plugin.services import CatalogClient
from backstage_py.settings.sections import AuthSettings, ScaffolderSettings
from backstage_py.storage.database import Database
from backstage_py.wiring import keys
from backstage_py.wiring.scaffolder import Scaffolder
from tests import patience
from tests.storage import fresh

GUEST = Credentials(UserPrincipal("user:development/guest"), "guest-token-of-the-test")
USER = {
    "apiVersion": "backstage.io/v1alpha1",
    "kind": "User",
    "metadata": {"name": "guest", "namespace": "development", "etag": "u1"},
    "spec": {"memberOf": []},
}


database_url: ContextVar[str] = ContextVar("database_url", default="")
"""The database of a test's scaffolders; a file in the test's folder unless it is set."""


class Catalog:
    """Answers for the entities that a test puts into it.

    Attributes:
        stored: gets what it cannot do itself, and is asked for what it does not have.
    """

    def __init__(self) -> None:
        self.entities: dict[str, dict[str, Any]] = {}
        self.stored: CatalogClient | None = None
        self.add(USER)

    def add(self, entity: dict[str, Any]) -> str:
        ref = entity_ref.of(entity)
        self.entities[ref] = entity
        return ref

    async def entities_by_refs(self, refs: Sequence[str], *, token: str | None) -> list[dict[str, Any] | None]:
        if self.stored and not all(ref in self.entities for ref in refs):
            return list(await self.stored.entities_by_refs(refs, token=token))
        return [self.entities.get(ref) for ref in refs]

    async def add_location(self, target: str, *, token: str | None, type: str = "url") -> dict[str, Any]:  # noqa: A002
        if self.stored is None:
            raise NotImplementedError
        return await self.stored.add_location(target, token=token, type=type)

    async def preview_location(self, target: str, *, token: str | None, type: str = "url") -> dict[str, Any]:  # noqa: A002
        raise NotImplementedError

    async def refresh(self, entity_ref: str, *, token: str | None) -> None:
        raise NotImplementedError


def template(*steps: Mapping[str, Any], name: str = "t", **spec: Any) -> dict[str, Any]:
    """Return a template entity with these steps."""
    return {
        "apiVersion": "scaffolder.backstage.io/v1beta3",
        "kind": "Template",
        "metadata": {"name": name},
        "spec": {"owner": "team", "type": "service", "steps": list(steps), **spec},
    }


@dataclass
class World:
    """What a test acts on."""

    scaffolder: Scaffolder
    catalog: Catalog
    database: Database
    credentials: Credentials = GUEST
    _running: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def start(self) -> None:
        """Run tasks from now on."""
        await self._running.enter_async_context(self.scaffolder.running())

    async def stop(self) -> None:
        """Let running tasks finish their step."""
        await self._running.aclose()

    async def create(
        self, entity: dict[str, Any], values: Mapping[str, Any] | None = None, secrets: Mapping[str, str] | None = None
    ) -> str:
        ref = self.catalog.add(entity)
        return await self.scaffolder.service.create(ref, dict(values or {}), secrets or {}, self.credentials)

    async def run(
        self, entity: dict[str, Any], values: Mapping[str, Any] | None = None, secrets: Mapping[str, str] | None = None
    ) -> list[TaskEvent]:
        """Run a task to its end and return its events."""
        return await self.events(await self.create(entity, values, secrets))

    async def events(self, task_id: str, after: int | None = None) -> list[TaskEvent]:
        """Follow a task to its end."""
        found: list[TaskEvent] = []
        async with patience.bounded():
            async for batch in await self.scaffolder.service.event_stream(task_id, after):
                found += [event for event, _ in batch]
        return found


@asynccontextmanager
async def world(
    folder: Path,
    *actions: Action,
    settings: ScaffolderSettings | None = None,
    auth: AuthSettings | None = None,
    services: Services | None = None,
    start: bool = True,
    grace: float = 0.2,
    registry: ActionRegistry | None = None,
) -> AsyncIterator[World]:
    """Open a scaffolder; its worker runs unless ``start`` is False. ``registry`` holds actions that are loaded."""
    async with AsyncExitStack() as stack:
        database = Database(database_url.get() or f"sqlite:///{folder / 'tasks.sqlite'}")
        await stack.enter_async_context(database.running())
        await fresh.upgrade(database)
        settings = replace(settings or ScaffolderSettings(), shutdown_timeout=grace)
        kept = await stack.enter_async_context(keys.opened(database, auth or AuthSettings(), settings, folder / "work"))
        catalog = Catalog()
        registry = registry or ActionRegistry()
        for action in actions:
            registry.add(action)
        scaffolder = Scaffolder(
            database,
            registry,
            settings,
            replace(services or Services(), catalog=catalog),
            kept.box,
            working_directory=folder / "work",
        )
        opened = World(scaffolder, catalog, database)
        if start:
            await opened.start()
        try:
            yield opened
        finally:
            await opened.stop()


def messages(events: Sequence[TaskEvent]) -> list[str]:
    """Return the events' messages."""
    return [str(body(event).get("message")) for event in events]


def body(event: TaskEvent) -> dict[str, Any]:
    """Return an event's body."""
    parsed: dict[str, Any] = json.loads(event.body)
    return parsed


def log(events: Sequence[TaskEvent]) -> list[tuple[str | None, str | None, str]]:
    """Return ``(step, status, message)`` of each event, without colours."""
    plain = ((body(event)) for event in events)
    return [
        (
            one.get("stepId"),
            one.get("status"),
            str(one.get("message", "")).replace("\x1b[32m", "").replace("\x1b[39m", ""),
        )
        for one in plain
    ]


def is_alive(pid: int) -> bool:
    """Say whether a process runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
