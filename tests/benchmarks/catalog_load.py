"""How fast a catalog is, seen by a client: the same load against this service and against a real Backstage.

    python -m tests.benchmarks.catalog_load BASE_URL [BASE_URL …] [--entities N] [--pid N …] [--port 7199]

Each server must offer guest sign-in, be allowed to read ``127.0.0.1:<port>`` (where this client serves the files), and
allow the kinds Component, Group, System and Location. Numbers go to standard output as JSON lines: seconds until all
entities and their relations in both directions can be read, then milliseconds and answers per second of each query at
concurrency 1 and 8, with the server's memory and processor time if its process id is given.
"""

import argparse
import asyncio
import hashlib
import json
import math
import os
import random
import statistics
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

FILES, OWNERS, SYSTEMS, REQUESTS, PATIENCE = 20, 20, 20, 100, 3600.0
LARGEST_FILE = 5_000  # components: one of YAML may hold some 500,000 values
TYPES = ("service", "website", "library", "worker", "job")
LIFE = ("production", "experimental", "deprecated")
BY_QUERY = "/api/catalog/entities/by-query"
Measurement = dict[str, Any]


def catalog_files(run: str, entities: int) -> dict[str, str]:
    """Return YAML texts by name: a Location, groups and systems, and files of components."""
    parts = max(FILES, math.ceil(entities / LARGEST_FILE))
    names = [f"c-{number:03}.yaml" for number in range(parts)]
    targets = "".join(f"    - ./{name}\n" for name in ["org.yaml", *names])
    head = "apiVersion: backstage.io/v1alpha1\nkind: "
    files = {"all.yaml": f"{head}Location\nmetadata:\n  name: bench-{run}\nspec:\n  targets:\n{targets}"}
    groups = [
        f"{head}Group\nmetadata:\n  name: bt-{run}-{n:02}\nspec:\n  type: team\n  children: []\n" for n in range(OWNERS)
    ]
    systems = [
        f"{head}System\nmetadata:\n  name: bs-{run}-{n:02}\nspec:\n  owner: bt-{run}-{n % OWNERS:02}\n"
        for n in range(SYSTEMS)
    ]
    files["org.yaml"] = "---\n".join([*groups, *systems])
    for number, name in enumerate(names):
        files[name] = "---\n".join(_component(run, n) for n in range(number, entities, parts))
    return files


def _component(run: str, n: int) -> str:
    kind = TYPES[n % 5]
    return (
        f"apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: svc-{run}-{n:05}\n"
        f"  title: Service {n:05} of run {run}\n  description: A benchmark component number {n} to be searched\n"
        f"  labels:\n    benchrun: {run}\n  annotations:\n    example.com/slug: org/svc-{n:05}\n"
        f"    example.com/page: https://example.com/p/{n}\n  tags: [bench, t{n % 7}, {kind}]\nspec:\n  type: {kind}\n"
        f"  lifecycle: {LIFE[n % 3]}\n  owner: bt-{run}-{n % OWNERS:02}\n  system: bs-{run}-{n % SYSTEMS:02}\n"
    )


