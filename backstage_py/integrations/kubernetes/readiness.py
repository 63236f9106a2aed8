"""Whether an object is ready, as its status says: pure, by kind.

What has a controller is judged only by a status that has seen the object as it is now (``observedGeneration``).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from backstage_py.model.json import JsonObject


@dataclass(frozen=True, slots=True)
class Verdict:
    """How it stands: ``text`` says it in a few words; ``is_done`` and ``has_failed`` are final."""

    text: str
    is_done: bool = False
    has_failed: bool = False


def pending(text: str) -> Verdict:
    """Not yet."""
    return Verdict(text)


def done(text: str) -> Verdict:
    """It is so."""
    return Verdict(text, is_done=True)


def failed(text: str) -> Verdict:
    """It will not come."""
    return Verdict(text, has_failed=True)


Judge = Callable[[JsonObject | None], Verdict]


def conditions(value: JsonObject) -> Iterator[JsonObject]:
    """Yield the conditions of an object's status."""
    for one in (value.get("status") or {}).get("conditions") or []:
        if isinstance(one, dict):
            yield one


def condition(value: JsonObject, type: str) -> JsonObject | None:  # noqa: A002  # its name in the API
    """Return a condition by its type, whatever its letters' case; None when there is none."""
    return next((one for one in conditions(value) if str(one.get("type")).lower() == type.lower()), None)


def described(one: JsonObject | None) -> str:
    """Return a condition in words: ``Ready=False (Creating: the instance is being made)``."""
    if one is None:
        return ""
    why = ": ".join(str(one[key]) for key in ("reason", "message") if one.get(key))
    return f"{one.get('type')}={one.get('status')}" + (f" ({why})" if why else "")


def is_observed(value: JsonObject, one: JsonObject | None = None) -> bool:
    """Whether the controller has seen the object, or this condition of it, as it is now.

    Controllers that write no ``observedGeneration`` are believed.
    """
    generation = value["metadata"].get("generation")
    seen = [(value.get("status") or {}).get("observedGeneration"), (one or {}).get("observedGeneration")]
    return generation is None or all(number is None or number >= generation for number in seen)


def ready(value: JsonObject | None) -> Verdict:
    """Judge an object by what its kind understands by ready; where nothing says so, being there is enough."""
    if value is None:
        return pending("not there")
    if value["metadata"].get("deletionTimestamp"):
        return pending("being deleted")
    judge = _OF_KIND.get((value["apiVersion"].rpartition("/")[0], value["kind"]), _by_conditions)
    return judge(value)


def rollout(value: JsonObject | None) -> Verdict:
    """Judge a Deployment, StatefulSet, DaemonSet or Rollout of Argo: whether all its pods are of its newest form."""
    return ready(value)


def says(value: JsonObject) -> bool:
    """Whether an object says how it stands, or is of a kind that is known; else being there is all that counts."""
    is_known = (value["apiVersion"].rpartition("/")[0], value["kind"]) in _OF_KIND
    has_seen = "observedGeneration" in (value.get("status") or {})
    return is_known or has_seen or any(condition(value, name) for name in _READY)


def _by_conditions(value: JsonObject) -> Verdict:
    stalled, busy = condition(value, "Stalled"), condition(value, "Reconciling")
    if stalled and stalled.get("status") == "True" and is_observed(value, stalled):
        return failed(described(stalled))
    if busy and busy.get("status") == "True":
        return pending(described(busy))
    for name in _READY:
        found = condition(value, name)
        if found is not None:
            if not is_observed(value, found):
                return pending("its controller has not seen it yet")
            return (done if found.get("status") == "True" else pending)(described(found))
    return pending("its controller has not seen it yet") if not is_observed(value) else done("there")


def _deployment(value: JsonObject) -> Verdict:
    spec, status = value.get("spec") or {}, value.get("status") or {}
    if not is_observed(value) or "observedGeneration" not in status:
        return pending("its controller has not seen it yet")
    progressing, failure = condition(value, "Progressing"), condition(value, "ReplicaFailure")
    if progressing and progressing.get("reason") == "ProgressDeadlineExceeded":
        return failed(described(progressing))
    if failure and failure.get("status") == "True":
        return failed(described(failure))
    wanted = spec.get("replicas", 1)
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    old = status.get("replicas", 0) - updated
    text = f"{updated} of {wanted} updated, {available} available" + (f", {old} old" if old > 0 else "")
    return (done if updated >= wanted and available >= updated and old <= 0 else pending)(text)


