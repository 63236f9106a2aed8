"""Catalog locations that are registered and changed while faults happen, and what must be there once it is quiet.

- Every replica shows all entities of the newest version, each with its relations, and nothing else.
- No location is processed by two processes at once, and one process at a time has the provider connected; unless
  one of the two was killed, or was silent for longer than its lease.
- A process whose event loop stood still when its lease ended cannot know; it closes the provider as soon as it goes on,
  and what it still writes is refused: what a provider says when it is closed is never what is there in the end.
"""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from tests.replicas.cluster import Cluster
from tests.replicas.effects import Effects, Span
from tests.replicas.history import History

QUIET_SECONDS = 240.0
_AT_ONCE = 1.0
"""Seconds that a process may take, on a machine with too much to do, to close what it learns to have lost."""
_GROUP = "group:default/team-chaos"


@dataclass(slots=True)
class Locations:
    """Locations of the type ``chaos``, see ``parts/plugins/chaos_catalog.py``.

    Attributes:
        seconds: that reading one takes.
    """

    cluster: Cluster
    seconds: float = 0.1
    _versions: dict[str, int] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)

    async def add(self, count: int) -> str:
        """Register a location with so many entities and return its name."""
        name = f"place-{len(self._versions) + 1}"
        self._write(name, count)
        body = {"type": "chaos", "target": name}
        await self.cluster.client.ask("POST", "/api/catalog/locations", body, accept=(409,))
        return name

    def change(self, name: str, count: int) -> None:
        """Change what a location holds; the catalog sees it when it reads it again."""
        self._write(name, count)

    async def problems_once_quiet(self) -> list[str]:
        """Return what is still wrong in some replica when there was time enough to put it right."""
        end = asyncio.get_running_loop().time() + QUIET_SECONDS
        while True:
            problems = [problem for one in self.cluster.replicas for problem in await self._problems(one.url, one.name)]
            if not problems or asyncio.get_running_loop().time() > end:
                return problems
            await asyncio.sleep(0.5)

    def _write(self, name: str, count: int) -> None:
        self._versions[name] = self._versions.get(name, 0) + 1
        self._counts[name] = count
        said = {"version": self._versions[name], "count": count, "seconds": self.seconds}
        part = self.cluster.shared.catalog / f"{name}.part"
        part.write_text(json.dumps(said))
        part.replace(part.with_suffix(".json"))

    async def _problems(self, url: str, replica: str) -> Sequence[str]:
        path = "/api/catalog/entities?filter=kind=component&filter=kind=group"
        found = await self.cluster.client.ask("GET", path, at=url)
        entities = {f"{one['kind']}:default/{one['metadata']['name']}".lower(): one for one in found}
        return [f"{replica}: {problem}" for problem in self._compare(entities)]

    def _compare(self, entities: Mapping[str, Any]) -> Iterator[str]:
        expected = self._expected()
        components = entities.keys() - {_GROUP}
        if components != expected.keys():
            yield f"lacks {sorted(expected.keys() - components)}, has besides {sorted(components - expected.keys())}"
        for ref in sorted(components & expected.keys()):
            version = entities[ref]["metadata"]["annotations"].get("chaos/version")
            if version != expected[ref]:
                yield f"{ref} has version {version} instead of {expected[ref]}"
            if _relations(entities[ref]) != {("ownedBy", _GROUP)}:
                yield f"{ref} has the relations {sorted(_relations(entities[ref]))}"
        owned = {ref for _, ref in _relations(entities.get(_GROUP, {})) if ref.startswith("component:")}
        if owned != expected.keys():
            yield f"{_GROUP} does not own {sorted(expected.keys() - owned)}, owns {sorted(owned - expected.keys())}"

    def _expected(self) -> dict[str, str]:
        found = {"component:default/provided": "1"}
        for name, count in self._counts.items():
            found |= {f"component:default/{name}-{n}": str(self._versions[name]) for n in range(count)}
        return found


def overlaps(effects: Effects, history: History) -> Iterator[str]:
    """Yield what two processes did at once without excuse."""
    for begin, end in (("reading", "read"), ("connected", "closed")):
        by_location: dict[str, list[Span]] = {}
        for span in effects.spans(begin, end):
            by_location.setdefault(span.location, []).append(span)
        for location, spans in by_location.items():
            for one, other in combinations(spans, 2):
                if one.begin.pid != other.begin.pid and _meet(one, other, history, effects):
                    yield f"{location}: {one.begin} at {one.begin.at:.2f} and {other.begin} at {other.begin.at:.2f}"


def _meet(one: Span, other: Span, history: History, effects: Effects) -> bool:
    first, second = sorted((one, other), key=lambda span: span.begin.at)
    if _end(first, history) <= second.begin.at:
        return False
    processes = [history.processes[span.begin.pid] for span in (first, second)]
    until = min(_end(first, history), _end(second, history))
    if _stood_still(first, second.begin.at, effects):
        return False
    return not any(process.is_excused(first.begin.at, until) for process in processes)


def _stood_still(span: Span, moment: float, effects: Effects) -> bool:
    """Say whether a process did nothing at a moment, and ended its work as soon as it went on."""
    return any(
        one.what == "stood still"
        and one.pid == span.begin.pid
        and one.more["since"] <= moment
        and span.end is not None
        and span.end.at <= one.at + _AT_ONCE
        for one in effects.lines
    )


def _end(span: Span, history: History) -> float:
    """Return when work ended: what has no end was broken off, or lasts as long as its process."""
    if span.end:
        return span.end.at
    if span.begin.what == "reading":
        return span.begin.at
    ended = history.processes[span.begin.pid].ended
    return float("inf") if ended is None else ended


def _relations(entity: Mapping[str, Any]) -> set[tuple[str, str]]:
    return {(one["type"], one["targetRef"]) for one in entity.get("relations", ())}
