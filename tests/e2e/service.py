"""``backstage-py serve`` as a process of its own, for tests that need the real thing."""

import asyncio
import contextlib
import signal
import sys
from pathlib import Path

import yaml

from backstage_py.cli.client import ApiClient
from backstage_py.errors import BackstageError
from backstage_py.model.json import JsonObject
from tests import patience
from tests.contract.harness import free_port


class RunningService:
    """A service in a folder of its own, with guest sign-in and the given catalog files.

    Args:
        folder: for its database, configuration and log.
        locations: files that the catalog reads.
        more: further configuration, merged over ours key by key at the top level; objects there are merged too.
    """

    def __init__(self, folder: Path, locations: list[Path], more: JsonObject | None = None) -> None:
        self.folder = folder
        self.database = folder / "backstage-py.sqlite"
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self._config = folder / "app-config.yaml"
        ours = self._configuration(locations)
        theirs = {
            key: {**ours.get(key, {}), **value} if isinstance(value, dict) else value
            for key, value in (more or {}).items()
        }
        self._config.write_text(yaml.safe_dump({**ours, **theirs}))
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """Of its process."""
        assert self._process
        return self._process.pid

    async def start(self) -> None:
        """Start it and return when it answers."""
        command = [sys.executable, "-m", "backstage_py.cli", "serve", "--config", str(self._config)]
        with (self.folder / "service.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
        async with ApiClient(self.base_url) as api:
            try:
                await api.wait_until_ready(patience.SECONDS)
            except BackstageError as error:
                raise AssertionError((self.folder / "service.log").read_text()) from error

    async def until_read(self, kind: str, namespace: str, name: str, api: ApiClient) -> None:
        """Return when the catalog has an entity."""

        async def is_read() -> bool:
            with contextlib.suppress(BackstageError):
                await api.entity(kind, namespace, name)
                return True
            return False

        await patience.until_answered(
            is_read, f"{kind}:{namespace}/{name} is read; {self.folder}/service.log tells more"
        )

    async def kill(self, number: signal.Signals) -> int:
        """Send a signal and return the exit status."""
        assert self._process
        self._process.send_signal(number)
        return await self._process.wait()

    async def stop(self) -> None:
        """Stop it as an operator would."""
        if self._process and self._process.returncode is None:
            await self.kill(signal.SIGTERM)

    def _configuration(self, locations: list[Path]) -> JsonObject:
        kinds = ["Component", "API", "Resource", "System", "Location", "Template", "Group", "User", "Domain"]
        return {
            "app": {"baseUrl": self.base_url},
            "backend": {
                "baseUrl": self.base_url,
                "listen": {"host": "127.0.0.1", "port": self.port},
                "database": {"client": "better-sqlite3", "connection": {"filename": str(self.database)}},
                "workingDirectory": str(self.database.with_name("work")),
                "reading": {"allow": [{"host": "127.0.0.1:9"}]},
            },
            "auth": {"providers": {"guest": {}}},
            "catalog": {
                "rules": [{"allow": kinds}],
                "locations": [{"type": "file", "target": str(location)} for location in locations],
            },
        }
