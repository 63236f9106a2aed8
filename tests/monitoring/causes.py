"""Alerts that take longer to cause than a test of every day may: ``python -m tests.monitoring.causes``.

Two real services, a real Prometheus, and what the alerts are for. How long something must last is shortened, and so are
what counts as long for a queue and as much for memory. Prints each alert as it fires; ends with 1 when one does not.
"""

import contextlib
import os
import signal
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.contract.harness import free_port
from tests.monitoring import prometheus
from tests.monitoring.prometheus import Prometheus
from tests.monitoring.test_alerts_fire import ENTITIES, Site, hurried, serving
from tests.storage.postgres import Postgres, postgres

_SECONDS = 240.0
_SHORTER = {"oldest_seconds) > 300": "oldest_seconds) > 3", "lag_seconds) > 600": "lag_seconds) > 3", "1.5e9": "2e8"}
_HEAD = "---\napiVersion: scaffolder.backstage.io/v1beta3\nkind: Template\n"
_WAIT = "{{id: s{0}, name: Wait, action: 'debug:wait', input: {{milliseconds: 400}}}}"
_TEMPLATES = (
    ENTITIES
    + _HEAD
    + "metadata: {name: costly}\nspec: {type: service, steps: [{id: s, name: Count, action: 'debug:wait', "
    + "if: '{% for one in range(1, 90000) %}x{% endfor %}', input: {milliseconds: 1}}]}\n"
    + _HEAD
    + f"metadata: {{name: talks}}\nspec: {{type: service, steps: [{', '.join(map(_WAIT.format, range(40)))}]}}\n"
    + _HEAD
    + "metadata: {name: in-pods}\nspec: {type: service, steps: [{id: s, name: Log, action: 'debug:log', "
    + "input: {message: x}}]}\n"
)


class Watch:
    """What has fired so far."""

    def __init__(self, server: Prometheus) -> None:
        self._server = server
        self._begun = time.monotonic()
        self.seen = set[str]()
        self.missed = set[str]()

    def until(self, *names: str, while_: Callable[[], object] = lambda: None) -> None:
        """Go on with a cause until alerts fire."""
        end = time.monotonic() + _SECONDS
        while not self.seen.issuperset(names) and time.monotonic() < end:
            while_()
            time.sleep(0.5)
            self.seen |= self._server.firing()
        for name in names:
            fired = name in self.seen
            print(f"{time.monotonic() - self._begun:6.1f} s {'fires' if fired else 'DOES NOT FIRE'}: {name}")  # noqa: T201
            if not fired:
                self.missed.add(name)


def main() -> int:
    """Cause them all; return the exit status."""
    with tempfile.TemporaryDirectory() as name, postgres() as server:
        folder = Path(name)
        with _busy(folder / "tasks") as busy, _asked(folder / "requests", server) as asked:
            rules = hurried()
            for long, short in _SHORTER.items():
                assert long in rules
                rules = rules.replace(long, short)
            with prometheus.running(folder, rules, [busy.metrics, asked.metrics]) as watching:
                watch = Watch(watching)
                _of_tasks(watch, busy)
                _of_the_process(watch, asked)
                _of_the_database(watch, server)
    return len(watch.missed)


@contextlib.contextmanager
def _busy(folder: Path) -> Iterator[Site]:
    """A service with a worker, whose provider and cluster do not answer."""
    away = f"127.0.0.1:{free_port()}"
    cluster = {"name": "c", "url": f"https://{away}", "serviceAccountToken": "t", "skipTLSVerify": True}
    pods = {"cluster": "c", "image": "x", "url": "http://127.0.0.1:$PORT"}
    rule = {"match": {"template": "template:default/in-pods", "action": "debug:log"}, "use": "kubernetes"}
    with _serving(
        folder,
        {"client": "better-sqlite3", "connection": {"filename": "./db.sqlite"}},
        "--workers",
        "1",
        integrations={"github": [{"host": away, "apiBaseUrl": f"http://{away}", "token": "t"}]},
        kubernetes={"clusterLocatorMethods": [{"type": "config", "clusters": [cluster]}]},
        scaffolder={
            "concurrentTasksLimit": 8,
            "limits": {"evaluationSteps": 20_000},
            "taskRecovery": {"enabled": True, "staleTimeout": {"seconds": 3}},
            "executor": {"kubernetes": pods, "rules": [rule]},
        },
        providers={"github": {"down": {"organization": "acme", "host": away}}},
    ) as site:
        yield site


