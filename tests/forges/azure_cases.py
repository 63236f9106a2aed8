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

_OF = {"organization": "organization", "project": "project"}
_HERE = {**_OF, "repoName": "there", "title": "T"}
_FILE = {"repository": "there", "pipelineYamlFile": "azure-pipelines.yml"}
_LOOK = {"pollingInterval": 0.01}
DEVOPS = [
    Case("pipeline", "azure:pipeline:create", {**_OF, **_FILE, "pipelineName": "shop"}),
    Case(
        "pipeline with all",
        "azure:pipeline:create",
        {
            **_OF,
            **_FILE,
            "pipelineName": "shop",
            "branch": "dev",
            "pipelineFolder": "\\team",
            "pipelineAgentPoolName": "own",
            "host": "test.azure.com",
            "token": "user-oauth",
        },
    ),
    Case("run", "azure:pipeline:run", {**_OF, "pipelineId": "42"}),
    Case("run and wait", "azure:pipeline:run", {**_OF, "pipelineId": "42", "branch": "dev", **_LOOK}),
    Case(
        "run with parameters",
        "azure:pipeline:run",
        {**_OF, "pipelineId": "42", "templateParameters": {"stage": "test"}, **_LOOK, "failIfNotSuccessful": True},
    ),
    Case("run without values", "azure:pipeline:run", {**_OF, "pipelineId": "42", "templateParameters": {}}),
    Case("run that fails", "azure:pipeline:run", {**_OF, "pipelineId": "7", **_LOOK, "failIfNotSuccessful": True}),
    Case("run too long", "azure:pipeline:run", {**_OF, "pipelineId": "42", **_LOOK, "pipelineTimeout": 0}),
    Case("run without looking", "azure:pipeline:run", {**_OF, "pipelineId": "42", "failIfNotSuccessful": True}),
    Case(
        "permit",
        "azure:pipeline:permit",
        {**_OF, "pipelineId": "42", "resourceType": "endpoint", "resourceId": "e-1", "authorized": True},
    ),
    Case(
        "permit a repository",
        "azure:pipeline:permit",
        {**_OF, "pipelineId": "42", "resourceType": "repository", "resourceId": "r-1", "authorized": False},
    ),
    Case(
        "permit what is not there",
        "azure:pipeline:permit",
        {**_OF, "pipelineId": "42", "resourceType": "endpoint", "resourceId": "none", "authorized": True},
    ),
    Case("request", "azure:pr:create", _HERE),
    Case(
        "request with all",
        "azure:pr:create",
        {
            **_HERE,
            "sourceBranch": "dev",
            "targetBranch": "main",
            "description": "why",
            "supportsIterations": True,
            "autoComplete": True,
            "mergeStrategy": "Squash",
            "workItemId": "7",
        },
    ),
    Case("a strategy that nothing uses", "azure:pr:create", {**_HERE, "mergeStrategy": "none"}),
    Case("no such branch", "azure:pr:create", {**_HERE, "sourceBranch": "none"}),
    Case("bad item", "azure:pr:create", {**_HERE, "workItemId": "seven"}),
    Case("no such repository", "azure:pr:create", {**_HERE, "repoName": "none"}),
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
