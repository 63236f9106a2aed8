"""A replica of a catalog as a process of its own, whose effects are lines of a file; see ``main`` for the arguments."""

import asyncio
import os
import sys
from pathlib import Path

from backstage_py.model import entity as entities
from backstage_py.model.json import JsonObject
from backstage_py.model.location_ref import LocationRef
from backstage_py.plugin.catalog import CatalogPlugins, ProcessingContext, Processor, ProviderConnection
from tests.catalog.harness import catalog


class Effects:
    """Lines that replicas append: who did what."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def add(self, who: str, what: str) -> None:
        with self.file.open("a", encoding="utf-8") as lines:
            lines.write(f"{who} {what}\n")

    def all(self, what: str = "") -> list[str]:
        """Return who did what, in the order in which it was done."""
        lines = self.file.read_text(encoding="utf-8").splitlines() if self.file.exists() else []
        return [line for line in lines if what in line]


class Slow(Processor):
    """Reads locations of the type ``slow``: for so many seconds, and as long as a file of their name is there."""

    location_types = ("slow",)

    def __init__(self, who: str, effects: Effects, seconds: float) -> None:
        super().__init__()
        self.who, self.effects, self.seconds = who, effects, seconds

    async def read_location(self, location: LocationRef, *, optional: bool, context: ProcessingContext) -> bool:
        if location.type != "slow":
            return False
        name = location.target
        self.effects.add(self.who, f"read {name}")
        await asyncio.sleep(self.seconds)
        while self.effects.file.with_name(f"hold-{self.who}").exists():  # noqa: ASYNC110  # another process removes it
            await asyncio.sleep(0.05)
        spec = {"type": "service", "lifecycle": self.who, "owner": "team-a"}
        made = {"apiVersion": "backstage.io/v1alpha1", "kind": "Component", "metadata": {"name": name}}
        context.emit.entity({**made, "spec": spec}, location)
        return True


class Inventory:
    """Provides one entity, and notes when it is connected, refreshed and closed."""

    name = "inventory"

    def __init__(self, who: str, effects: Effects, period: float = 3600.0) -> None:
        self.who, self.effects, self.period = who, effects, period
        self.connection: ProviderConnection | None = None

    async def connect(self, connection: ProviderConnection) -> None:
        self.connection = connection
        self.effects.add(self.who, "connected")
        await connection.apply_full([machine("m-1", self.who)])
        connection.every(self.period, self.refresh)

    async def refresh(self) -> None:
        self.effects.add(self.who, "refreshed")

    async def close(self) -> None:
        self.effects.add(self.who, "closed")


def machine(name: str, owner: str) -> JsonObject:
    place = {entities.MANAGED_BY: "inventory:here", entities.ORIGIN: "inventory:here"}
    return {
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "Resource",
        "metadata": {"name": name, "annotations": place},
        "spec": {"type": "machine", "owner": owner},
    }


def plugins(who: str, effects: Effects, *, seconds: float = 0.0, period: float = 3600.0) -> CatalogPlugins:
    return CatalogPlugins([Slow(who, effects, seconds)], [Inventory(who, effects, period)])


async def main(who: str, folder: str, url: str, lease: str) -> None:
    effects = Effects(Path(folder) / "effects")
    async with catalog(Path(folder), database_url=url, plugins=plugins(who, effects), lease=float(lease), rests=False):
        effects.add(who, f"started {os.getpid()}")
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
