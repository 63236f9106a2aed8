"""Argo CD's Applications: how they are written, and how they stand."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from backstage_py.integrations.gitops import revisions
from backstage_py.integrations.gitops.faults import unwell
from backstage_py.integrations.kubernetes.readiness import Verdict, done, failed, pending
from backstage_py.integrations.kubernetes.refs import Ref
from backstage_py.model.json import Json, JsonObject

API_VERSION = "argoproj.io/v1alpha1"
FINALIZER = "resources-finalizer.argocd.argoproj.io"
REFRESH = "argocd.argoproj.io/refresh"
STEP = "backstage-py.io/step"
LOCAL_CLUSTER = "https://kubernetes.default.svc"
_COMPARED = ("repoURL", "path", "chart", "targetRevision", "helm", "kustomize")
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """What is deployed where.

    Attributes:
        name: of the Application.
        namespace: in which Argo CD finds it.
        project: of Argo CD, which says what may be deployed where.
        source: ``spec.source`` as Argo CD has it.
        destination: ``spec.destination``.
        sync_policy: ``spec.syncPolicy``; empty means that somebody syncs it.
        cascade: whether what was deployed goes with it.
        labels: of the Application.
    """

    name: str
    namespace: str
    project: str
    source: JsonObject
    destination: JsonObject
    sync_policy: JsonObject
    cascade: bool = True
    labels: Mapping[str, str] = field(default_factory=dict)

    def manifest(self) -> JsonObject:
        """Return the Application."""
        metadata: JsonObject = {"name": self.name, "namespace": self.namespace}
        if self.labels:
            metadata["labels"] = dict(self.labels)
        if self.cascade:
            metadata["finalizers"] = [FINALIZER]
        spec = {"project": self.project, "source": self.source, "destination": self.destination}
        if self.sync_policy:
            spec["syncPolicy"] = self.sync_policy
        return {"apiVersion": API_VERSION, "kind": "Application", "metadata": metadata, "spec": spec}

    def project_manifest(self) -> JsonObject:
        """Return a project that may deploy from this repository to this place, and nothing else."""
        return {
            "apiVersion": API_VERSION,
            "kind": "AppProject",
            "metadata": {"name": self.project, "namespace": self.namespace},
            "spec": {"sourceRepos": [self.source["repoURL"]], "destinations": [self.destination]},
        }


def ref(name: str, namespace: str) -> Ref:
    """Return what names an Application."""
    return Ref(API_VERSION, "Application", name, namespace)


def differs(before: JsonObject, after: JsonObject) -> bool:
    """Whether an Application is another than the one that is there."""
    return any(before["spec"].get(key) != after["spec"].get(key) for key in ("project", "source", "destination"))


def operation(identity: str, revision: str | None, *, prune: bool, options: list[str]) -> JsonObject:
    """Return a sync, marked with the step that asks for it."""
    sync: JsonObject = {"prune": prune}
    if revision:
        sync["revision"] = revision
    if options:
        sync["syncOptions"] = options
    return {"initiatedBy": {"username": "backstage-py"}, "info": [{"name": STEP, "value": identity}], "sync": sync}


def is_busy(value: JsonObject) -> bool:
    """Whether a sync is asked for or runs."""
    phase = _state(value).get("phase")
    return bool(value.get("operation")) or phase in ("Running", "Terminating")


def is_asked_by(value: JsonObject, identity: str) -> bool:
    """Whether the sync that is asked for, runs or ran last is that of a step."""
    marks = [one or {} for one in (value.get("operation"), _state(value).get("operation"))]
    return {"name": STEP, "value": identity} in [info for one in marks for info in one.get("info") or []]


def judge_idle(value: JsonObject | None) -> Verdict:
    """Judge whether a sync could begin."""
    if value is None:
        return pending("not there")
    return pending("another sync runs") if is_busy(value) else done("no sync runs")


def judge_sync(identity: str, value: JsonObject | None) -> Verdict:
    """Judge the sync that a step asked for."""
    if value is None:
        return failed("it was deleted")
    if not is_asked_by(value, identity):
        return failed("another sync took the place of this one")
    state = _state(value)
    if value.get("operation") or state.get("phase") in ("Running", "Terminating"):
        return pending(_with("sync asked for" if value.get("operation") else "syncing", state.get("message")))
    if state.get("phase") == "Succeeded":
        return done(f"synced at {revisions.short(synced_revision(value))}")
    return failed(_failure(value))


def judge(value: JsonObject | None, *, revision: str | None = None, health: bool = True) -> Verdict:
    """Judge whether what an Application names is deployed and, with ``health``, well.

    Args:
        value: the Application.
        revision: the commit or chart version; None for the one that Argo CD takes.
        health: wait for ``Healthy``, too.
    """
    if value is None:
        return pending("not there")
    if value["metadata"].get("deletionTimestamp"):
        return pending("being deleted")
    if REFRESH in (value["metadata"].get("annotations") or {}):
        return pending("Argo CD has not looked again yet")
    if is_busy(value):
        return pending(_with("syncing", _state(value).get("message")))
    return _wrong(value) or _judge_revision(value, revision) or _judge_state(value, health=health)


def _wrong(value: JsonObject) -> Verdict | None:
    """Return what Argo CD says is wrong with the Application itself, its repository or its manifests."""
    conditions = (value.get("status") or {}).get("conditions") or []
    wrong = [f"{one['type']}: {one.get('message')}" for one in conditions if one["type"].endswith("Error")]
    if "SyncError" in {one["type"] for one in conditions} and _has_failed(value):
        return failed(_failure(value))
    return unwell("; ".join(wrong)) if wrong else None


def _judge_revision(value: JsonObject, wanted: str | None) -> Verdict | None:
    sync = (value.get("status") or {}).get("sync") or {}
    if not _is_compared(value, sync):
        return pending("Argo CD has not compared it as it is now")
    found = [str(one) for one in (sync.get("revision"), *(sync.get("revisions") or [])) if one]
    if wanted and not any(revisions.matches(wanted, one) for one in found):
        at = ", ".join(map(revisions.short, found)) or "no revision"
        return pending(f"{sync.get('status')} at {at}, not yet at {revisions.short(wanted)}")
    return None


def _is_compared(value: JsonObject, sync: JsonObject) -> bool:
    """Whether the status is of the source as it is now; an Application has no ``observedGeneration``."""
    compared, spec = sync.get("comparedTo") or {}, value["spec"]
    if not sync.get("status"):
        return False
    was, now = compared.get("source") or {}, spec.get("source") or {}
    return all((was.get(key) or None) == (now.get(key) or None) for key in _COMPARED)


def _judge_state(value: JsonObject, *, health: bool) -> Verdict:
    status = value["status"]
    sync, healthy = status["sync"], str((status.get("health") or {}).get("status") or "Unknown")
    if sync["status"] != "Synced":
        if _has_failed(value):
            return failed(_failure(value))
        return pending(_with(sync["status"], _listed(_out_of_sync(value))))
    text = f"Synced at {revisions.short(synced_revision(value))}, {healthy}"
    if not health:
        return done(text)
    if bad := list(_of_health(value, "Degraded")):
        return unwell(_with(text, _listed(bad)))
    if healthy == "Degraded":
        return unwell(_with(text, (status.get("health") or {}).get("message")))
    if healthy == "Healthy":
        return done(text)
    return pending(_with(text, _listed([*_of_health(value, "Missing"), *_of_health(value, "Progressing")])))


def _has_failed(value: JsonObject) -> bool:
    """Whether the last sync failed for the revision that is compared now: Argo CD does not try that one again."""
    state = _state(value)
    tried = ((state.get("syncResult") or {}).get("revision")) or ((state.get("operation") or {}).get("sync") or {}).get(
        "revision"
    )
    now = ((value.get("status") or {}).get("sync") or {}).get("revision")
    return state.get("phase") in ("Failed", "Error") and tried == now


def _failure(value: JsonObject) -> str:
    state = _state(value)
    resources = (state.get("syncResult") or {}).get("resources") or []
    bad = [
        _with(_name(one), one.get("message"))
        for one in resources
        if one.get("status") == "SyncFailed" or one.get("hookPhase") in ("Failed", "Error")
    ]
    return _with(_with("sync " + str(state.get("phase")).lower(), state.get("message")), _listed(bad))


def synced_revision(value: JsonObject) -> str:
    """Return the revision that is deployed, several joined by commas."""
    sync = (value.get("status") or {}).get("sync") or {}
    return str(sync.get("revision") or ", ".join(map(str, sync.get("revisions") or [])))


def outputs(value: JsonObject) -> JsonObject:
    """Return what later steps may want to know: ``revision, sync, health, images, urls, resources``."""
    status = value.get("status") or {}
    summary = status.get("summary") or {}
    return {
        "revision": synced_revision(value),
        "sync": str((status.get("sync") or {}).get("status") or "Unknown"),
        "health": str((status.get("health") or {}).get("status") or "Unknown"),
        "images": list(summary.get("images") or []),
        "urls": list(summary.get("externalURLs") or []),
        "resources": [_resource(one) for one in status.get("resources") or []],
    }


def _resource(one: JsonObject) -> JsonObject:
    shown = {key: one[key] for key in ("group", "version", "kind", "namespace", "name", "status") if key in one}
    health = (one.get("health") or {}).get("status")
    return shown | ({"health": health} if health else {})


def _out_of_sync(value: JsonObject) -> Iterator[str]:
    for one in value["status"].get("resources") or []:
        if one.get("status") == "OutOfSync":
            yield _name(one)


def _of_health(value: JsonObject, wanted: str) -> Iterator[str]:
    for one in value["status"].get("resources") or []:
        health = one.get("health") or {}
        if health.get("status") == wanted:
            yield _with(f"{_name(one)} is {wanted}", health.get("message"))


def _name(one: JsonObject) -> str:
    return "/".join(str(part) for part in (one.get("kind"), one.get("namespace"), one.get("name")) if part)


def _listed(texts: Iterator[str] | list[str]) -> str:
    every = list(texts)
    rest = f" and {len(every) - _MOST_NAMED} more" if len(every) > _MOST_NAMED else ""
    return "; ".join(every[:_MOST_NAMED]) + rest


def _with(text: str, more: Json) -> str:
    return f"{text}: {more}" if more else text


def _state(value: JsonObject) -> JsonObject:
    found: JsonObject = (value.get("status") or {}).get("operationState") or {}
    return found
