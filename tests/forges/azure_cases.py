"""The scene of the cases for Azure DevOps, and cases beyond the examples of the two modules for it."""

from pathlib import Path
from typing import Any

from tests.forges import scenes
from tests.forges.azure_host import Azure
from tests.forges.differences import Case

_NEW = "dev.azure.com?organization=organization&project=project&repo=shop"
HOSTS = ("dev.azure.com", "test.azure.com")

PUBLISH = [
    Case("taken", "publish:azure", {"repoUrl": "dev.azure.com?organization=organization&project=project&repo=there"}),
    Case("no organization", "publish:azure", {"repoUrl": "dev.azure.com?project=project&repo=shop"}),
    Case("no project", "publish:azure", {"repoUrl": "dev.azure.com?organization=organization&repo=shop"}),
    Case("unknown project", "publish:azure", {"repoUrl": "dev.azure.com?organization=organization&project=no&repo=s"}),
    Case("weak", "publish:azure", {"repoUrl": _NEW, "token": "weak"}),
    Case("user token", "publish:azure", {"repoUrl": _NEW}, config=(("requireScmUserCredentials", True),)),
]


def integrations(_url: str, token: str) -> Any:
    """Two hosts with a token."""
    credentials = [{"personalAccessToken": token}]
    return {"azure": [{"host": host, "credentials": credentials} for host in HOSTS]}


async def scene(azure: Azure, work: Path) -> None:
    """Projects, a repository with branches, and a workspace."""

    async def make() -> None:
        await azure.base.repository("organization/project/there", branch="main", files={"README.md": "hello\n"})
        await azure.base.commit("organization/project/there", "scaffolder", {"s.txt": "s"})
        await azure.base.commit("organization/project/there", "dev", {"d.txt": "d"})

    for project in ("project", "My Shop"):
        azure.add_project(project)
    await scenes.once(azure.base, "azure", make)
    await azure.add("organization", "project", "there")
    scenes.workspace(work, "path/to/source")
    azure.base.asked.clear()