@contextlib.contextmanager
def _asked(folder: Path, server: Postgres) -> Iterator[Site]:
    url = server.new_database("causes").replace("+psycopg", "")
    with _serving(folder, {"client": "pg", "connection": url}) as site:
        yield site


@contextlib.contextmanager
def _serving(folder: Path, database: Any, *arguments: str, providers: Any = None, **more: Any) -> Iterator[Site]:
    entities = folder.with_suffix(".yaml")
    entities.write_text(_TEMPLATES, encoding="utf-8")
    more["catalog"] = {
        "processingInterval": {"seconds": 1},
        "rules": [{"allow": ["User", "Template", "Location"]}],
        "locations": [{"type": "file", "target": str(entities)}],
        "providers": providers or {},
    }
    with serving(folder, database, *arguments, **more) as site:
        deadline = time.monotonic() + _SECONDS
        while not _knows(site, "in-pods") and time.monotonic() < deadline:
            time.sleep(0.2)
        yield site


def _knows(site: Site, template: str) -> bool:
    with contextlib.suppress(urllib.error.HTTPError):
        return bool(site.ask(f"/api/catalog/entities/by-name/template/default/{template}", token=site.token()))
    return False


def _of_tasks(watch: Watch, busy: Site) -> None:
    watch.until("BackstagePyBudgetsRefuse", while_=lambda: [busy.create("costly") for _ in range(5)])
    _stop_while_a_task_talks(busy)
    watch.until("BackstagePyEventStreamsLag")
    busy.create("in-pods")
    watch.until("BackstagePyClusterOfStepsDown", "BackstagePyCatalogProviderFails")
    for _ in range(12):
        busy.create("waits")
    watch.until("BackstagePyTaskQueueWaits")

    def kill() -> None:
        os.kill(busy.worker(), signal.SIGKILL)
        time.sleep(6)

    watch.until("BackstagePyTasksRecoveredOften", while_=kill)


def _stop_while_a_task_talks(site: Site) -> None:
    """Follow a task in the service, which stands still while the worker goes on with it."""
    path = f"{site.service.url}/api/scaffolder/v2/tasks/{site.create('talks')}/eventstream"
    request = urllib.request.Request(path, headers={"authorization": f"Bearer {site.token()}"})
    with urllib.request.urlopen(request) as stream:
        stream.readline()
        os.kill(site.service.process.pid, signal.SIGSTOP)
        time.sleep(9)
        os.kill(site.service.process.pid, signal.SIGCONT)
        stream.read()


def _of_the_process(watch: Watch, asked: Site) -> None:
    def stand_still() -> None:
        for _ in range(3):
            os.kill(asked.service.process.pid, signal.SIGSTOP)
            time.sleep(1.6)  # three times as long as between two looks at the clock
            os.kill(asked.service.process.pid, signal.SIGCONT)
            time.sleep(0.1)

    watch.until("BackstagePyEventLoopLags", while_=stand_still)
    token = asked.token()
    with ThreadPoolExecutor(4) as many:
        watch.until("BackstagePyMemoryGrows", while_=lambda: list(many.map(lambda _: _dry_run(asked, token), range(4))))


def _dry_run(site: Site, token: str) -> None:
    """Send as much as a dry run may hold."""
    body = {
        "template": {
            "apiVersion": "scaffolder.backstage.io/v1beta3",
            "kind": "Template",
            "metadata": {"name": "large"},
            "spec": {"type": "service", "steps": [{"id": "s", "name": "x", "action": "debug:log", "input": {}}]},
        },
        "values": {},
        "directoryContents": [{"path": f"f{n}", "base64Content": "eHh4" * 1_000_000} for n in range(2)],
    }
    with contextlib.suppress(urllib.error.HTTPError, OSError):
        site.ask("/api/scaffolder/v2/dry-run", body, token)


def _of_the_database(watch: Watch, server: Postgres) -> None:
    with server.connect("causes") as admin:
        admin.execute("BEGIN")
        admin.execute("LOCK TABLE refresh_state IN EXCLUSIVE MODE")
        watch.until("BackstagePyCatalogFallsBehind")
        admin.execute("ROLLBACK")
        admin.execute("ALTER TABLE stitch_queue RENAME TO away")
        watch.until("BackstagePyBackgroundLoopDies")
        admin.execute("ALTER TABLE away RENAME TO stitch_queue")

    def pause() -> None:
        server.pause()
        time.sleep(1.6)
        server.resume()

    watch.until("BackstagePyDatabaseSlow", while_=pause)


if __name__ == "__main__":
    sys.exit(main())
