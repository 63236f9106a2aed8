"""What an organisation on GitHub costs: requests, time, and what is left of an hour's budget of 5,000.

``python -m tests.benchmarks.github_sources [REPOSITORIES …]``; 1,000 and 10,000 without an argument. The host is the
stand-in of the tests, in the same process; entities are processed more often here than by default, so that an hour of
it passes in minutes.
"""

import asyncio
import logging
import sys
import tempfile
import time
from pathlib import Path

import structlog

from tests.github_sources import host, site
from tests.github_sources.host import CATALOG_FILE, GithubHost, component
from tests.github_sources.site import Site

_INTERVALS = 3
_PUSHES = 20


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _spent(asked: GithubHost, since: int) -> str:
    of = asked.asked[since:]
    queries = sum(one.query is not None for one in of)
    return f"{queries:>5} pages {len(of) - queries:>6} files   {asked.budget:>5} of 5000 left"


async def _until(running: Site, count: int) -> None:
    while True:
        facets = await running.get("/entity-facets?facet=kind&filter=kind=component")
        if sum(one["count"] for one in facets["facets"]["kind"]) >= count:
            return
        await asyncio.sleep(1.0)


async def _measure(repositories: int) -> None:
    async with host.running() as asked:
        for number in range(repositories):
            asked.repo(f"acme/r{number}")
        provider = {
            "host": asked.host,
            "organization": "acme",
            "pageSizes": {"repositories": 100},
            "schedule": {"frequency": "1h", "timeout": "10m"},
        }
        with tempfile.TemporaryDirectory() as folder:
            asks = {"github": provider}
            begun, interval = time.monotonic(), max(2, repositories // 200)
            async with site.running(asked, Path(folder), asks, processingInterval={"seconds": interval}) as running:
                await _until(running, repositories)
                _say(f"{repositories:>6} repositories come   {time.monotonic() - begun:7.1f} s {_spent(asked, 0)}")
                since, begun = len(asked.asked), time.monotonic()
                await asyncio.sleep(interval * _INTERVALS)
                _say(f"       {_INTERVALS} intervals pass     {time.monotonic() - begun:7.1f} s {_spent(asked, since)}")
                await _pushes(running, asked)
            since, begun = len(asked.asked), time.monotonic()
            often = {"github": {**provider, "schedule": {"frequency": "1s", "timeout": "10m"}}}
            async with site.running(asked, Path(folder), often, processingInterval="1h") as running:
                runs = (await running.provider())["runs"]
                while (await running.provider())["runs"] <= runs:  # noqa: ASYNC110  # another task counts them
                    await asyncio.sleep(0.05)
                _say(f"       all is read again    {time.monotonic() - begun:7.1f} s {_spent(asked, since)}")


async def _pushes(running: Site, asked: GithubHost) -> None:
    since, slowest = len(asked.asked), 0.0
    for number in range(_PUSHES):
        repo = asked.org("acme").repos[f"r{number}"]
        repo.files[CATALOG_FILE] = component(f"pushed-{number}")
        about = {"name": repo.name, "html_url": f"{asked.url}/acme/{repo.name}", "default_branch": "main"}
        commit = {"added": [], "modified": [CATALOG_FILE], "removed": []}
        told = {**about, "owner": {"login": "acme"}, "visibility": "public"}
        begun = time.monotonic()
        await running.deliver(
            "push", {"ref": "refs/heads/main", "after": str(number), "commits": [commit], "repository": told}
        )
        path = f"/entities?filter=kind=component,metadata.name=pushed-{number}"
        while not await running.get(path):  # noqa: ASYNC110  # a client asks
            await asyncio.sleep(0.005)
        slowest = max(slowest, time.monotonic() - begun)
    _say(f"       {_PUSHES} pushes, slowest in {slowest:7.2f} s {_spent(asked, since)}")


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    for size in [int(one) for one in sys.argv[1:]] or [1_000, 10_000]:
        asyncio.run(_measure(size))
