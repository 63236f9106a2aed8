from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from backstage_py.sandbox.server import Sandbox, serve_sandbox
from tests.sandbox.harness import Client


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    async with serve_sandbox(tmp_path / "sandbox") as running:
        yield running


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session:
        yield Client(sandbox, session)
