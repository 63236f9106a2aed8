"""Our template engine and nunjitsu under Node, side by side in one run. Prints; asserts nothing.

    python tests/benchmarks/templating.py [--rounds 15] [--json]

Three workloads: a tree of skeleton files (those of `skeletons/` and generated ones, a few hundred together), the
values of a task's steps, and a long file full of loops. Each engine gets its context once and everything else anew in
each round; what Python keeps of parsed templates between rounds is switched off for the "cold" column by making the
sources differ. The tests' Node and npm packages are needed: `./dev oracle` installs them.
"""

import argparse
import functools
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

from backstage_py.model.json import Json  # noqa: E402 -- runs as a plain script too
from backstage_py.templating.engine import backstage_renderer  # noqa: E402
from tests.oracle import tools  # noqa: E402
from tests.oracle.node import Oracle  # noqa: E402

VALUES = {
    "name": "payments-api",
    "owner": "group:default/payments",
    "description": 'The "payments" service',
    "repoUrl": "github.com?owner=acme&repo=payments-api",
    "destination": {"owner": "acme", "repo": "payments-api", "host": "github.com"},
    "port": 8080,
    "tags": ["java", "grpc", "pci"],
    "enableDb": True,
    "environments": [{"name": name, "replicas": count} for name, count in (("dev", 1), ("test", 2), ("prod", 5))],
}
TASK = {
    "parameters": VALUES,
    "user": {"entity": {"metadata": {"name": "ada"}, "spec": {"profile": {"email": "ada@example.com"}}}},
    "steps": {"fetch": {"output": {}}, "publish": {"output": {"remoteUrl": "https://github.com/acme/payments-api"}}},
}
STEP_VALUES = [
    "${{ parameters.name }}",
    "Fetch the skeleton of ${{ parameters.name }}",
    "${{ parameters }}",
    "${{ parameters.owner | parseEntityRef | pick('name') }}",
    "${{ (parameters.repoUrl | parseRepoUrl).repo }}",
    "${{ parameters.repoUrl | projectSlug }}",
    "${{ steps['publish'].output.remoteUrl }}",
    "${{ steps.publish.output.repoContentsUrl }}",
    "${{ parameters.enableDb === true and parameters.tags.length > 2 }}",
    "${{ parameters.port if parameters.enableDb else 80 }}",
    "${{ parameters.tags | join(', ') | upper }}",
    "This creates ${{ parameters.name }} for ${{ user.entity.metadata.name }} <${{ user.entity.spec.profile.email }}>",
    "./skeletons/service",
    "main",
]
LOOPS = """\
{%- for environment in values.environments %}
{%- for n in range(60) %}
- name: ${{ values.name }}-${{ environment.name }}-${{ n }}
  port: ${{ values.port + n }}
  {%- if n is divisibleby(3) and values.enableDb %}
  database: "${{ environment.name | upper }}_${{ loop.index }}"
  {%- elif loop.last %}
  last: true
  {%- else %}
  tags: [{% for tag in values.tags %}${{ tag }}{% if not loop.last %}, {% endif %}{% endfor %}]
  {%- endif %}
{%- endfor %}
{%- endfor %}
"""
PLAIN_LINE = "    private static final Logger LOG = LoggerFactory.getLogger(Application.class); // nothing to fill in\n"
PARTS = [
    "# ${{ values.name }}\n\n${{ values.description }}\n",
    "package com.acme.${{ values.name | replace('-', '') }};\n",
    "{%- if values.enableDb %}\nspring.datasource.url=jdbc:postgresql://db/${{ values.name }}\n{%- endif %}\n",
    "owner: ${{ values.owner | dump }}\n",
    "tags:{% for tag in values.tags %}\n  - ${{ tag }}{% endfor %}\n",
]


@dataclass(frozen=True)
class Workload:
    """Sources that are rendered with one context."""

    name: str
    mode: str
    sources: list[str]
    context: dict[str, Json]