@dataclass
class Client:
    """One server under test."""

    session: aiohttp.ClientSession
    pid: int | None

    async def get(self, path: str, **params: str | list[str]) -> bytes:
        listed = [
            (name, one) for name, value in params.items() for one in ([value] if isinstance(value, str) else value)
        ]
        async with self.session.get(path, params=listed) as answer:
            body = await answer.read()
            assert answer.status == 200, body[:300]
            return body

    async def post(self, path: str, body: Any, expected: int = 200) -> bytes:
        async with self.session.post(path, json=body) as answer:
            text = await answer.read()
            assert answer.status == expected, text[:300]
            return text

    async def total(self, filter_: str) -> int:
        found = json.loads(await self.get(BY_QUERY, filter=filter_, limit="1", fields="metadata.name"))
        return int(found["totalItems"])

    def usage(self) -> dict[str, float]:
        """Return memory in MiB and processor seconds of the server, if its process id is known."""
        if self.pid is None:
            return {}
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8")
        resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
        times = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
        seconds = (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")
        return {"rss_mib": round(resident / 1024, 1), "cpu_s": seconds}


def write(record: Measurement) -> None:
    """Write one measurement as a line of JSON."""
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()


def measured(base: str, what: str, **values: Any) -> Measurement:
    """Return one measurement."""
    return {"base": base, "what": what, "load1": round(os.getloadavg()[0], 2), **values}


async def ingest(client: Client, base: str, run: str, entities: int, port: int) -> Measurement:
    """Register the files and wait until everything that follows from them can be read."""
    label = f"kind=component,metadata.labels.benchrun={run}"
    before, begun = client.usage(), time.perf_counter()
    target = f"http://127.0.0.1:{port}/{run}/all.yaml"
    await client.post("/api/catalog/locations", {"type": "url", "target": target}, 201)
    marks: dict[str, float] = {}
    while time.perf_counter() - begun < PATIENCE and "both_ways_s" not in marks:
        await asyncio.sleep(0.2)
        seconds = round(time.perf_counter() - begun, 2)
        count = await client.total(label)
        if count:
            marks.setdefault("first_s", seconds)
        if count >= entities:
            marks.setdefault("all_s", seconds)
            if await reverse_relations(client, run) >= entities:
                marks["both_ways_s"] = round(time.perf_counter() - begun, 2)
    after = client.usage()
    used = {"cpu_s": round(after["cpu_s"] - before["cpu_s"], 2), "rss_mib": after["rss_mib"]} if after else {}
    return measured(base, "ingest", entities=entities, **marks, **used)


async def reverse_relations(client: Client, run: str) -> int:
    """Return how many components the systems of this run say they consist of."""
    systems = json.loads(
        await client.get("/api/catalog/entities", filter="kind=system", fields="metadata.name,relations")
    )
    own = [one for one in systems if one["metadata"]["name"].startswith(f"bs-{run}-")]
    return sum(relation["type"] == "hasPart" for one in own for relation in one.get("relations", []))


def queries(
    client: Client, run: str, entities: int, cursor: str
) -> Iterator[tuple[str, Callable[[], Awaitable[bytes]]]]:
    """Yield the queries to measure."""
    dice = random.Random(7)
    ordered = {"limit": "20", "filter": "kind=component", "orderField": "metadata.name,asc"}

    def filtered() -> Awaitable[bytes]:
        owner = dice.randrange(OWNERS)
        text = f"kind=component,spec.type={TYPES[owner % 5]},relations.ownedBy=group:default/bt-{run}-{owner:02}"
        return client.get(BY_QUERY, **{**ordered, "filter": text})

    def with_text(term: str, fields: str) -> Awaitable[bytes]:
        return client.get(BY_QUERY, **ordered, fullTextFilterTerm=term, fullTextFilterFields=fields)

    def refs() -> Awaitable[bytes]:
        names = [f"component:default/svc-{run}-{dice.randrange(entities):05}" for _ in range(50)]
        return client.post("/api/catalog/entities/by-refs", {"entityRefs": names})

    four = "metadata.name,metadata.title,metadata.description,spec.type"
    yield "ordered by name, limit 20", lambda: client.get(BY_QUERY, **ordered)
    yield "next page by cursor", lambda: client.get(BY_QUERY, cursor=cursor, limit="20")
    yield "kind, type and owner", filtered
    yield "text in 2 fields", lambda: with_text(f"{dice.randrange(entities):04}", "metadata.name,metadata.title")
    yield "text in 4 fields", lambda: with_text(f"number {dice.randrange(entities)} ", four)
    yield "by-refs of 50", refs
    yield "facets", lambda: client.get("/api/catalog/entity-facets", facet=["kind", "spec.type", "spec.owner"])
    yield (
        "by-name",
        lambda: client.get(f"/api/catalog/entities/by-name/component/default/svc-{run}-{dice.randrange(entities):05}"),
    )
    yield "all entities", lambda: client.get("/api/catalog/entities")


async def measure(
    client: Client, base: str, name: str, query: Callable[[], Awaitable[bytes]], concurrency: int
) -> Measurement:
    """Ask one query again and again."""
    count = 8 * concurrency if name == "all entities" else REQUESTS * min(concurrency, 2)
    size = len((await asyncio.gather(*(query() for _ in range(concurrency))))[0])  # connections are open from here on
    waiting = iter(range(count))
    seconds: list[float] = []

    async def worker() -> None:
        for _ in waiting:
            begun = time.perf_counter()
            await query()
            seconds.append(time.perf_counter() - begun)

    begun = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(concurrency)))
    rate = count / (time.perf_counter() - begun)
    seconds.sort()
    return measured(
        base,
        name,
        concurrency=concurrency,
        p50_ms=round(statistics.median(seconds) * 1000, 2),
        p99_ms=round(seconds[int(len(seconds) * 0.99)] * 1000, 2),
        per_second=round(rate, 1),
        bytes=size,
        **client.usage(),
    )


async def run_one(
    base: str, pid: int | None, entities: int, port: int, tell: Callable[[Measurement], None] = write
) -> None:
    """Measure one server, and tell each measurement."""
    run = f"r{uuid.uuid4().hex[:5]}"  # a letter first: digits alone would be a number in YAML
    files = catalog_files(run, entities)

    async def serve(request: web.Request) -> web.Response:
        text = files.get(request.match_info["name"])
        if text is None:
            return web.Response(status=404)
        etag = f'"{hashlib.sha256(text.encode()).hexdigest()}"'
        if request.headers.get("if-none-match") == etag:
            return web.Response(status=304)
        return web.Response(text=text, headers={"etag": etag})

    app = web.Application()
    app.router.add_get(f"/{run}/{{name}}", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    async with aiohttp.ClientSession(base) as session:
        async with session.post("/api/auth/guest/refresh", json={}) as answer:
            token = (await answer.json())["backstageIdentity"]["token"]
        session.headers["authorization"] = f"Bearer {token}"
        client = Client(session, pid)
        tell(await ingest(client, base, run, entities, port))
        first = await client.get(BY_QUERY, limit="20", filter="kind=component", orderField="metadata.name,asc")
        for name, query in queries(client, run, entities, json.loads(first)["pageInfo"]["nextCursor"]):
            for concurrency in (1, 8):
                tell(await measure(client, base, name, query, concurrency))
    await runner.cleanup()


async def main() -> None:
    """Measure all servers, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", nargs="+")
    parser.add_argument("--entities", type=int, default=10_000)
    parser.add_argument("--pid", type=int, action="append", default=[])
    parser.add_argument("--port", type=int, default=7199)
    given = parser.parse_args()
    for index, base in enumerate(given.base):
        pid = given.pid[index] if index < len(given.pid) else None
        await run_one(base, pid, given.entities, given.port)


if __name__ == "__main__":
    asyncio.run(main())
