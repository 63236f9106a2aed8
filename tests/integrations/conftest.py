from collections.abc import AsyncIterator

import pytest

from tests.integrations.web_host import WebHost, serve


@pytest.fixture
async def web_host() -> AsyncIterator[WebHost]:
    async with serve() as host:
        yield host


@pytest.fixture
async def other_host() -> AsyncIterator[WebHost]:
    async with serve() as host:
        yield host
