"""A platform in a test: a scaffolder with the golden paths, a git host in the place of GitHub, and a service on it."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import yaml

from backstage_py import bundled
from backstage_py.integrations.github import GithubApi
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.integrations.hosts.url_reading import UrlReading, listed
from backstage_py.integrations.web.http import HttpClient
from backstage_py.model.json import JsonObject
from backstage_py.model.scm import ScmIntegration
from backstage_py.plugin import Services, load_actions
from backstage_py.sandbox.server import Sandbox, serve_sandbox
from tests import patience
from tests.golden_paths import produced
from tests.scaffolder.harness import World, body, log, world

SLUG: Final = f"org/{produced.NAME}"
_WHO: Final = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]


@dataclass
class Platform:
    """What a test acts on; ``clone`` is the service's repository as a developer has it."""

    world: World
    sandbox: Sandbox
    clone: Path

    async def git(self, *arguments: str) -> str:
        """Run git in the clone; it has to succeed."""
        command = ["git", *_WHO, *arguments]
        done = await asyncio.to_thread(
            subprocess.run,
            command,
            cwd=self.clone,
            capture_output=True,
            text=True,
            check=False,
            timeout=patience.SECONDS,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    async def commit(self, message: str, files: Mapping[str, str] = MappingProxyType({})) -> str:
        """Commit files and what was written before, push that to main, and return the commit."""
        for path, text in files.items():
            self.write(path, text)
        await self.git("add", "--all")
        await self.git("commit", "--quiet", "--allow-empty", "--message", message)
        await self.git("push", "--quiet", "origin", "HEAD:main")
        return await self.git("rev-parse", "HEAD")

    def write(self, path: str, text: str) -> None:
        target = self.clone / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")

    async def built(self, message: str, digest: str) -> str:
        """Commit a change, and do as the pipeline does after it: the new image is staging's."""
        revision = await self.commit(message, {"main.txt": message})
        await self.deployed("staging", digest, revision)
        return revision

    async def deployed(self, environment: str, digest: str, revision: str) -> None:
        """Have the repository's own script write an image into an environment's values, and push that."""
        done = await asyncio.to_thread(
            subprocess.run,
            ["sh", "deploy/promote.sh", environment, digest, revision],
            cwd=self.clone, capture_output=True, text=True, check=False, timeout=patience.SECONDS,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        await self.git("checkout", "--quiet", "-B", "main", "HEAD")

    async def merged(self, branch: str) -> None:
        """Merge a branch into main."""
        await self.git("fetch", "--quiet", "origin")
        await self.git("merge", "--quiet", "--no-ff", "--message", f"Merge {branch}", f"origin/{branch}")
        await self.git("push", "--quiet", "origin", "HEAD:main")

    async def difference(self, branch: str) -> list[str]:
        """Return the lines that a branch takes away and adds, with the files, against main."""
        await self.git("fetch", "--quiet", "origin")
        lines = (await self.git("diff", "--unified=0", f"main...origin/{branch}")).splitlines()
        return [line for line in lines if line[:1] in {"+", "-"} and not line.startswith("---")]

    async def run(self, name: str, values: dict[str, Any]) -> "Ended":
        """Run a golden path as its form would."""
        return await self.ended(await self.world.create(template(name), values))

    async def ended(self, task_id: str, after: int | None = None) -> "Ended":
        """Follow a task to its end."""
        events = await self.world.events(task_id, after)
        return Ended(task_id, body(events[-1]), [line for _, _, line in log(events)], events[-1].id)

    async def ask(self, path: str) -> Any:
        """Ask the git host's API about the repository."""
        async with GithubApi(self.sandbox.api_url, self.sandbox.token) as api:
            return await api.call("GET", f"/repos/{SLUG}{path}")


@dataclass(frozen=True)
class Ended:
    """A task that has ended."""

    task_id: str
    last: dict[str, Any]
    log: list[str]
    last_event: int

    @property
    def output(self) -> dict[str, Any]:
        """The output; the task has to have completed."""
        assert "output" in self.last, (self.last, self.log)
        found: dict[str, Any] = self.last["output"]
        return found

    @property
    def error(self) -> str:
        """Why it failed."""
        return str((self.last.get("error") or {}).get("message"))


def template(name: str) -> dict[str, Any]:
    """A golden path as the catalog has it."""
    file = bundled.skeletons() / name / "template.yaml"
    entity: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    recorded = f"file:{file}"
    entity["metadata"]["annotations"] = {
        "backstage.io/managed-by-location": recorded,
        "backstage.io/managed-by-origin-location": recorded,
    }
    owner = f"group:default/{entity['spec']['owner']}"
    return entity | {"relations": [{"type": "ownedBy", "targetRef": owner}]}


@asynccontextmanager
async def running(folder: Path, source: Path, config: JsonObject | None = None) -> AsyncIterator[Platform]:
    """Run all of it, with ``source`` as the repository of a service that the catalog knows, and some configuration."""
    async with serve_sandbox(folder / "sandbox") as sandbox:
        registry = ScmRegistry(
            ScmIntegration("github", one["host"], one["host"], one["apiBaseUrl"], one["rawBaseUrl"], one["token"], {})
            for one in sandbox.integrations
        )
        async with (
            HttpClient(listed(registry, ())) as http,
            GithubApi(sandbox.api_url, sandbox.token) as api,
            world(
                folder,
                *load_actions(),
                services=Services(integrations=registry, url_reader=UrlReading(http, registry), config=config or {}),
            ) as opened,
        ):
            await api.call("POST", "/orgs/org/repos", {"name": produced.NAME, "private": False})
            platform = Platform(opened, sandbox, source)
            address = sandbox.url.replace("://", f"://x:{sandbox.token}@")
            await platform.git("init", "--quiet", "--initial-branch=main")
            await platform.git("remote", "add", "origin", f"{address}/{SLUG}.git")
            await platform.commit("A new service")
            for entity in yaml.safe_load_all((source / "catalog-info.yaml").read_text()):
                opened.catalog.add(entity)
            yield platform
