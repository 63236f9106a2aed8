"""Attacks act through public doors: a template's action input, a URL, a form, an account."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.actions.harness import Task
from tests.integrations.web_host import WebHost, serve


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return Task(tmp_path)


@pytest.fixture
async def victim() -> AsyncIterator[WebHost]:
    """A service on loopback that nobody listed."""
    async with serve() as running:
        yield running
