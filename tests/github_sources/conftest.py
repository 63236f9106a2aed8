"""A host for each test."""

from collections.abc import AsyncIterator

import pytest

from tests.github_sources import host as hosts
from tests.github_sources.host import GithubHost


@pytest.fixture
async def host() -> AsyncIterator[GithubHost]:
    async with hosts.running() as running:
        yield running
