"""What an operator may do to a running service, and what probes see of it."""

import json
import os
import signal
import sqlite3
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests import patience
from tests.contract.harness import Running, running
from tests.metrics.test_metrics import Site, written

CONFIG = """
backend:
  database: {{client: better-sqlite3, connection: {{filename: ./db.sqlite}}}}
  workingDirectory: ./work
  logger: {{level: {level}}}
auth: {{providers: {{guest: {{}}}}}}
"""
HEALTH = "/.backstage/health/v1"


def asked(service: Running, path: str) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(f"{service.url}{path}") as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def lines(service: Running) -> list[dict[str, Any]]:
    text = service.log.read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def workers(service: Running) -> list[int]:
    pid = service.process.pid
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


@pytest.mark.thorough
def test_the_level_of_the_log_changes_while_the_service_and_its_workers_run(tmp_path: Path) -> None:
    config = tmp_path / "app-config.yaml"
    config.write_text(CONFIG.format(level="error"), encoding="utf-8")
    with running(tmp_path, config, "--workers", "1") as service:

        def set_times(level: str) -> int:
            return sum(one["event"] == "log_level_set" and one["log_level"] == level for one in lines(service))

        asked(service, f"{HEALTH}/liveness")
        assert not lines(service)
        config.write_text(CONFIG.format(level="debug"), encoding="utf-8")
        patience.wait(lambda: bool(workers(service)) and _takes_signals(workers(service)[0]))
        service.process.send_signal(signal.SIGHUP)
        patience.wait(lambda: set_times("debug") >= 2)  # the changed file may have been seen before the signal was
        asked(service, f"{HEALTH}/liveness")
        patience.wait(lambda: any(one["event"] == "request_served" for one in lines(service)))
        config.write_text(CONFIG.format(level="warn"), encoding="utf-8")
        patience.wait(lambda: set_times("warn") == 2)  # both see that the file has changed
        config.write_text("backend: {logger: {level: loud}}", encoding="utf-8")
        service.process.send_signal(signal.SIGHUP)
        patience.wait(lambda: any("backend.logger.level" in str(one.get("problem")) for one in lines(service)))
        assert asked(service, f"{HEALTH}/readiness") == (200, {"status": "ok"})


@pytest.mark.thorough
def test_a_hang_up_while_a_worker_process_starts_reaches_it_and_does_not_end_it(tmp_path: Path) -> None:
    config = tmp_path / "app-config.yaml"
    config.write_text(CONFIG.format(level="info"), encoding="utf-8")
    with running(tmp_path, config, "--workers", "1") as service:
        [worker] = patience.wait(lambda: workers(service))
        service.process.send_signal(signal.SIGHUP)
        patience.wait(lambda: sum(one["event"] == "log_level_set" for one in lines(service)) == 2)
        assert workers(service) == [worker]


def _takes_signals(pid: int) -> bool:
    caught = next(
        line for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines() if "SigCgt" in line
    )
    return bool(int(caught.split()[1], 16) >> (signal.SIGHUP - 1) & 1)


def test_readiness_says_when_no_worker_process_runs_and_liveness_and_startup_go_on(tmp_path: Path) -> None:
    config = tmp_path / "app-config.yaml"
    config.write_text(CONFIG.format(level="info"), encoding="utf-8")
    with running(tmp_path, config, "--workers", "1") as service:
        config.write_text("backend: {listen: wrong:wrong}", encoding="utf-8")  # no worker starts with that
        patience.wait(lambda: bool(workers(service)))
        os.kill(workers(service)[0], signal.SIGKILL)
        told = {"status": "error", "message": "No worker process runs"}
        patience.wait(lambda: asked(service, f"{HEALTH}/readiness") == (503, told))
        assert asked(service, f"{HEALTH}/liveness") == asked(service, f"{HEALTH}/startup") == (200, {"status": "ok"})


@pytest.mark.thorough
def test_readiness_names_a_loop_that_fails_within_a_worker_process_until_it_works_again(tmp_path: Path) -> None:
    ready = f"{HEALTH}/readiness"
    told = {"status": "error", "message": "Work in a worker process fails and is tried again: worker.claims"}
    config = written(tmp_path, "{}")
    with running(tmp_path, config, "--workers", "1") as service, sqlite3.connect(tmp_path / "db.sqlite") as database:
        assert asked(service, ready) == (200, {"status": "ok"})
        claims = "UPDATE OF status ON tasks WHEN NEW.status = 'processing'"
        database.execute(f"CREATE TRIGGER broken BEFORE {claims} BEGIN SELECT RAISE(ABORT, 'broken'); END")
        site = Site(service, "")
        patience.wait(lambda: len(site.ask("/api/catalog/entities", token=site.token())) >= 3)
        task = site.create()
        patience.wait(lambda: asked(service, ready) == (503, told))
        database.execute("DROP TRIGGER broken")
        patience.wait(lambda: site.status(task) == "completed")
        patience.wait(lambda: asked(service, ready) == (200, {"status": "ok"}))
