from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.model.scm import ScmIntegration
from backstage_py.plugin import Services
from tests.actions.harness import Catalog, Task
from tests.forges import (
    azure_cases,
    azure_host,
    bitbucket_cloud_host,
    bitbucket_server_cases,
    bitbucket_server_host,
    github_cases,
    github_host,
    gitlab_host,
)
from tests.forges.azure_host import Azure
from tests.forges.bitbucket_cloud_host import Cloud
from tests.forges.bitbucket_server_host import Server
from tests.forges.github_host import Github
from tests.forges.gitlab_world import Gitlab


@pytest.fixture
async def github(tmp_path: Path) -> AsyncIterator[Github]:
    async with github_host.serve(tmp_path / "host") as running:
        yield running


@pytest.fixture
def github_task(tmp_path: Path, github: Github) -> Task:
    """A task whose ``github.com`` is the stand-in; its catalog knows the people of the examples."""
    [one] = github_cases.integrations(github.base.url, github.base.token)["github"]
    host = ScmIntegration("github", one["host"], "", one["apiBaseUrl"], one["rawBaseUrl"], one["token"], {})
    people = {"group:default/team-a": ("Group", "team-a"), "user:default/johndoe": ("User", "johndoe")}
    catalog = Catalog({ref: {"kind": kind, "metadata": {"name": name}} for ref, (kind, name) in people.items()})
    return Task(tmp_path / "task", Services(catalog=catalog, integrations=ScmRegistry([host]), config={}))


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


@pytest.fixture
async def bitbucket_cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    async with bitbucket_cloud_host.serve(tmp_path / "host") as running:
        yield running


@pytest.fixture
def bitbucket_cloud_task(tmp_path: Path, bitbucket_cloud: Cloud) -> Task:
    """A task whose ``bitbucket.org`` is the stand-in."""
    base = bitbucket_cloud.base
    options = {"baseUrl": base.url, "username": "ada"}
    host = ScmIntegration("bitbucketCloud", "bitbucket.org", "", f"{base.url}/2.0", None, base.token, options)
    return Task(tmp_path / "task", Services(integrations=ScmRegistry([host]), config={}))


@pytest.fixture
async def bitbucket_server(tmp_path: Path) -> AsyncIterator[Server]:
    async with bitbucket_server_host.serve(tmp_path / "host") as running:
        yield running


@pytest.fixture
def bitbucket_server_task(tmp_path: Path, bitbucket_server: Server) -> Task:
    """A task whose Bitbucket Servers are the stand-in; one of them has no credentials."""
    base = bitbucket_server.base
    hosts = [
        ScmIntegration("bitbucketServer", one["host"], "", one["apiBaseUrl"], None, one.get("token"), {})
        for one in bitbucket_server_cases.integrations(base.url, base.token)
    ]
    return Task(tmp_path / "task", Services(integrations=ScmRegistry(hosts), config={}))


@pytest.fixture
async def azure(tmp_path: Path) -> AsyncIterator[Azure]:
    async with azure_host.serve(tmp_path / "host") as running:
        yield running


@pytest.fixture
def azure_task(tmp_path: Path, azure: Azure) -> Task:
    """A task whose ``dev.azure.com`` and another host of Azure DevOps are the stand-in."""
    options = {"baseUrl": azure.base.url, "credentials": [{"personalAccessToken": azure.base.token}]}
    hosts = [ScmIntegration("azure", one, "", None, None, None, options) for one in azure_cases.HOSTS]
    hosts.append(ScmIntegration("azure", azure.base.url.partition("://")[2], "", None, None, None, options))
    return Task(tmp_path / "task", Services(integrations=ScmRegistry(hosts), config={}))
