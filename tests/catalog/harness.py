"""A catalog on a database of its own, with a web whose pages a test writes."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from backstage_py.catalog.service import CatalogService
from backstage_py.errors import BackstageError, NotFoundError
from backstage_py.model import entity as entities
from backstage_py.model.http import UrlContent
from backstage_py.plugin.catalog import CatalogPlugins
from backstage_py.settings.sections import AllowedKind, CatalogLocation, CatalogRule, CatalogSettings
from backstage_py.storage.database import Database
from tests import patience
from tests.storage import fresh

KINDS = ("Component", "API", "System", "Domain", "Resource", "Group", "User", "Location", "Template")
RULES = (CatalogRule(tuple(AllowedKind(kind) for kind in KINDS)),)
HOST = "https://host.example"


@dataclass
class Web:
    """Implements ``UrlReader``: pages by path, with an ETag that is their content's."""

    pages: dict[str, str | bytes] = field(default_factory=dict)
    failing: dict[str, Exception] = field(default_factory=dict)
    hanging: set[str] = field(default_factory=set)
    reads: list[str] = field(default_factory=list)
    answered_unchanged: int = 0

    async def read(self, url: str, *, etag: str | None = None, token: str | None = None) -> UrlContent | None:
        path = url.removeprefix(HOST)
        self.reads.append(path)
        if path in self.hanging:
            await asyncio.Event().wait()
        if path in self.failing:
            raise self.failing[path]
        if path not in self.pages:
            raise NotFoundError(f"{url} could not be found")
        page = self.pages[path]
        content = page.encode() if isinstance(page, str) else page
        version = entities.digest(content)
        if etag == version:
            self.answered_unchanged += 1
            return None
        return UrlContent(content, version)

    async def read_tree(
        self, url: str, target: Path, *, etag: str | None = None, token: str | None = None
    ) -> str | None:
        root = url.removeprefix(HOST).replace("/tree/", "/blob/", 1)
        for path, page in self.pages.items():
            if path.startswith(f"{root}/"):
                file = target / path.removeprefix(f"{root}/")
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(page.encode() if isinstance(page, str) else page)
        return "a-tree"

    def resolve(self, url: str, base: str) -> str:
        return urljoin(base, url)

    def same_repository(self, url: str, base: str) -> bool:
        return urljoin(base, url).startswith(urljoin(base, "/"))


class World:
    """A running catalog, asked as its readers ask it."""

    def __init__(self, service: CatalogService, web: Web, database: Database) -> None:
        self.service = service
        self.web = web
        self.database = database

    async def register(self, path: str) -> dict[str, Any]:
        """Register a page and wait until the catalog is at rest."""
        location = (await self.service.register("url", HOST + path)).location
        await self.rest()
        return location

    async def rest(self) -> None:
        assert await self.service.settle(patience.SECONDS), "the catalog does not come to rest"

    async def refresh(self, ref: str) -> None:
        await self.service.refresh(ref)
        await self.rest()

    async def entity(self, ref: str) -> dict[str, Any]:
        [text] = await self.service.reader.by_refs([ref])
        assert text is not None, f"{ref} is not in the catalog"
        found: dict[str, Any] = json.loads(text)
        return found

    async def has(self, ref: str) -> bool:
        return await self.service.reader.by_refs([ref]) != [None]

    async def refs(self) -> set[str]:
        """Return all entities but those that stand for registered locations."""
        texts = await self.service.reader.all(None)
        found = {ref_of(json.loads(text)) for text in texts}
        return {ref for ref in found if "generated-" not in ref}

    async def problems(self, ref: str) -> list[str]:
        """Return the messages of an entity's status."""
        status = (await self.entity(ref)).get("status", {})
        assert all(item["level"] == "error" for item in status.get("items", []))
        return [item["message"] for item in status.get("items", [])]

    async def until(self, ref: str) -> dict[str, Any]:
        """Return an entity as soon as it is there."""
        await patience.until_answered(lambda: self.has(ref), f"{ref} is there")
        return await self.entity(ref)


def ref_of(entity: Mapping[str, Any]) -> str:
    metadata = entity["metadata"]
    return f"{entity['kind']}:{metadata.get('namespace', 'default')}/{metadata['name']}".lower()


@contextlib.asynccontextmanager
async def catalog(
    folder: Path,
    web: Web | None = None,
    *,
    locations: tuple[CatalogLocation, ...] = (),
    rules: tuple[CatalogRule, ...] = RULES,
    plugins: CatalogPlugins | None = None,
    database_url: str | None = None,
    rests: bool = True,
    **settings: Any,
) -> AsyncIterator[World]:
    """Run a catalog in a folder, or on another database; the same one again is a restart.

    ``rests``: the block is entered when nothing is left to do.
    """
    database = Database(database_url or f"sqlite:///{folder / 'catalog.sqlite'}")
    await fresh.upgrade(database)
    used = web or Web()
    service = CatalogService(
        database, used, CatalogSettings(locations=locations, rules=rules, **settings), plugins=plugins
    )
    async with database.running(), service.running():
        world = World(service, used, database)
        if rests:
            await world.rest()
        yield world


def component(name: str, owner: str = "team-a", **spec: str) -> str:
    more = "".join(f"  {key}: {value}\n" for key, value in spec.items())
    return (
        f"apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: {name}\n"
        f"spec:\n  type: service\n  lifecycle: production\n  owner: {owner}\n{more}"
    )


def group(name: str) -> str:
    return (
        f"apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata:\n  name: {name}\n"
        "spec:\n  type: team\n  children: []\n"
    )


def location(name: str, *targets: str) -> str:
    listed = "".join(f"    - {target}\n" for target in targets)
    return f"apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata:\n  name: {name}\nspec:\n  targets:\n{listed}"


def documents(*texts: str) -> str:
    return "---\n".join(texts)


def failure(status: int) -> BackstageError:
    """Return what the reader raises for an answer of a server that is in trouble."""
    from backstage_py.errors import ForeignError

    return ForeignError(f"could not read the file, {status} Internal Server Error")
