"""How long a scrape takes where much was counted, and how much processor time. Prints; asserts nothing.

    python -m tests.benchmarks.scrape [--templates 20] [--workers 0] [--repeat 100]

Tasks of as many templates end first, so that the families by template and step are full of series.
"""

import argparse
import json
import statistics
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tests.contract.harness import Running, free_port, running

_TEMPLATE = {
    "apiVersion": "scaffolder.backstage.io/v1beta3",
    "kind": "Template",
    "spec": {
        "type": "service",
        "steps": [
            {"id": f"s{number}", "name": f"Step {number}", "action": "debug:log", "input": {"message": "x"}}
            for number in range(3)
        ],
    },
}
_GIVE_UP = 120.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--templates", type=int, default=20)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--repeat", type=int, default=100)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        config = _config(folder, asked.templates, port)
        more = ("--workers", str(asked.workers)) if asked.workers else ()
        with running(folder, config, *more) as service:
            _run_tasks(service, asked.templates)
            url = f"http://127.0.0.1:{port}/metrics"
            times, size, before = [], 0, _cpu_seconds(service.process.pid)
            for _ in range(asked.repeat):
                time.sleep(0.05)
                begun = time.perf_counter()
                with urllib.request.urlopen(url) as answer:
                    size = len(answer.read().splitlines())
                times.append((time.perf_counter() - begun) * 1000)
            cpu = (_cpu_seconds(service.process.pid) - before) / asked.repeat * 1000
            times.sort()
            shown = {"half_ms": round(statistics.median(times), 2), "p90_ms": round(times[int(len(times) * 0.9)], 2)}
            shown["cpu_ms"] = round(cpu, 2)
            print(json.dumps({**vars(asked), "lines": size, **shown}))  # noqa: T201  # its purpose


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def _config(folder: Path, templates: int, port: int) -> Path:
    entities = [{**_TEMPLATE, "metadata": {"name": f"t{number}"}} for number in range(templates)]
    guest = {
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "User",
        "metadata": {"name": "guest", "namespace": "development"},
        "spec": {"memberOf": []},
    }
    text = "\n---\n".join(json.dumps(one) for one in [*entities, guest])
    (folder / "entities.yaml").write_text(text, encoding="utf-8")
    config = {
        "backend": {
            "database": {"client": "better-sqlite3", "connection": {"filename": "./db.sqlite"}},
            "workingDirectory": "./work",
            "metrics": {"listen": {"host": "127.0.0.1", "port": port}},
        },
        "auth": {"providers": {"guest": {}}},
        "catalog": {
            "rules": [{"allow": ["Template", "User"]}],
            "locations": [{"type": "file", "target": "./entities.yaml"}],
        },
    }
    path = folder / "app-config.yaml"
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


def _run_tasks(service: Running, templates: int) -> None:
    token = _ask(service, "/api/auth/guest/refresh", {})["backstageIdentity"]["token"]
    for number in range(templates):
        asked = {"templateRef": f"template:default/t{number}", "values": {}}
        _until(partial(_ask, service, "/api/scaffolder/v2/tasks", asked, token))
    path = "/api/scaffolder/v2/tasks?status=open&status=processing"
    _until(lambda: _ask(service, path, None, token)["totalTasks"] == 0)


def _until(is_so: Callable[[], object]) -> None:
    end = time.monotonic() + _GIVE_UP
    while time.monotonic() < end:
        try:
            if is_so():
                return
        except urllib.error.HTTPError:  # the template is not read yet
            pass
        time.sleep(0.1)
    raise SystemExit("it took too long")


def _ask(service: Running, path: str, body: Any, token: str | None = None) -> Any:
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(service.url + path, data, headers)) as answer:
        return json.loads(answer.read())


if __name__ == "__main__":
    main()
