"""What the sandbox's tests act through: an HTTP client and git work trees, as a user has them."""

import asyncio
import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from backstage_py.model import json
from backstage_py.model.json import Json
from backstage_py.sandbox.server import Sandbox


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def json(self) -> Json:
        return json.parse(self.raw)


@dataclass(frozen=True, slots=True)
class Client:
    """Sends requests with the sandbox's token; ``token=""`` sends none."""

    sandbox: Sandbox
    session: aiohttp.ClientSession

    async def send(
        self,
        method: str,
        path: str,
        body: Json = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        redirects: bool = True,
    ) -> Answer:
        token = self.sandbox.token if token is None else token
        sent = ({"Authorization": f"Bearer {token}"} if token else {}) | dict(headers or {})
        url = path if path.startswith("http") else f"{self.sandbox.api_url}{path}"
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body)
        request = self.session.request(method, url, data=data, headers=sent, allow_redirects=redirects)
        async with request as response:
            return Answer(response.status, response.headers, await response.read())

    async def create(self, name: str = "svc", owner: str = "org", **fields: Json) -> Json:
        answer = await self.send("POST", f"/orgs/{owner}/repos", {"name": name, **fields})
        assert answer.status == 201, answer.raw
        return answer.json

    async def put_file(self, path: str, text: str, repository: str = "org/svc", **fields: Json) -> Json:
        content = base64.b64encode(text.encode()).decode()
        body = {"message": f"write {path}", "content": content, **fields}
        answer = await self.send("PUT", f"/repos/{repository}/contents/{path}", body)
        assert answer.status in {200, 201}, answer.raw
        return answer.json


@dataclass(frozen=True, slots=True)
class Ended:
    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class WorkTree:
    """A folder where git runs as a user's git does, without this machine's configuration."""

    path: Path

    async def try_git(self, *args: str) -> Ended:
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.path),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_AUTHOR_NAME": "Ada",
            "GIT_AUTHOR_EMAIL": "ada@example.org",
            "GIT_COMMITTER_NAME": "Ada",
            "GIT_COMMITTER_EMAIL": "ada@example.org",
        }
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec("git", *args, cwd=self.path, env=env, stdout=pipe, stderr=pipe)
        out, err = await process.communicate()
        return Ended(process.returncode or 0, out.decode(), err.decode())

    async def git(self, *args: str) -> str:
        ended = await self.try_git(*args)
        assert ended.code == 0, f"git {args}: {ended.err}"
        return ended.out.strip()

    async def commit(self, files: Mapping[str, str | bytes], message: str = "change") -> str:
        for name, content in files.items():
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content if isinstance(content, bytes) else content.encode())
        await self.git("add", "--all")
        await self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return await self.git("rev-parse", "HEAD")


async def new_tree(path: Path, branch: str = "main") -> WorkTree:
    path.mkdir()
    tree = WorkTree(path)
    await tree.git("init", "--quiet", f"--initial-branch={branch}")
    return tree


async def clone(url: str, path: Path) -> WorkTree:
    path.mkdir()
    tree = WorkTree(path)
    await tree.git("clone", "--quiet", url, ".")
    return tree


def with_token(url: str, token: str) -> str:
    """Return a clone URL that carries the token as password, as a user types it for a test."""
    return url.replace("://", f"://x-access-token:{token}@", 1)