def skeleton_tree(files: int = 400) -> list[str]:
    """Real skeleton files, and generated ones in the mix of public skeletons: three of four have no expression."""
    sources = [
        path.read_text(encoding="utf-8", errors="replace")
        for path in sorted((ROOT / "skeletons").rglob("*"))
        if path.is_file() and "content" in path.parts
    ]
    while len(sources) < files:
        number = len(sources)
        body = PLAIN_LINE * (20 + number * 7 % 120)
        sources.append(body if number % 4 else body[: len(body) // 2] + PARTS[number // 4 % len(PARTS)] * 2 + body)
    return sources


def workloads() -> list[Workload]:
    """What is measured."""
    values = [_renewed(source, -n) for n in range(20) for source in STEP_VALUES]
    return [
        Workload("skeleton tree", "file", skeleton_tree(), {"values": VALUES}),
        Workload("values of a task", "value", values, TASK),
        Workload("long file with loops", "file", [LOOPS * 5], {"values": VALUES}),
    ]


def _renewed(source: str, number: int) -> str:
    """The same template in a spelling that no cache has seen; a comment changes nothing else."""
    return f"{source}{{#{number}#}}" if "${{" in source or "{%" in source else source


def ours(work: Workload, rounds: int, *, cold: bool) -> list[float]:
    """Milliseconds of each round here."""
    renderer = backstage_renderer()
    as_runner = functools.partial(renderer.render_value, coercion="json")
    times = []
    for number in range(rounds):
        sources = [_renewed(source, number) for source in work.sources] if cold else work.sources
        render: Callable[..., Json] = renderer.render if work.mode == "file" else as_runner
        start = time.perf_counter()
        context = renderer.prepare(work.context)
        for source in sources:
            render(source, context)
        times.append((time.perf_counter() - start) * 1000)
    return times


def theirs(oracle: Oracle, work: Workload, rounds: int) -> list[float]:
    """Milliseconds of each round there; the engine parses anew in each, as Backstage makes it."""
    files = [{"source": source} for source in work.sources]
    request = {"op": "bench", "mode": work.mode, "files": files, "context": work.context, "rounds": rounds}
    milliseconds: list[float] = oracle.ask(request)["milliseconds"]
    return milliseconds


def compare(rounds: int) -> list[dict[str, Json]]:
    """One row for each workload: medians, and how many times faster ours is."""
    rows = []
    for work in workloads():
        oracle = Oracle("templating.mjs")
        node = theirs(oracle, work, rounds)
        oracle.close()
        cold, warm = ours(work, rounds, cold=True), ours(work, rounds, cold=False)
        medians = {
            "nunjitsu_ms": statistics.median(node),
            "ours_ms": statistics.median(warm),
            "ours_cold_ms": statistics.median(cold),
            "nunjitsu_first_ms": node[0],
            "ours_first_ms": warm[0],
        }
        size = sum(len(source) for source in work.sources)
        ratios = {
            "speed": medians["nunjitsu_ms"] / medians["ours_ms"],
            "cold_speed": medians["nunjitsu_ms"] / medians["ours_cold_ms"],
        }
        numbers = {name: round(value, 2) for name, value in (medians | ratios).items()}
        rows.append({"workload": work.name, "sources": len(work.sources), "characters": size, **numbers})
    return rows


COLUMNS = [
    ("workload", "workload"),
    ("sources", "sources"),
    ("chars", "characters"),
    ("nunjitsu", "nunjitsu_ms"),
    ("ours", "ours_ms"),
    ("cold", "ours_cold_ms"),
    ("speed", "speed"),
    ("cold", "cold_speed"),
]


def _row(cells: list[Json], *units: str) -> str:
    """One line of the table; the units are those of counts, times and ratios."""
    name, *numbers = cells
    suffixes = [units[0]] * 2 + [units[1]] * 3 + [units[2]] * 2
    padded = (f"{cell}{unit}".rjust(12) for cell, unit in zip(numbers, suffixes, strict=True))
    return f"{name:22}{''.join(padded)}\n"


def machine() -> str:
    """What the numbers were measured on."""
    node = subprocess.run([str(tools.node()), "--version"], capture_output=True, text=True, check=True).stdout.strip()
    return f"Python {platform.python_version()}, Node {node}, {platform.machine()}, {platform.system()}"


def main() -> int:
    """The exit status: 1 if Node or its packages are missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="rounds of each workload; the median counts")
    parser.add_argument("--json", action="store_true", help="one JSON record a line instead of a table")
    arguments = parser.parse_args()
    if (reason := tools.missing()) is not None:
        sys.stderr.write(f"{reason}\n")
        return 1
    rows = compare(arguments.rounds)
    if arguments.json:
        sys.stdout.writelines(f"{json.dumps(row)}\n" for row in rows)
        return 0
    head = f"Templates, medians of {arguments.rounds} rounds on {machine()}; speed is nunjitsu's time by ours\n\n"
    sys.stdout.write(head + _row([name for name, _ in COLUMNS], "", "", ""))
    for row in rows:
        sys.stdout.write(_row([row[key] for _, key in COLUMNS], "", " ms", "x"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
