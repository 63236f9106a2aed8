"""Flux's objects: how Kustomizations, HelmReleases and their sources are written, and how they stand."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from backstage_py.integrations.gitops import revisions
from backstage_py.integrations.gitops.faults import unwell
from backstage_py.integrations.kubernetes import readiness, refs
from backstage_py.integrations.kubernetes.readiness import Verdict, done, failed, pending
from backstage_py.model.json import Json, JsonObject

REQUESTED_AT = "reconcile.fluxcd.io/requestedAt"
GROUPS: Mapping[str, str] = {
    "Kustomization": "kustomize.toolkit.fluxcd.io",
    "HelmRelease": "helm.toolkit.fluxcd.io",
    "GitRepository": "source.toolkit.fluxcd.io",
    "OCIRepository": "source.toolkit.fluxcd.io",
    "HelmRepository": "source.toolkit.fluxcd.io",
    "HelmChart": "source.toolkit.fluxcd.io",
    "Bucket": "source.toolkit.fluxcd.io",
}
NEWEST: Mapping[str, str] = {
    kind: f"{group}/{'v2' if kind == 'HelmRelease' else 'v1'}" for kind, group in GROUPS.items()
}
"""The versions that Flux 2.3 and later serve; a cluster's own count where one is asked."""

_PASSING = frozenset({"Progressing", "ProgressingWithRetry", "DependencyNotReady", "Unknown"})


@dataclass(frozen=True, slots=True)
class Named:
    """What one of Flux's objects is called."""

    kind: str
    name: str
    namespace: str

    def manifest(self, spec: JsonObject) -> JsonObject:
        """Return it with its ``spec``; what is None is left out."""
        return {
            "apiVersion": NEWEST[self.kind],
            "kind": self.kind,
            "metadata": {"name": self.name, "namespace": self.namespace},
            "spec": {key: value for key, value in spec.items() if value is not None},
        }


def source_ref(source: Named, namespace: str) -> JsonObject:
    """Return what names a source for an object of a namespace."""
    found: JsonObject = {"kind": source.kind, "name": source.name}
    return found if source.namespace == namespace else found | {"namespace": source.namespace}


def judge(value: JsonObject | None, *, revision: str | None = None, requested_at: str | None = None) -> Verdict:
    """Judge one of Flux's objects.

    Args:
        value: the object.
        revision: the commit, or the version of a chart, that shall be there.
        requested_at: when Flux was asked to look again; a status from before does not count.
    """
    if value is None:
        return pending("not there")
    if value["metadata"].get("deletionTimestamp"):
        return pending("being deleted")
    if value["spec"].get("suspend"):
        return failed("suspended, so that Flux does not act on it")
    stalled, ready = (_seen(value, name) for name in ("Stalled", "Ready"))
    if requested_at and (value.get("status") or {}).get("lastHandledReconcileAt") != requested_at:
        return pending("Flux has not looked again yet" + (f"; {readiness.described(ready)}" if ready else ""))
    if stalled and stalled.get("status") == "True":
        return failed(readiness.described(stalled))
    if ready is None:
        return pending("Flux has not seen it yet")
    if ready.get("status") == "False" and ready.get("reason") not in _PASSING:
        return unwell(readiness.described(ready))
    if ready.get("status") != "True" or not readiness.is_observed(value, ready):
        return pending(readiness.described(ready))
    at = applied_revision(value)
    if revision and not any(revisions.matches(revision, one) for one in (at, *_of_release(value))):
        return pending(f"ready at {revisions.short(at) or 'no revision'}, not yet at {revisions.short(revision)}")
    return done(readiness.described(ready))


def _seen(value: JsonObject, name: str) -> JsonObject | None:
    """Return a condition, None when it is of an earlier form of the object."""
    found, generation = readiness.condition(value, name), value["metadata"].get("generation")
    if found is None or generation is None:
        return found
    return found if found.get("observedGeneration", generation) >= generation else None


def applied_revision(value: JsonObject) -> str:
    """Return what is deployed: a revision such as ``main@sha1:<commit>``, or the version of a chart."""
    status = value.get("status") or {}
    found = status.get("lastAppliedRevision") or (status.get("artifact") or {}).get("revision")
    return str(found or next(_of_release(value), "") or status.get("lastAttemptedRevision") or "")


def _of_release(value: JsonObject) -> Iterator[str]:
    for one in ((value.get("status") or {}).get("history") or [])[:1]:
        yield from (str(one[key]) for key in ("chartVersion", "appVersion") if one.get(key))


def parent(value: JsonObject) -> tuple[str, str, str] | None:
    """Return kind, name and namespace of the object whose artefact this one needs."""
    spec, namespace = value.get("spec") or {}, str(value["metadata"].get("namespace"))
    chart = str((value.get("status") or {}).get("helmChart") or "")
    if chart:
        where, _, name = chart.partition("/")
        return "HelmChart", name, where
    source = spec.get("sourceRef") or spec.get("chartRef") or _chart_source(spec)
    if not source or source.get("kind") not in GROUPS:
        return None
    return source["kind"], source["name"], source.get("namespace") or namespace


def _chart_source(spec: JsonObject) -> Json:
    return (((spec.get("chart") or {}).get("spec") or {}) if isinstance(spec.get("chart"), dict) else {}).get(
        "sourceRef"
    )


def trouble(value: JsonObject) -> str:
    """Return what keeps an object from being ready, empty when nothing does."""
    ready = readiness.condition(value, "Ready")
    if ready is None or ready.get("status") == "True":
        return ""
    return f"{refs.of(value)}: {readiness.described(ready)}"
