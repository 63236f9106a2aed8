"""Write what Backstage's providers ask the stand-ins and make of it: ``python -m tests.git_hosts.record``.

``BACKSTAGE_PY_ANCHOR`` is a folder with the packages of the release, as ``./dev reference --install`` makes it.
"""

import asyncio
import sys
from typing import Any

from tests.directories import api_host, official
from tests.directories.record import write
from tests.git_hosts import cases
from tests.git_hosts.cases import Case, Kind
from tests.git_hosts.kinds import KINDS


async def _record(ask: official.Ask, kind: Kind, case: Case) -> Any:
    async with api_host.serve(kind.world) as host:
        config = {
            "integrations": kind.integrations(host.url),
            "catalog": {"providers": {kind.name: {"default": {**kind.defaults, **case.config}}}},
        }
        said = await ask(
            module=kind.module,
            provider=kind.providers[int(case.is_org)],
            config=config,
            events=cases.events(case, host.url),
            hosts={one: f"{host.url}{path}" for one, path in kind.hosts.items()},
        )
        found = {**cases.theirs(said), "requests": cases.requests(host, kind)}
        return cases.same(found, host.url)


async def _main() -> None:
    async with official.running() as ask:
        for kind in KINDS:
            if kind.module:
                found = {case.name: await _record(ask, kind, case) for case in kind.cases}
                write(f"../git_hosts/{kind.name}", found)
                sys.stdout.write(f"{len(found)} cases for {kind.name}\n")


if __name__ == "__main__":
    asyncio.run(_main())
