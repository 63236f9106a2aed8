"""Catalog plugins whose work is noted outside: who reads a location when, and who has connected the provider."""

import asyncio
import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any

from backstage_py.errors import ConflictError, ServiceUnavailableError
from backstage_py.plugin.catalog import LocationRef, ProcessingContext, Processor, ProviderConnection

_PROVIDED = "chaos-provider:all"
_TURN = 0.1
_STILL = 0.3
"""Seconds: how often the event loop is to turn, and after how long without a turn it stood still."""


def note(what: str, location: str, **more: Any) -> None:
    """Append a line, as the actions do."""
    line = {"at": time.monotonic(), "pid": os.getpid(), "replica": os.environ["CHAOS_REPLICA"]}
    line |= {"what": what, "location": location, **more}
    handle = os.open(os.environ["CHAOS_EFFECTS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(handle, json.dumps(line).encode() + b"\n")
    finally:
        os.close(handle)


def component(name: str, location: str, version: int) -> dict[str, Any]:
    """Return an entity."""
    return {
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "Component",
        "metadata": {
            "name": name,
            "annotations": {
                "backstage.io/managed-by-location": location,
                "backstage.io/managed-by-origin-location": location,
                "chaos/version": str(version),
            },
        },
        "spec": {"type": "service", "lifecycle": "production", "owner": "team-chaos"},
    }


class ChaosLocations(Processor):
    """Reads locations of the type ``chaos``: JSON files with a version, a number of entities and seconds."""

    location_types = ("chaos",)

    async def read_location(self, location: LocationRef, *, optional: bool, context: ProcessingContext) -> bool:
        """Emit what the file says, slowly."""
        del optional
        if location.type != "chaos":
            return False
        note("reading", location.target)
        said = json.loads((Path(os.environ["CHAOS_CATALOG"]) / f"{location.target}.json").read_text())
        await asyncio.sleep(said["seconds"])
        for number in range(said["count"]):
            name = f"{location.target}-{number}"
            context.emit.entity(component(name, f"chaos:{location.target}", said["version"]), location)
        note("read", location.target, version=said["version"])
        return True


class ChaosProvider:
    """Brings one entity, and notes by whom it is connected, and when its event loop stood still meanwhile."""

    name = "chaos"

    def __init__(self) -> None:
        self._turned = 0.0
        self._turning: asyncio.Task[None] | None = None
        self._connection: ProviderConnection | None = None
        self._last_words: set[asyncio.Task[None]] = set()

    async def connect(self, connection: ProviderConnection) -> None:
        """Tell what there is."""
        note("connected", self.name)
        self._connection, self._turned = connection, time.monotonic()
        self._turning = asyncio.create_task(self._turn())
        await connection.apply_full([component("provided", _PROVIDED, 1)])

    async def close(self) -> None:
        """Note the end, and say something more: whoever is connected next says otherwise, or this is refused."""
        self._look()
        note("closed", self.name)
        if self._turning:
            self._turning.cancel()
        word = asyncio.create_task(self._say_more(self._connection))
        self._last_words.add(word)
        word.add_done_callback(self._last_words.discard)

    async def _turn(self) -> None:
        while True:
            await asyncio.sleep(_TURN)
            self._look()

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._turned > _STILL:
            note("stood still", self.name, since=self._turned)
        self._turned = now

    @staticmethod
    async def _say_more(connection: ProviderConnection | None) -> None:
        if connection:
            with contextlib.suppress(ServiceUnavailableError, ConflictError):
                await connection.apply_delta(added=[component("provided", _PROVIDED, 0)])


CATALOG = (ChaosLocations(), ChaosProvider())
