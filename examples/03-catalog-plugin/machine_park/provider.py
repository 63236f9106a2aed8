"""The provider: a CSV file with one machine per line, looked at again and again."""

import asyncio
import contextlib
import csv
import io
from pathlib import Path
from typing import Any

from backstage_py.plugin.catalog import ProviderConnection
from machine_park.kinds import API_VERSION


class MachinePark:
    """Provides the machines of a file.

    Args:
        file: columns name, system (may be empty), owner, cores.
        seconds: between two looks at the file.
    """

    name = "machine-park"

    def __init__(self, file: Path, seconds: float) -> None:
        self._file = file
        self._seconds = seconds
        self._watching: asyncio.Task[None] | None = None

    async def connect(self, connection: ProviderConnection) -> None:
        """Tell what there is, and go on doing so whenever the file has changed."""
        text = await asyncio.to_thread(self._file.read_text, "utf-8")
        await connection.apply_full(self._machines(text))
        self._watching = asyncio.create_task(self._watch(connection, text))

    async def close(self) -> None:
        """Stop looking."""
        if self._watching:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching

    async def _watch(self, connection: ProviderConnection, known: str) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            try:
                text = await asyncio.to_thread(self._file.read_text, "utf-8")
            except OSError:
                continue  # it is being replaced: what was there stays
            if text != known:
                known = text
                await connection.apply_full(self._machines(text))

    def _machines(self, text: str) -> list[dict[str, Any]]:
        return [self._machine(line) for line in csv.DictReader(io.StringIO(text))]

    def _machine(self, line: dict[str, str]) -> dict[str, Any]:
        place = f"machine-park:{self._file.name}"
        cores = line["cores"]
        spec = {"owner": line["owner"], "cores": int(cores) if cores.isdigit() else cores}
        return {
            "apiVersion": API_VERSION,
            "kind": "Machine",
            "metadata": {
                "name": line["name"],
                "annotations": {
                    "backstage.io/managed-by-location": place,
                    "backstage.io/managed-by-origin-location": place,
                },
            },
            "spec": {**spec, "system": line["system"]} if line["system"] else spec,
        }
