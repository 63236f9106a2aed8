"""Write what Backstage's providers make of the stand-ins: ``python -m tests.directories.record``.

``BACKSTAGE_PY_ANCHOR`` is a folder with the packages of the release, as ``./dev reference --install`` makes it.
"""

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.directories import api_host, graph_world, ldap_world, official, slapd

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "directories"
_GRAPH = "@backstage/plugin-catalog-backend-module-msgraph"
_LDAP = "@backstage/plugin-catalog-backend-module-ldap"


def write(name: str, found: Any) -> None:
    """Write a table, an entry a line."""
    GOLDEN.mkdir(exist_ok=True)
    lines = ",\n".join(
        f"{json.dumps(key)}: {json.dumps(one, sort_keys=True, ensure_ascii=False)}" for key, one in found.items()
    )
    (GOLDEN / f"{name}.json").write_text(f"{{\n{lines}\n}}\n")


def table(name: str) -> dict[str, Any]:
    """Read a table."""
    found: dict[str, Any] = json.loads((GOLDEN / f"{name}.json").read_text())
    return found


async def _ldap() -> None:
    found = {}
    with tempfile.TemporaryDirectory() as folder, slapd.running(Path(folder), ldap_world.ENTRIES) as server:
        async with official.running() as ask:
            for name, config in ldap_world.CONFIGS.items():
                providers = {"ldapOrg": {"default": {"target": server.url, **config}}}
                given = {"catalog": {"providers": providers}}
                said = await ask(module=_LDAP, provider="LdapOrgEntityProvider", config=given)
                found[name] = simplified(said)
    write("ldap", found)


async def _microsoft_graph() -> None:
    found = {}
    async with official.running() as ask:
        for name in graph_world.CONFIGS:
            async with api_host.serve(graph_world.handle) as host:
                providers = {"microsoftGraphOrg": {"default": graph_world.config(host.url, name)}}
                given = {"catalog": {"providers": providers}}
                said = await ask(module=_GRAPH, provider="MicrosoftGraphOrgEntityProvider", config=given)
                found[name] = {**simplified(said), "requests": graph_world.requests(host)}
    write("microsoft-graph", found)


def simplified(said: Any) -> Any:
    """The entities of the one mutation by their order of kinds and names, and whether it failed."""
    entities = [one["entity"] for change in said["mutations"] for one in change["entities"]]
    keys = {one["locationKey"] for change in said["mutations"] for one in change["entities"]}
    return {"entities": in_order(entities), "keys": sorted(keys), "errors": said["errors"]}


def in_order(entities: Any) -> list[Any]:
    """Entities by kind and name, since another order would be no other answer; of two with one name the later one."""
    return sorted({_order(one): one for one in entities}.values(), key=_order)


def _order(entity: Any) -> tuple[str, str]:
    return entity["kind"], entity["metadata"]["name"]


if __name__ == "__main__":
    asyncio.run(_ldap())
    asyncio.run(_microsoft_graph())
    sys.stdout.write("recorded\n")
