"""Argo Rollouts' AnalysisRuns: each metric is asked of a real Prometheus, measured and judged as the template says."""

import contextlib
import json
import re
import time
import urllib.parse
import urllib.request
from typing import Any

from tests.cluster.calls import Api
from tests.cluster.reconcilers import expressions
from tests.cluster.reconcilers.base import Reconciler
from tests.cluster.reconcilers.conditions import now
from tests.cluster.reconcilers.kept import kept

OVER = ("Successful", "Failed", "Error", "Inconclusive")
_LOOK = 0.2
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_ERRORS = 4
"""``consecutiveErrorLimit`` where a metric says nothing."""


class Analyses(Reconciler):
    """Measures the AnalysisRuns of one namespace; their kind has no status of its own."""

    def __init__(self, api: Api, namespace: str) -> None:
        super().__init__(api, f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}/analysisruns")
        self._next_look: dict[tuple[str, str], float] = {}

    def set_status(self, value: Any, status: Any) -> Any:
        return kept(status, self.api.patch(self.of(value), {"status": status}))

    def reconcile(self, value: Any) -> float | None:
        status = value.get("status") or {}
        if status.get("phase") in OVER:
            return None
        before = {one["name"]: one for one in status.get("metricResults") or []}
        results = [self._measured(value, one, before.get(one["name"])) for one in value["spec"]["metrics"]]
        phase, message = _overall(results, is_ended=bool(value["spec"].get("terminate")))
        new = {"phase": phase, "startedAt": status.get("startedAt") or now(), "metricResults": results}
        new |= {"message": message} if message else {}
        new |= {"completedAt": now()} if phase in OVER else {}
        if new != status:
            self.set_status(value, new)
        return None if phase in OVER else _LOOK

    def _measured(self, run: Any, metric: Any, before: Any) -> Any:
        """Return the result of a metric, with one more measurement if its time has come."""
        result = dict(before or {"name": metric["name"], "phase": "Running"})
        key = (run["metadata"]["uid"], metric["name"])
        if result["phase"] in OVER or time.monotonic() < self._next_look.setdefault(
            key, time.monotonic() + seconds(metric.get("initialDelay"))
        ):
            return result
        self._next_look[key] = time.monotonic() + seconds(metric.get("interval"))
        measured = _measure(run, metric)
        result["measurements"] = [*(result.get("measurements") or []), measured][-10:]
        result["count"] = result.get("count", 0) + (measured["phase"] != "Error")
        counter = measured["phase"].lower()
        result[counter] = result.get(counter, 0) + 1
        result["consecutiveError"] = result.get("consecutiveError", 0) + 1 if counter == "error" else 0
        result["phase"], message = _judged(metric, result)
        return result | ({"message": message} if message else {})


def _measure(run: Any, metric: Any) -> Any:
    """Ask once; what cannot be asked or judged is an error, as the real controller has it."""
    asked, began = metric["provider"]["prometheus"], now()
    found: dict[str, Any] = {"startedAt": began}
    try:
        result = _asked(_filled(asked["address"], run), _filled(asked["query"], run))
        found |= {"value": json.dumps(result), "phase": verdict(metric, run, result)}
    except (OSError, LookupError, ValueError, TypeError) as error:
        found |= {"phase": "Error", "message": f"{type(error).__name__}: {error}"}
    return {**found, "finishedAt": now()}


def _asked(address: str, query: str) -> Any:
    """Return the numbers of a vector, or the one of a scalar."""
    url = f"{address.rstrip('/')}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    with contextlib.closing(urllib.request.urlopen(url, timeout=10)) as answer:
        data = json.loads(answer.read())["data"]
    if data["resultType"] == "scalar":
        return float(data["result"][1])
    return [float(one["value"][1]) for one in data["result"]]


def verdict(metric: Any, run: Any, result: Any) -> str:
    """Judge one measurement."""
    good, bad = metric.get("successCondition"), metric.get("failureCondition")
    if bad and expressions.holds(_filled(bad, run), result):
        return "Failed"
    if good and expressions.holds(_filled(good, run), result):
        return "Successful"
    return "Failed" if good and not bad else "Inconclusive" if good else "Successful"


def _judged(metric: Any, result: Any) -> tuple[str, str]:
    """Return the phase of a metric, and why it is no good."""
    limits = (
        ("Failed", "failed", "failureLimit", 0),
        ("Inconclusive", "inconclusive", "inconclusiveLimit", 0),
        ("Error", "consecutiveError", "consecutiveErrorLimit", _ERRORS),
    )
    for phase, counter, name, default in limits:
        count, limit = result.get(counter, 0), int(metric.get(name, default))
        if count > limit >= 0:
            last = result["measurements"][-1].get("message")
            return phase, f"{counter} ({count}) > {name} ({limit})" + (f": {last}" if phase == "Error" else "")
    wanted = int(metric.get("count") or 0) or (0 if metric.get("interval") else 1)
    return ("Successful" if wanted and result["count"] >= wanted else "Running"), ""


def _overall(results: list[Any], *, is_ended: bool) -> tuple[str, str]:
    for phase in ("Error", "Failed", "Inconclusive"):
        for one in results:
            if one["phase"] == phase:
                return phase, f'Metric "{one["name"]}" assessed {phase} due to {one["message"]}'
    if is_ended or all(one["phase"] == "Successful" for one in results):
        return "Successful", "Run Terminated" if is_ended else ""
    return "Running", ""


def _filled(text: str, run: Any) -> str:
    values = {one["name"]: one.get("value", "") for one in run["spec"].get("args") or []}
    return re.sub(r"\{\{ ?args\.([\w-]+) ?\}\}", lambda found: values[found[1]], text)


def seconds(text: Any) -> float:
    """Return how long a duration such as ``1m30s`` is; a bare number is seconds, nothing is none."""
    if not text:
        return 0.0
    parts = re.findall(r"([\d.]+)(ms|s|m|h)", str(text))
    return sum(float(number) * _UNITS[unit] for number, unit in parts) if parts else float(text)
