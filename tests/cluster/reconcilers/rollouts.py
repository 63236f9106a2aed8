"""Argo Rollouts: a canary step by step, judged by AnalysisRuns, and back to the stable version when one fails.

As the real controller does it without a router of traffic: a weight is a share of the pods. It knows ``setWeight``,
``pause`` and ``analysis`` steps and an analysis in the background; ``Analyses`` measures.
"""

import time
from typing import Any

from tests.cluster.calls import Api
from tests.cluster.reconcilers import analysis_runs, canary, rollout_status
from tests.cluster.reconcilers.analysis import OVER, seconds
from tests.cluster.reconcilers.analysis_runs import AnalysisRuns
from tests.cluster.reconcilers.base import Reconciler
from tests.cluster.reconcilers.conditions import now
from tests.cluster.reconcilers.kept import kept
from tests.cluster.reconcilers.replica_sets import HASH, ReplicaSets, hash_of

_LOOK = 0.2
_DEADLINE = 600
_FULL = 100
_NO_RUNS = {"currentStepAnalysisRunStatus": None, "currentBackgroundAnalysisRunStatus": None}


class Rollouts(Reconciler):
    """Acts on the Rollouts of one namespace."""

    def __init__(self, api: Api, namespace: str) -> None:
        root = f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}"
        super().__init__(api, f"{root}/rollouts")
        self._namespace, self._runs = namespace, AnalysisRuns(api, root)
        self._moved: dict[str, tuple[Any, float]] = {}

    def set_status(self, value: Any, status: Any) -> Any:
        change = _change(status, value.get("status") or {})
        return kept(change, super().set_status(value, change))

    def reconcile(self, value: Any) -> float:
        status, steps = dict(value.get("status") or {}), value["spec"]["strategy"]["canary"].get("steps") or []
        pod_hash, step_hash = hash_of(value["spec"]["template"]), hash_of(steps)
        if (status.get("currentPodHash"), status.get("currentStepHash")) != (pod_hash, step_hash):
            status = self._restarted(value, status, pod_hash, step_hash, steps)
        sets = ReplicaSets(self.api, value)
        sets.make(pod_hash)
        sets = ReplicaSets(self.api, value)
        self._route(value, status, sets)
        is_scaled = self._scale(value, status, sets)
        status = self._stepped(value, status, sets, steps, is_scaled=is_scaled)
        self._report(value, status, ReplicaSets(self.api, value))
        return _LOOK

    def _restarted(self, value: Any, status: Any, pod_hash: str, step_hash: str, steps: list[Any]) -> Any:
        """Begin with the first step; nothing is tried out for a first version, and for the one that is stable."""
        is_plain = status.get("stableRS") in (None, pod_hash)
        begun = {"currentPodHash": pod_hash, "currentStepHash": step_hash, "abort": False, "abortedAt": None}
        begun |= {"currentStepIndex": len(steps) if is_plain else 0, "pauseConditions": None, "controllerPause": False}
        self._runs.end(value)
        return {**status, **begun, "canary": _NO_RUNS}

    def _weight(self, status: Any, steps: list[Any]) -> int:
        if status.get("abort"):
            return 0
        index = status.get("currentStepIndex", 0)
        if index >= len(steps):
            return _FULL
        return next((int(one["setWeight"]) for one in reversed(steps[: index + 1]) if "setWeight" in one), 0)

    def _scale(self, value: Any, status: Any, sets: ReplicaSets) -> bool:
        """Bring both versions nearer to the weight; return whether they are there."""
        spec, steps = value["spec"], value["spec"]["strategy"]["canary"].get("steps") or []
        replicas, now_hash, stable_hash = int(spec.get("replicas", 1)), status["currentPodHash"], status.get("stableRS")
        for other in set(sets.by_hash) - {now_hash, stable_hash}:
            sets.scale(other, 0)
        if stable_hash in (None, now_hash):
            sets.scale(now_hash, replicas)
            return sets.of(now_hash).is_at(replicas)
        how = spec["strategy"]["canary"]
        surge = canary.absolute(how.get("maxSurge", "25%"), replicas, up=True)
        down = canary.absolute(how.get("maxUnavailable", "25%"), replicas, up=False)
        goal = canary.wanted(self._weight(status, steps), replicas, surge)
        new, old = sets.of(now_hash), sets.of(stable_hash)
        bounds = (replicas - down, replicas + max(surge, 0 if down else 1))
        pair = canary.scaled(goal, (new.wanted, old.wanted), (new.available, old.available), bounds)
        sets.scale(now_hash, pair[0])
        sets.scale(stable_hash, pair[1])
        return new.is_at(goal[0]) and old.is_at(goal[1])

    def _route(self, value: Any, status: Any, sets: ReplicaSets) -> None:
        """Point the Services of the versions, where there are such, at their pods."""
        how, newest = value["spec"]["strategy"]["canary"], status["currentPodHash"]
        wanted = {"stableService": status.get("stableRS") or newest, "canaryService": newest}
        for key, pod_hash in wanted.items():
            path = f"/api/v1/namespaces/{self._namespace}/services/{how.get(key)}"
            found = self.api.find(path) if how.get(key) and sets.of(pod_hash).available else None
            if found and (found["spec"].get("selector") or {}).get(HASH) != pod_hash:
                self.api.patch(path, {"spec": {"selector": {HASH: pod_hash}}})

    def _stepped(self, value: Any, status: Any, sets: ReplicaSets, steps: list[Any], *, is_scaled: bool) -> Any:
        """Go on to the next step when this one is over; the last one makes the version the stable one."""
        if status.get("abort"):
            return status
        index, now_hash = status.get("currentStepIndex", 0), status["currentPodHash"]
        status = self._watched(value, status, sets, index)
        if status.get("abort"):
            return status
        if index >= len(steps):
            if is_scaled and status.get("stableRS") != now_hash:
                self._runs.end(value)
                return {**status, "stableRS": now_hash, "canary": _NO_RUNS}
            return status
        return self._taken(value, status, sets, steps[index], is_scaled=is_scaled)

    def _taken(self, value: Any, status: Any, sets: ReplicaSets, step: Any, *, is_scaled: bool) -> Any:
        following = {**status, "currentStepIndex": status.get("currentStepIndex", 0) + 1}
        if "setWeight" in step:
            return following if is_scaled else status
        if "pause" in step:
            return self._paused(value, status, following, step["pause"] or {})
        run = self._runs.of(value, status, sets, step["analysis"], f"-{status.get('currentStepIndex', 0)}")
        told = {"canary": {**(status.get("canary") or {}), "currentStepAnalysisRunStatus": analysis_runs.told(run)}}
        phase = (run.get("status") or {}).get("phase")
        if phase == "Successful":
            return {**following, **told}
        return self._aborted({**status, **told}, sets, "Step-based", run) if phase in OVER else {**status, **told}

    def _paused(self, value: Any, status: Any, following: Any, pause: Any) -> Any:
        key = f"{value['metadata']['uid']}/{status['currentPodHash']}/{status.get('currentStepIndex', 0)}"
        _, since = self._moved.setdefault(key, ("", time.monotonic()))
        is_over = "duration" in pause and time.monotonic() - since >= seconds(pause["duration"])
        if is_over or (status.get("controllerPause") and not status.get("pauseConditions")):  # somebody promoted it
            return {**following, "pauseConditions": None, "controllerPause": False}
        begun = status.get("pauseConditions") or [{"reason": "CanaryPauseStep", "startTime": now()}]
        return {**status, "pauseConditions": begun, "controllerPause": True}

    def _watched(self, value: Any, status: Any, sets: ReplicaSets, index: int) -> Any:
        """Have the analysis in the background run, from its step on and as long as the canary is tried out."""
        analysis = value["spec"]["strategy"]["canary"].get("analysis")
        is_plain = status.get("stableRS") in (None, status["currentPodHash"])
        if not analysis or is_plain or index < int(analysis.get("startingStep") or 0):
            return status
        run = self._runs.of(value, status, sets, analysis, "")
        told = {
            "canary": {**(status.get("canary") or {}), "currentBackgroundAnalysisRunStatus": analysis_runs.told(run)}
        }
        phase = (run.get("status") or {}).get("phase")
        is_bad = phase in OVER and phase != "Successful"
        return self._aborted({**status, **told}, sets, "Background", run) if is_bad else {**status, **told}

    def _aborted(self, status: Any, sets: ReplicaSets, kind: str, run: Any) -> Any:
        found = run["status"]
        revision = sets.of(status["currentPodHash"]).revision
        message = f"{kind} analysis phase error/failed: {found.get('message', '')}"
        words = f"RolloutAborted: Rollout aborted update to revision {revision}: {message}"
        cleared = {"pauseConditions": None, "controllerPause": False, "currentStepIndex": 0}
        return {**status, **cleared, "abort": True, "abortedAt": now(), "message": words}

    def _report(self, value: Any, status: Any, sets: ReplicaSets) -> None:
        told = rollout_status.counted(value, status, sets)
        is_late = self._is_late(value, [told, status.get("currentStepIndex"), status["currentPodHash"]])
        new, before = rollout_status.judged(value, {**status, **told}, sets, is_late=is_late), value.get("status") or {}
        if any(before.get(key) != one for key, one in new.items() if one or before.get(key)):
            self.set_status(value, new)

    def _is_late(self, value: Any, state: Any) -> bool:
        """Whether nothing has moved for as long as the Rollout allows."""
        uid = value["metadata"]["uid"]
        if self._moved.get(uid, (None, 0.0))[0] != state:
            self._moved[uid] = (state, time.monotonic())
        deadline = int(value["spec"].get("progressDeadlineSeconds") or _DEADLINE)
        return time.monotonic() - self._moved[uid][1] > deadline


def _change(new: Any, before: Any) -> Any:
    """Leave out what shall not be and is not: an API server of this age keeps such a null in a status that is new."""
    there = before if isinstance(before, dict) else {}
    return {
        key: _change(one, there.get(key)) if isinstance(one, dict) else one
        for key, one in new.items()
        if one is not None or key in there
    }
