"""Workers that are killed in the midst of publishing: there is one repository in the end, complete, and no error."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from backstage_py.integrations import git
from backstage_py.integrations.github import GithubApi
from backstage_py.model.task import TaskEvent
from backstage_py.plugin import Services, load_actions
from backstage_py.sandbox.server import Sandbox, serve_sandbox
from backstage_py.settings.sections import AuthSettings
from backstage_py.storage import migrate
from backstage_py.storage.database import Database
from backstage_py.wiring import keys
from backstage_py.wiring.scaffolder import Scaffolder
from tests.scaffolder.harness import Catalog, World, body, log, template
from tests.scaffolder.killable_worker import SETTINGS

API = "/api/v3/repos/acme/shop"
REQUESTS = [
    ("POST", "*/orgs/acme/repos"),
    ("POST", f"{API}/actions/variables"),
    ("POST", "/acme/shop.git/git-receive-pack"),
]
TEMPLATE = template(
    {"id": "w", "action": "roadiehq:utils:fs:write", "input": {"path": "main.go", "content": "package main\n"}},
    {
        "id": "publish",
        "action": "publish:github",
        "input": {
            "repoUrl": "github.com?owner=acme&repo=shop",
            "description": "The shop",
            "repoVariables": {"REGION": "eu", "ZONE": "a"},
            "secrets": {"KEY": "k"},
        },
    },
    output={"remoteUrl": "${{ steps.publish.output.remoteUrl }}"},
)


class Worker:
    """A process that is started again when it was killed."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        where = {"FOLDER": str(folder), "DATABASE": f"sqlite:///{folder / 'tasks.sqlite'}"}
        self._environment = {**os.environ, **where, "INTEGRATION": json.dumps(sandbox.integrations[0])}
        self._process: asyncio.subprocess.Process | None = None
        self.kills = 0

    def kill(self) -> None:
        """Kill it at this very moment."""
        assert self._process
        self._process.kill()
        self.kills += 1

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep a process running."""
        keeping = asyncio.create_task(self._keep())
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            if self._process and self._process.returncode is None:
                self._process.kill()
                await self._process.wait()

    async def _keep(self) -> None:
        while True:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.scaffolder.publishing_worker", env=self._environment
            )
            await self._process.wait()


def _behind(sandbox: Sandbox, method: str, path: str, kill: Callable[[], None]) -> None:
    """Kill when the request has arrived: it is done, and nobody hears of it."""
    sandbox.faults.before(method, path, kill)


def _before(sandbox: Sandbox, method: str, path: str, kill: Callable[[], None]) -> None:
    """Kill while the request is on its way: it is not done."""
    sandbox.faults.cut_request(method, path, kill)


@pytest.mark.thorough(sample=1)
@pytest.mark.timeout(300)
@pytest.mark.parametrize("at", [_behind, _before])
async def test_a_repository_is_complete_however_often_the_worker_was_killed(
    tmp_path: Path, at: Callable[[Sandbox, str, str, Callable[[], None]], None]
) -> None:
    work = tmp_path / "work"
    async with (
        Database(f"sqlite:///{tmp_path / 'tasks.sqlite'}").running() as database,
        serve_sandbox(tmp_path / "sandbox") as sandbox,
    ):
        await migrate.upgrade(database)
        async with keys.opened(database, AuthSettings(), SETTINGS, work) as kept:
            catalog = Catalog()
            services = Services(catalog=catalog)
            scaffolder = Scaffolder(
                database, load_actions(), SETTINGS, services, kept.box, working_directory=work, worker_limit=0
            )
            world, worker = World(scaffolder, catalog, database), Worker(tmp_path, sandbox)
            for method, path in REQUESTS:
                at(sandbox, method, path, worker.kill)
            async with worker.running():
                events = await _followed(world, await world.create(TEMPLATE))
        assert body(events[-1])["output"] == {"remoteUrl": f"{sandbox.url}/acme/shop.git"}, log(events)
        assert (worker.kills, sandbox.faults.waiting) == (len(REQUESTS), [])
        await _check(sandbox, tmp_path)
    assert not any("already exists" in event.body for event in events)


async def _followed(world: World, task_id: str) -> list[TaskEvent]:
    async with asyncio.timeout(240):
        return [
            event async for batch in await world.scaffolder.service.event_stream(task_id, None) for event, _ in batch
        ]


async def _check(sandbox: Sandbox, folder: Path) -> None:
    async with GithubApi(sandbox.api_url, sandbox.token) as api:
        found = await api.call("GET", "/repos/acme/shop")
        variables = await api.call("GET", "/repos/acme/shop/actions/variables")
        secrets = await api.call("GET", "/repos/acme/shop/actions/secrets")
        commits = await api.call("GET", "/repos/acme/shop/commits")
        await api.call("GET", "/repos/acme/shop/branches/main/protection")
    assert found["description"] == "The shop"
    assert {one["name"]: one["value"] for one in variables["variables"]} == {"REGION": "eu", "ZONE": "a"}
    assert [one["name"] for one in secrets["secrets"]] == ["KEY"]
    assert len(commits) == 1
    clone = folder / "clone"
    await git.clone(f"{sandbox.url}/acme/shop.git", clone, credentials=git.GitCredentials("x", sandbox.token))
    assert (clone / "main.go").read_text() == "package main\n"
