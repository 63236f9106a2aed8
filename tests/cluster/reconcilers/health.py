"""How well an object is, as Argo CD judges its kind."""

from typing import Any

ORDER = ("Healthy", "Suspended", "Progressing", "Missing", "Degraded")
"""From good to bad; an Application is as well as the worst of its resources."""


def of(value: Any) -> Any:
    """Return the health of an object, None for a kind that has none."""
    judge = {"Deployment": _deployment, "Rollout": _rollout}.get(value["kind"])
    return judge(value) if judge else None


def worst(found: list[str]) -> str:
    return max(found, key=ORDER.index, default="Healthy")


def _deployment(value: Any) -> Any:
    spec, status = value["spec"], value.get("status") or {}
    wanted, updated = spec.get("replicas", 1), status.get("updatedReplicas", 0)
    reasons = [one.get("reason") for one in status.get("conditions") or [] if one["type"] == "Progressing"]
    if status.get("observedGeneration", 0) < value["metadata"].get("generation", 0):
        return _said("Progressing", "Waiting for rollout to finish: observed deployment generation less than desired")
    if "ProgressDeadlineExceeded" in reasons:
        return _said("Degraded", f'Deployment "{value["metadata"]["name"]}" exceeded its progress deadline')
    if updated < wanted or status.get("replicas", 0) > updated or status.get("availableReplicas", 0) < updated:
        return _said("Progressing", f"Waiting for rollout to finish: {updated} out of {wanted} have been updated")
    return _said("Healthy")


def _rollout(value: Any) -> Any:
    status = value.get("status") or {}
    if status.get("observedGeneration") != str(value["metadata"]["generation"]):
        return _said("Progressing", "Waiting for rollout spec update to be observed")
    phase = {"Paused": "Suspended"}.get(status["phase"], status["phase"])
    return _said(phase, status.get("message") or "")


def _said(status: str, message: str = "") -> Any:
    return {"status": status} | ({"message": message} if message else {})
