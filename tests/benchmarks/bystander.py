"""How long another user's request takes while somebody attacks: python -m tests.benchmarks.bystander [NAME …]

A service of its own is attacked in each way, one after the other, each for some seconds. Meanwhile a bystander lists
tasks, again and again.
Printed are the milliseconds of the bystander's requests, and what the attacker got.
"""

import asyncio
import io
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp

from tests.e2e.service import RunningService

WANTED = 50.0  # milliseconds for 99 of 100 requests, the project's goal
PAUSE, LEAST, LONG, MOST = 0.01, 100, 5.0, 60.0  # seconds between requests, requests, seconds of an attack
FIRST_ERROR = 400
LOOP = "{% for i in range(0, 90000) %}{% set x = i %}{% endfor %}"


def _dry_run(*steps: Mapping[str, Any], **more: Any) -> tuple[str, bytes]:
    spec: dict[str, Any] = {"owner": "o", "type": "t", "steps": list(steps), "parameters": more.pop("form", {})}
    template = {"apiVersion": "scaffolder.backstage.io/v1beta3", "kind": "Template", "metadata": {"name": "t"}}
    body = {"template": {**template, "spec": spec}, "values": {}, "directoryContents": [], **more}
    return "/api/scaffolder/v2/dry-run", json.dumps(body).encode()


def _log(message: Any) -> dict[str, Any]:
    return {"id": "s", "action": "debug:log", "input": {"message": message}}


def _invoke(plugin: str, action: str, given: Any) -> tuple[str, bytes]:
    return f"/api/{plugin}/.backstage/actions/v1/actions/{action}/invoke", json.dumps(given).encode()


_LEVELS = {f"a{n}": {"anyOf": [{"$ref": f"#/definitions/a{n + 1}"}] * 2} for n in range(30)}
ATTACKS: dict[str, Callable[[], tuple[str, bytes] | None]] = {
    "nothing": lambda: None,
    "60 expressions": lambda: _dry_run(_log([LOOP + str(number) for number in range(60)])),
    "a sum of 200 kB": lambda: _dry_run(_log([f"${{{{ {'1+' * 100_000}{n} }}}}" for n in range(8)])),
    "a periodic secret": lambda: _dry_run(_log("a" * 3_000_000), secrets={"s": "a" * 50_000}),
    "nested secrets": lambda: _dry_run(_log("ab" * 10**6), secrets={str(n): "ab" * n for n in range(2, 502)}),
    "20,000 steps": lambda: _dry_run(*({**_log("x"), "id": f"s{n}"} for n in range(20_000))),
    "8 MB in each step": lambda: _dry_run(
        *({**_log("${{ parameters.text }}"), "id": f"s{n}"} for n in range(40)), values={"text": "x" * 8_000_000}
    ),
    "a form without end": lambda: _dry_run(
        _log("x"),
        form={"definitions": {**_LEVELS, "a30": False}, "properties": {"x": {"$ref": "#/definitions/a0"}}},
        values={"x": 1},
    ),
    "a body that is no JSON": lambda: ("/api/scaffolder/v2/tasks", b"[" + b"1," * 5_000_000),
    "YAML of 800,000 documents": lambda: _invoke(
        "scaffolder", "scaffolder:dry-run-template", {"templateYaml": "--- a\n" * 800_000}
    ),
    "a manifest": lambda: _invoke(
        "backstage-py", "backstage-py:kube:apply", {"manifest": "--- a\n" * 800_000, "namespaced": True}
    ),
    "JSONata": lambda: _invoke(
        "backstage-py", "backstage-py:roadiehq:utils:jsonata", {"data": {}, "expression": "[1..2000000]"}
    ),
}


async def _attack(url: str, headers: Mapping[str, str], name: str) -> str:
    """Attack for some seconds; return what came of it."""
    asked = ATTACKS[name]()
    if asked is None:
        await asyncio.sleep(2)
        return "-"
    began, times, status, text = time.perf_counter(), 0, 0, ""
    async with aiohttp.ClientSession(url, headers=headers) as session:
        try:
            async with asyncio.timeout(MOST):
                while time.perf_counter() - began < LONG:
                    async with session.post(asked[0], data=io.BytesIO(asked[1])) as answer:
                        status, text = answer.status, await answer.text()
                    times += 1
        except TimeoutError:
            return f"no answer within {MOST:g} s"
    said = json.loads(text)["error"]["message"] if status >= FIRST_ERROR else f"{len(text):,} characters"
    return f"{times} in {time.perf_counter() - began:.1f} s, {status}: {said[:120]}"


async def _attack_elsewhere(*arguments: str) -> str:
    """Attack from a process of its own: what it does there does not keep the bystander waiting."""
    command = [sys.executable, str(Path(__file__).resolve()), "--attack", *arguments]
    child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    return (await child.communicate())[0].decode().strip()


async def _watch(session: aiohttp.ClientSession, attack: "asyncio.Task[str]") -> list[float]:
    taken: list[float] = []
    while not attack.done() or len(taken) < LEAST:
        began = time.perf_counter()
        async with session.get("/api/scaffolder/v2/tasks") as answer:
            await answer.read()
        taken.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(PAUSE)
    return taken


async def main(names: list[str]) -> None:
    """Attack and print."""
    with tempfile.TemporaryDirectory() as folder:
        service = RunningService(Path(folder), [])
        await service.start()
        async with (
            aiohttp.ClientSession(service.base_url) as anonymous,
            anonymous.post("/api/auth/guest/refresh") as answer,
        ):
            token = (await answer.json())["backstageIdentity"]["token"]
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        async with aiohttp.ClientSession(service.base_url, headers=headers) as bystander:
            for name in names or ATTACKS:
                attack = asyncio.create_task(_attack_elsewhere(service.base_url, json.dumps(headers), name))
                taken = await _watch(bystander, attack)
                worst = statistics.quantiles(taken, n=100)[98]
                print(  # noqa: T201 - its output
                    f"{name:28} p50 {statistics.median(taken):6.1f}  p99 {worst:6.1f}  most {max(taken):7.1f} ms of "
                    f"{len(taken)}{'' if worst < WANTED else '  (!)'}  attacker: {attack.result()}",
                    flush=True,
                )
        await service.stop()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--attack"]:
        print(asyncio.run(_attack(sys.argv[2], json.loads(sys.argv[3]), sys.argv[4])))  # noqa: T201  # its output
    else:
        asyncio.run(main(sys.argv[1:]))
