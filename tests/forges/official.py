"""Backstage's own module for a host, driven at a stand-in; for recording only, so nothing of it runs in tests."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

_SCRIPT = Path(__file__).with_name("official.cjs")


@dataclass
class Official:
    """The module's actions in a Node process."""

    process: asyncio.subprocess.Process

    async def ask(self, **request: Any) -> Any:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        line = await self.process.stdout.readline()
        return json.loads(line)


@asynccontextmanager
async def running(module: str, config: Any, hosts: Mapping[str, str] = MappingProxyType({})) -> AsyncIterator[Official]:
    """Start it, from the packages below ``BACKSTAGE_PY_ANCHOR``; ``hosts`` are in the place of others, by their URL."""
    process = await asyncio.create_subprocess_exec(
        "node",
        str(_SCRIPT),
        module,
        json.dumps(config),
        json.dumps(dict(hosts)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "NODE_NO_WARNINGS": "1"},
        limit=64 * 1024 * 1024,
    )
    try:
        yield Official(process)
    finally:
        process.kill()
        await process.wait()