def _stateful_set(value: JsonObject) -> Verdict:
    spec, status = value.get("spec") or {}, value.get("status") or {}
    if not is_observed(value) or "observedGeneration" not in status:
        return pending("its controller has not seen it yet")
    wanted, are_ready = spec.get("replicas", 1), status.get("readyReplicas", 0)
    text = f"{status.get('updatedReplicas', 0)} of {wanted} updated, {are_ready} ready"
    if (spec.get("updateStrategy") or {}).get("type") == "OnDelete":
        return (done if are_ready >= wanted else pending)(text)
    is_new = status.get("updateRevision") in (None, status.get("currentRevision")) or (
        status.get("updatedReplicas", 0) >= wanted
    )
    return (done if is_new and are_ready >= wanted else pending)(text)


def _daemon_set(value: JsonObject) -> Verdict:
    status = value.get("status") or {}
    if not is_observed(value) or "observedGeneration" not in status:
        return pending("its controller has not seen it yet")
    wanted, updated = status.get("desiredNumberScheduled", 0), status.get("updatedNumberScheduled", 0)
    available = status.get("numberAvailable", 0)
    text = f"{updated} of {wanted} updated, {available} available"
    return (done if updated >= wanted and available >= wanted else pending)(text)


def _job(value: JsonObject) -> Verdict:
    status = value.get("status") or {}
    broken = condition(value, "Failed")
    if broken and broken.get("status") == "True":
        return failed(described(broken))
    complete = condition(value, "Complete")
    if complete and complete.get("status") == "True":
        return done(described(complete))
    counts = ", ".join(f"{status[key]} {key}" for key in ("active", "succeeded", "failed") if status.get(key))
    return pending(counts or "not started")


def _pod(value: JsonObject) -> Verdict:
    status = value.get("status") or {}
    phase = status.get("phase", "Pending")
    if phase == "Failed":
        return failed(": ".join(str(one) for one in ("Failed", status.get("reason"), status.get("message")) if one))
    if phase == "Succeeded":
        return done("Succeeded")
    found = condition(value, "Ready")
    return done("Ready") if found and found.get("status") == "True" else pending(str(phase))


def _namespace(value: JsonObject) -> Verdict:
    phase = str((value.get("status") or {}).get("phase"))
    return (done if phase == "Active" else pending)(phase)


def _definition(value: JsonObject) -> Verdict:
    refused = condition(value, "NamesAccepted")
    if refused and refused.get("status") == "False":
        return failed(described(refused))
    found = condition(value, "Established")
    return (done if found and found.get("status") == "True" else pending)(described(found) or "not established")


def _volume_claim(value: JsonObject) -> Verdict:
    phase = str((value.get("status") or {}).get("phase"))
    return failed("Lost") if phase == "Lost" else (done if phase == "Bound" else pending)(phase)


def _argo_rollout(value: JsonObject) -> Verdict:
    status = value.get("status") or {}
    if str(status.get("observedGeneration") or "") != str(value["metadata"].get("generation")):
        return pending("its controller has not seen it yet")  # it writes the number as a text
    phase, message = str(status.get("phase") or "Progressing"), str(status.get("message") or "")
    text = f"{phase}: {message}" if message else phase
    return {"Healthy": done, "Degraded": failed}.get(phase, pending)(text)


_READY = ("Ready", "Available", "Succeeded", "Complete")
_OF_KIND: dict[tuple[str, str], Callable[[JsonObject], Verdict]] = {
    ("apps", "Deployment"): _deployment,
    ("apps", "StatefulSet"): _stateful_set,
    ("apps", "DaemonSet"): _daemon_set,
    ("batch", "Job"): _job,
    ("", "Pod"): _pod,
    ("", "Namespace"): _namespace,
    ("", "PersistentVolumeClaim"): _volume_claim,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
    ("argoproj.io", "Rollout"): _argo_rollout,
}
ROLLOUTS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "Rollout"})
