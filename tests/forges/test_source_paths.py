"""A folder that is not there is named before a host is asked for anything, so that no empty repository is left."""

from pathlib import Path
from typing import Any

import pytest

from backstage_py.errors import InputError
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.model.scm import ScmIntegration
from backstage_py.plugin import Services
from tests.actions.harness import Task

ENTRY = {"baseUrl": "http://127.0.0.1:9", "username": "ada", "password": "secret", "token": "secret"}
ACTIONS = {
    "publish:gitlab": ("gitlab", "gitlab.com?owner=acme&repo=shop"),
    "publish:gitea": ("gitea", "gitea.com?owner=acme&repo=shop"),
    "publish:gerrit": ("gerrit", "gerrit.com?workspace=parent&repo=shop"),
    "publish:bitbucketCloud": ("bitbucketCloud", "bitbucket.org?workspace=acme&project=P&repo=shop"),
    "publish:bitbucketServer": ("bitbucketServer", "hosted.bitbucket.com?project=P&repo=shop"),
    "publish:azure": ("azure", "dev.azure.com?organization=acme&project=P&repo=shop"),
}


@pytest.mark.parametrize("more", [{}, {"allowedHosts": ["any.example"]}], ids=["plain", "with an option of the form"])
@pytest.mark.parametrize("action", ACTIONS)
async def test_it_is_named(action: str, more: dict[str, Any], tmp_path: Path) -> None:
    kind, url = ACTIONS[action]
    host = url.partition("?")[0]
    described = {} if kind == "gitlab" else {"description": "The shop"}
    entry = ScmIntegration(kind, host, host, ENTRY["baseUrl"], None, "secret", {**ENTRY, "host": host})
    task = Task(tmp_path, Services(integrations=ScmRegistry([entry]), config={}))
    with pytest.raises(InputError, match="The workspace has no folder 'rendered' to publish; check 'sourcePath'"):
        await task.run(action, {"repoUrl": url, "sourcePath": "rendered", **described, **more})
