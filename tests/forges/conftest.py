from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.model.scm import ScmIntegration
from backstage_py.plugin import Services
from tests.actions.harness import Task
from tests.forges import gitlab_host
from tests.forges.gitlab_host import Gitlab


@pytest.fixture
async def gitlab(tmp_path: Path) -> AsyncIterator[Gitlab]:
    async with gitlab_host.serve(tmp_path / "host") as running:
        yield running


@pytest.fixture
def gitlab_task(tmp_path: Path, gitlab: Gitlab) -> Task:
    """A task whose ``gitlab.com`` is the stand-in."""
    url = gitlab.base.url
    host = ScmIntegration("gitlab", "gitlab.com", "gitlab.com", f"{url}/api/v4", None, gitlab.base.token, {})
    return Task(tmp_path / "task", Services(integrations=ScmRegistry([host]), config={}))
