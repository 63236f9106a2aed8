"""How long ``backstage-py serve`` takes to its first answer, and what it weighs when idle. Prints; asserts nothing.

    python tests/benchmarks/cold_start.py [--repeat 3] [--settle 5] [--database postgresql://…]

The first run makes the tables and is shown apart from the others. Modules are compiled before, as they are where a
wheel is installed; with ``PYTHONDONTWRITEBYTECODE`` and a checkout, each start takes half a second more. Metrics are
on, and were read once before the memory is: ``rss`` counts each page of the process, ``pss`` a page that several
processes share by its share, ``own`` what no file backs, which no limit can reclaim.
"""

import argparse
import compileall
import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import backstage_py
import backstage_py_actions

_GIVE_UP = 60.0
_COUNTED = {"rss": "Rss", "pss": "Pss", "own": "Anonymous"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3, help="runs with an existing database")
    parser.add_argument("--settle", type=float, default=5.0, help="seconds before the memory is read")
    parser.add_argument("--database", help="URL of an empty one in PostgreSQL, in place of SQLite")
    arguments = parser.parse_args()
    for module in (backstage_py, backstage_py_actions):
        compileall.compile_dir(next(iter(module.__path__)), quiet=1)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(arguments.repeat + 1):
            result = _measure(Path(folder), arguments.settle, arguments.database)
            print(json.dumps({"run": "first start" if number == 0 else "start", **result}))  # noqa: T201  # its purpose


def _measure(folder: Path, settle: float, database: str | None) -> dict[str, float]:
    port, metrics = _free_port(), _free_port()
    file = {"client": "better-sqlite3", "connection": {"filename": str(folder / "db.sqlite")}}
    config = folder / "app-config.yaml"
    config.write_text(
        json.dumps(
            {
                "backend": {
                    "listen": {"host": "127.0.0.1", "port": port},
                    "database": {"client": "pg", "connection": database} if database else file,
                    "metrics": {"listen": {"host": "127.0.0.1", "port": metrics}},
                    "workingDirectory": str(folder / "work"),
                },
                "auth": {"providers": {"guest": {}}},
            }
        ),
        encoding="utf-8",
    )
    begun = time.perf_counter()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "backstage_py.cli", "serve", "--config", str(config)], stdout=log, stderr=log
        )
    try:
        _wait(f"http://127.0.0.1:{port}/.backstage/health/v1/readiness", process)
        answered = time.perf_counter() - begun
        cpu = _cpu_seconds(process.pid)
        _wait(f"http://127.0.0.1:{metrics}/metrics", process)
        time.sleep(settle)
        return {
            "first_answer_s": round(answered, 3),
            "cpu_s": round(cpu, 2),
            **_memory(process.pid),
        }
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _wait(url: str, process: "subprocess.Popen[bytes]") -> None:
    end = time.perf_counter() + _GIVE_UP
    while time.perf_counter() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.005)
    raise SystemExit("the service did not start; see its log above")


def _memory(pid: int) -> dict[str, float]:
    """Return MiB, by how they are counted."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]
    found = {name: int(value.split()[0]) / 1024 for name, _, value in (line.partition(":") for line in lines)}
    return {f"idle_{short}_mib": round(found[name], 1) for short, name in _COUNTED.items()}


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
