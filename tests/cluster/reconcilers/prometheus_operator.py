"""The Prometheus operator: ServiceMonitors and PrometheusRules of some namespaces become the work of a real Prometheus.

What a ServiceMonitor says is translated as the operator does it: Services by their labels, endpoints by the name of
their port, the labels ``namespace``, ``service``, ``pod``, ``container``, ``endpoint`` and ``job``, and the pod's own
that it names. Pods are found by this, not by Prometheus: Debian's has no discovery by Kubernetes.
"""

import contextlib
import json
import re
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from urllib3.exceptions import HTTPError

from tests.cluster.calls import Api, ApiException
from tests.monitoring import prometheus
from tests.monitoring.prometheus import Prometheus

_MONITORING = "/apis/monitoring.coreos.com/v1/namespaces"
_LOOK = 0.3


class PrometheusOperator:
    """Keeps the configuration of a Prometheus, in a folder, as the namespaces have it."""

    def __init__(self, api: Api, namespaces: list[str], folder: Path) -> None:
        self._api, self._namespaces, self._folder = api, namespaces, folder
        self._written: dict[str, str] = {}
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self.server: Prometheus | None = None
        self._write()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._is_over.wait(_LOOK):
            with contextlib.suppress(ApiException, HTTPError, OSError):  # a kind or namespace is not there yet
                self._write()

    def _write(self) -> None:
        monitors, rules = self._listed("servicemonitors"), self._listed("prometheusrules")
        jobs = [job for one in monitors for job in _jobs(one)]
        groups = [group for one in rules for group in one["spec"]["groups"]]
        config = {
            "global": {"evaluation_interval": "1s"},
            "rule_files": ["rules.yaml"],
            "scrape_configs": [scrape for scrape, _, _ in jobs],
        }
        for scrape, monitor, endpoint in jobs:
            self._put(f"{scrape['job_name'].replace('/', '-')}.json", self._targets(monitor, endpoint))
        changed = self._put("rules.yaml", {"groups": groups})
        changed |= self._put("prometheus.yml", config)
        if changed and self.server:
            request = urllib.request.Request(f"{self.server.url}/-/reload", method="POST")
            urllib.request.urlopen(request, timeout=30).close()

    def _listed(self, plural: str) -> list[Any]:
        return [one for name in self._namespaces for one in self._api.items(f"{_MONITORING}/{name}/{plural}")]

    def _targets(self, monitor: Any, endpoint: Any) -> list[Any]:
        core = f"/api/v1/namespaces/{monitor['metadata']['namespace']}"
        wanted = ",".join(f"{key}={one}" for key, one in monitor["spec"]["selector"]["matchLabels"].items())
        services = self._api.items(f"{core}/services?labelSelector={wanted}")
        if not services:
            return []
        pods = {one["metadata"]["name"]: one for one in self._api.items(f"{core}/pods")}
        found = [self._api.find(f"{core}/endpoints/{one['metadata']['name']}") or {} for one in services]
        return [
            target
            for service, one in zip(services, found, strict=True)
            for target in _of_service(service, one, pods, monitor, endpoint)
        ]

    def _put(self, name: str, content: Any) -> bool:
        """Write a file at once, if there is something new to it."""
        text = json.dumps(content, indent=1)
        if self._written.get(name) == text:
            return False
        (self._folder / f".{name}").write_text(text, encoding="utf-8")
        (self._folder / f".{name}").rename(self._folder / name)
        self._written[name] = text
        return True


def _jobs(monitor: Any) -> list[tuple[Any, Any, Any]]:
    """Return a job for each endpoint of a ServiceMonitor, with both."""
    where = f"{monitor['metadata']['namespace']}/{monitor['metadata']['name']}"
    made = []
    for index, endpoint in enumerate(monitor["spec"]["endpoints"]):
        name = f"serviceMonitor/{where}/{index}"
        interval = endpoint.get("interval", "30s")
        scrape = {
            "job_name": name,
            "scrape_interval": interval,
            "scrape_timeout": endpoint.get("scrapeTimeout", interval),
            "metrics_path": endpoint.get("path", "/metrics"),
            "file_sd_configs": [{"files": [f"{name.replace('/', '-')}.json"], "refresh_interval": "1s"}],
        }
        made.append((scrape, monitor, endpoint))
    return made


def _of_service(service: Any, endpoints: Any, pods: dict[str, Any], monitor: Any, endpoint: Any) -> Iterator[Any]:
    for subset in endpoints.get("subsets") or []:
        for port in [one for one in subset.get("ports") or [] if one.get("name") == endpoint["port"]]:
            for address in [*(subset.get("addresses") or []), *(subset.get("notReadyAddresses") or [])]:
                if pod := pods.get((address.get("targetRef") or {}).get("name", "")):
                    labels = _labels(service, pod, endpoint) | _of_pod(pod, monitor)
                    yield {"targets": [f"{address['ip']}:{port['port']}"], "labels": labels}


def _labels(service: Any, pod: Any, endpoint: Any) -> dict[str, str]:
    name = service["metadata"]["name"]
    return {
        "job": name,
        "namespace": service["metadata"]["namespace"],
        "service": name,
        "pod": pod["metadata"]["name"],
        "container": pod["spec"]["containers"][0]["name"],
        "endpoint": endpoint["port"],
    }


def _of_pod(pod: Any, monitor: Any) -> dict[str, str]:
    own = pod["metadata"].get("labels") or {}
    wanted = monitor["spec"].get("podTargetLabels") or []
    return {re.sub(r"[^a-zA-Z0-9_]", "_", key): own[key] for key in wanted if key in own}


@contextlib.contextmanager
def running(api: Api, namespaces: list[str], folder: Path) -> Iterator[Prometheus]:
    """Have a Prometheus that scrapes and judges what the namespaces ask for, until the block is left."""
    folder.mkdir()
    with PrometheusOperator(api, namespaces, folder) as operator, prometheus.serving(folder) as server:
        operator.server = server
        yield server
