"""A stand-in for Argo CD with one Application that prunes: what a branch of the sandbox holds is on the cluster."""

import base64
from dataclasses import dataclass, field
from typing import Any

import yaml

from tests.cluster.platform import Platform
from tests.sandbox.harness import Client


@dataclass
class Deployer:
    """Applies the files of a repository when a test says so, and deletes what it applied and finds no more."""

    client: Client
    given: Platform
    repository: str = "org/deployments"
    _applied: set[str] = field(default_factory=set)

    async def sync(self) -> None:
        wanted = await self._manifests()
        kube, objects = self.given.kube.api, self.given.objects
        for name, value in wanted.items():
            if self.given.find(name) is None:
                kube.post(objects, value)
        for name in self._applied - set(wanted):
            kube.delete(f"{objects}/{name}")
        self._applied = set(wanted)

    async def _manifests(self) -> dict[str, Any]:
        tree = await self.client.send("GET", f"/repos/{self.repository}/git/trees/main?recursive=1")
        paths = [one["path"] for one in tree.json["tree"] if one["path"].endswith(".yaml")]
        found = [yaml.safe_load(await file_of(self.client, self.repository, path)) for path in paths]
        return {one["metadata"]["name"]: one for one in found}


async def file_of(client: Client, repository: str, path: str, branch: str = "main") -> str:
    answer = await client.send("GET", f"/repos/{repository}/contents/{path}?ref={branch}")
    assert answer.status == 200, answer.raw
    return base64.b64decode(answer.json["content"]).decode()


async def commits(client: Client, repository: str = "org/deployments", branch: str = "main") -> int:
    """Return how many commits a branch has."""
    count, sha = 0, (await client.send("GET", f"/repos/{repository}/git/ref/heads/{branch}")).json["object"]["sha"]
    todo = [sha]
    seen = set()
    while todo:
        one = todo.pop()
        if one not in seen:
            seen.add(one)
            count += 1
            found = (await client.send("GET", f"/repos/{repository}/git/commits/{one}")).json
            todo += [parent["sha"] for parent in found["parents"]]
    return count
