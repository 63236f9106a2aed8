"""What Prometheus is asked about a produced service: by its dashboard, its alerts, and the analysis of its canary."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.deploy import rendering
from tests.golden_paths.burning import NAMESPACE
from tests.golden_paths.produced import NAME

_OF_TARGETS = {"namespace", "job", "pod", "le", "rollouts_pod_template_hash"}
"""Labels that Prometheus puts on what it scrapes through the ServiceMonitor."""
_OF_PROMETHEUS = {"up", "job:http_requests:error_ratio_rate", "job:http_requests:slow_ratio_rate"}
_SELECTOR = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\{(.*?)\}")
_LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"")
_GROUPING = re.compile(r"\bby\s*\((.*?)\)")


def objects(repository: Path, values: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what the chart makes with all that asks something, by kind."""
    on = {"enabled": True}
    given = {"prometheusRule": on, "dashboard": on, "rollout": on, **values}
    made = rendering.rendered(given, chart=repository / "chart", name=NAME, namespace=NAMESPACE)
    return {one["kind"]: one for one in made}


def groups(repository: Path, **slo: float) -> list[dict[str, Any]]:
    """Return the groups of rules."""
    rule = objects(repository, {"prometheusRule": {"enabled": True, "slo": slo}})["PrometheusRule"]
    found: list[dict[str, Any]] = rule["spec"]["groups"]
    return found


def dashboard(repository: Path) -> dict[str, Any]:
    """Return the dashboard, as Grafana gets it."""
    (text,) = objects(repository, {})["ConfigMap"]["data"].values()
    found: dict[str, Any] = json.loads(text)
    return found


def asked(repository: Path) -> Iterator[str]:
    """All queries: of the dashboard, of the alerts, of the canary's analysis."""
    made = dashboard(repository)
    for panel in made["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    yield from (one["expr"] for one in made["annotations"]["list"])
    yield from (rule["expr"] for group in groups(repository) for rule in group["rules"])
    analysis = objects(repository, {})["AnalysisTemplate"]["spec"]
    yield from (metric["provider"]["prometheus"]["query"] for metric in analysis["metrics"])


def unmet(repository: Path, scraped: str) -> list[str]:
    """Return what is asked, and not in what a service that has answered a request gives Prometheus."""
    exported: dict[str, set[str]] = {}
    for sample in (one for family in text_string_to_metric_families(scraped) for one in family.samples):
        exported.setdefault(sample.name, set()).update(sample.labels)
    queries = list(asked(repository))
    return sorted({*_not_told_apart(exported), *_unseen(exported, queries), *_missing(exported, queries)})


def _not_told_apart(exported: dict[str, set[str]]) -> Iterator[str]:
    for name, labels in exported.items():
        yield from (f"{name} has a label {one} of its own" for one in labels & (_OF_TARGETS - {"le"}))


def _unseen(exported: dict[str, set[str]], queries: list[str]) -> Iterator[str]:
    seen = {name for query in queries for name, _ in _SELECTOR.findall(query)}
    for name in exported:
        if name.startswith("http_") and not name.endswith(("_sum", "_created")) and name not in seen:
            yield f"nobody asks for {name}"


def _missing(exported: dict[str, set[str]], queries: list[str]) -> Iterator[str]:
    for query in queries:
        known = set(_OF_TARGETS)
        for name, within in _SELECTOR.findall(query):
            if name not in exported and re.sub(r"(?<=_rate)\d+[mhd]$", "", name) not in _OF_PROMETHEUS:
                yield f"{name} is not exported"
            labels = exported.get(name, set()) | _OF_TARGETS
            yield from (f"{name} has no label {one}" for one in _LABEL.findall(within) if one not in labels)
            known |= labels
        grouped = {one.strip() for listed in _GROUPING.findall(query) for one in listed.split(",")}
        yield from (f"there is no label {one}: {query}" for one in grouped - known)
