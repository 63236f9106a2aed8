"""What Argo Rollouts says of a Rollout: counts of its pods, its phase, why, and conditions."""

from typing import Any

from tests.cluster.reconcilers.conditions import condition, merged
from tests.cluster.reconcilers.replica_sets import ReplicaSets


def counted(value: Any, status: Any, sets: ReplicaSets) -> Any:
    """Return how many pods there are."""
    new, listed = sets.of(status["currentPodHash"]), list(sets.by_hash.values())
    there, available = sum(one.there for one in listed), sum(one.available for one in listed)
    return {
        "replicas": there,
        "HPAReplicas": there,
        "updatedReplicas": new.there,
        "availableReplicas": available,
        "readyReplicas": available,
        "observedGeneration": str(value["metadata"]["generation"]),
        "selector": ",".join(f"{key}={one}" for key, one in value["spec"]["selector"]["matchLabels"].items()),
    }


def judged(value: Any, status: Any, sets: ReplicaSets, *, is_late: bool) -> Any:
    """Return the whole status, with its phase and conditions."""
    replicas, pod_hash = int(value["spec"].get("replicas", 1)), status["currentPodHash"]
    is_stable = status.get("stableRS") == pod_hash and sets.of(pod_hash).is_at(replicas)
    phase, message = _phase(status, is_stable=is_stable, is_late=is_late, name=sets.name(pod_hash))
    conditions = [
        _condition("Available", status["availableReplicas"] >= replicas, "AvailableReason", "minimum availability"),
        _condition("Progressing", phase != "Degraded", _reason(phase, message), message or "it has progressed"),
        _condition("Healthy", phase == "Healthy", "RolloutHealthy", phase),
    ]
    known = merged((value.get("status") or {}).get("conditions"), *conditions)
    return {**status, "phase": phase, "message": message or None, "conditions": known}


def _phase(status: Any, *, is_stable: bool, is_late: bool, name: str) -> tuple[str, str]:
    if status.get("abort"):
        return "Degraded", status["message"]
    if is_stable:
        return "Healthy", ""
    if status.get("pauseConditions"):
        return "Paused", status["pauseConditions"][0]["reason"]
    if is_late:
        return "Degraded", f'ProgressDeadlineExceeded: ReplicaSet "{name}" has timed out progressing.'
    return "Progressing", "more replicas need to be updated"


def _reason(phase: str, message: str) -> str:
    if phase == "Degraded":
        return message.partition(":")[0]
    return {"Healthy": "NewReplicaSetAvailable", "Paused": "RolloutPaused"}.get(phase, "ReplicaSetUpdated")


def _condition(kind: str, status: bool, reason: str, message: str) -> Any:
    made = condition(kind, status, reason)
    return {**made, "lastUpdateTime": made["lastTransitionTime"], "message": message}
