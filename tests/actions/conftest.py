import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.integrations.hosts.url_reading import UrlReading, listed
from backstage_py.integrations.web.http import HttpClient
from backstage_py.model.scm import ScmIntegration
from backstage_py.plugin import Services
from backstage_py.sandbox.server import Sandbox, serve_sandbox
from tests.actions.harness import Catalog, Plugins, Task
from tests.cluster.calls import Api
from tests.integrations.kube_server import KubeServer


@pytest.fixture
def catalog() -> Catalog:
    return Catalog()


@pytest.fixture
def plugins() -> Plugins:
    return Plugins()


@pytest.fixture
def admin(server: KubeServer) -> Api:
    """The API server of a module, for what its tests prepare and look at."""
    return server.api


@pytest.fixture
def place(admin: Api) -> str:
    """A namespace of the test's own there."""
    name = f"test-{secrets.token_hex(4)}"
    admin.post("/api/v1/namespaces", {"metadata": {"name": name}})
    return name


@pytest.fixture
def task(tmp_path: Path, catalog: Catalog, plugins: Plugins) -> Task:
    registry = ScmRegistry()
    services = Services(
        catalog=catalog,
        backstage=plugins,
        integrations=registry,
        url_reader=UrlReading(HttpClient(), registry),
        config={},
    )
    return Task(tmp_path / "task", services)


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    async with serve_sandbox(tmp_path / "sandbox") as running:
        yield running


@pytest.fixture
async def github_task(tmp_path: Path, sandbox: Sandbox, catalog: Catalog) -> AsyncIterator[Task]:
    """A task whose ``github.com`` is the sandbox."""
    registry = ScmRegistry(
        ScmIntegration("github", one["host"], one["host"], one["apiBaseUrl"], one["rawBaseUrl"], one["token"], {})
        for one in sandbox.integrations
    )
    async with HttpClient(listed(registry, ())) as http:
        reader = UrlReading(http, registry)
        services = Services(catalog=catalog, integrations=registry, url_reader=reader, config={})
        yield Task(tmp_path / "task", services)
