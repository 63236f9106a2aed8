"""The service that runs the golden paths, with a git host of its own in GitHub's place."""

import asyncio
import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backstage_py import bundled
from backstage_py.cli.client import ApiClient
from backstage_py.errors import BackstageError
from backstage_py.model.json import JsonObject
from tests.contract.harness import free_port, start
from tests.golden_paths import repository
from tests.golden_paths.repository import Repository

PATHS = ("go-microservice", "postgres-database", "deploy-to-production", "add-endpoint")
_OURS = ["user:default/ada", "group:default/payments"]
_ORG = """
apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: ada}
spec: {memberOf: [payments, platform]}
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: payments}
spec: {type: team, children: []}
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: platform}
spec: {type: team, children: []}
"""


@dataclass(frozen=True)
class Service:
    """It answers at ``url``; its repositories and state are in ``folder``."""

    url: str
    folder: Path

    def run(self, template: str, values: JsonObject) -> JsonObject:
        """Send the form as a signed-in developer; return the task's output."""
        return asyncio.run(_run(self.url, f"template:default/{template}", values))

    def repository(self, name: str) -> Repository:
        """Clone a repository that was published."""
        bare = next(self.folder.glob(f"sandbox/**/{name}.git"))
        return repository.cloned(name, bare, self.folder / "work-trees" / name)


@contextlib.contextmanager
def serving(folder: Path, **config: Any) -> Iterator[Service]:
    """Have the service run until the block is left; ``config`` goes over what it is configured by."""
    (folder / "org.yaml").write_text(_ORG, encoding="utf-8")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    found = [bundled.skeletons() / name / "template.yaml" for name in PATHS]
    templates = [str(path) for path in found if path.exists()]
    ours = {
        "app": {"baseUrl": url},
        "backend": {
            "baseUrl": url,
            "database": {"client": "better-sqlite3", "connection": {"filename": "backstage-py.sqlite"}},
        },
        "auth": {
            "environment": "development",
            "providers": {"guest": {"userEntityRef": _OURS[0], "ownershipEntityRefs": _OURS}},
        },
        "catalog": {
            "rules": [{"allow": ["Component", "API", "System", "Resource", "Location", "Template", "User", "Group"]}],
            "locations": [{"type": "file", "target": path} for path in ["org.yaml", *templates]],
        },
        "sandbox": {"root": "sandbox"},
        **config,
    }
    (folder / "app-config.yaml").write_text(json.dumps(ours), encoding="utf-8")
    running = start(folder, folder / "app-config.yaml", port=port)
    try:
        yield Service(url, folder)
    finally:
        running.stop()


async def _run(url: str, template: str, values: JsonObject) -> JsonObject:
    async with ApiClient(url) as api:
        await api.sign_in_as_guest()
        await _known(api, template)
        events = [event async for event in api.events(await api.create_task(template, values))]
    last = events[-1]["body"]
    told = "\n".join(str(event["body"].get("message")) for event in events[-20:])
    assert "error" not in last, told
    output: JsonObject = last.get("output") or {}
    return output


async def _known(api: ApiClient, template: str) -> None:
    """Return when the catalog has a template and the user."""
    for _ in range(300):
        with contextlib.suppress(BackstageError):
            await api.entity("template", "default", template.rpartition("/")[2])
            if (await api.entity("user", "default", "ada")).get("relations"):
                return
        await asyncio.sleep(0.1)
    message = f"the catalog does not have {template}"
    raise AssertionError(message)
