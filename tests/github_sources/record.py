"""Write what Backstage's providers ask the stand-in and make of it: ``python -m tests.github_sources.record``.

``BACKSTAGE_PY_ANCHOR`` is a folder with ``@backstage/plugin-catalog-backend-module-github`` and ``@backstage/config``.
"""

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.github_sources import cases, host
from tests.github_sources.host import GithubHost

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "github-sources.json"
_SCRIPT = Path(__file__).with_name("official.cjs")


def questions(asked: GithubHost) -> list[Any]:
    """Return the queries as both sides can have them: as GraphQL prints them, and no variables that are null."""
    return [
        [query, {name: value for name, value in (variables or {}).items() if value is not None}]
        for query, variables in asked.queries()
    ]


def comparable(value: Any, asked: GithubHost) -> Any:
    """Return entities without what comes from the host's port: its address, and names that are made of it."""
    text = json.dumps(value).replace(asked.url, "URL").replace(asked.host, "HOST")
    return json.loads(re.sub(r"generated-[0-9a-f]{40}", "generated-…", text))


def known() -> dict[str, Any]:
    """Return what was recorded."""
    found: dict[str, Any] = json.loads(GOLDEN.read_text(encoding="utf-8"))
    return found


async def _official(kind: str, config: dict[str, Any]) -> Any:
    process = await asyncio.create_subprocess_exec(
        "node", str(_SCRIPT), kind, json.dumps(config), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    found = json.loads(said)
    assert found["mutations"], found["log"]
    return found["mutations"]


async def _recorded(kind: str, make: Callable[[GithubHost, str], dict[str, Any]], name: str) -> dict[str, Any]:
    async with host.running() as running:
        cases.fill(running)
        [mutation] = await _official(kind, make(running, name))
        entities = comparable([[one["entity"], one["locationKey"]] for one in mutation["entities"]], running)
        return {"requests": questions(running), "entities": entities}


async def main() -> None:
    """Record all cases."""
    found = {
        "github": {name: await _recorded("github", cases.discovery, name) for name in cases.DISCOVERY},
        "githubOrg": {name: await _recorded("githubOrg", cases.organisations, name) for name in cases.ORGANISATIONS},
    }
    lines = []
    for kind, of_kind in found.items():
        inner = ",\n".join(f" {json.dumps(name)}: {json.dumps(one, sort_keys=True)}" for name, one in of_kind.items())
        lines.append(f"{json.dumps(kind)}: {{\n{inner}\n}}")
    GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main())
