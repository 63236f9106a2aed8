"""What runs in the cluster, as its Jobs and pods say: for operators, without the service and without its database."""

from collections.abc import Sequence
from dataclasses import dataclass

from backstage_py.integrations.kubernetes.connection import Connection, pages
from backstage_py.model.json import JsonObject
from backstage_py.scaffolder.executors.kubernetes import job as jobs
from backstage_py.scaffolder.executors.kubernetes import reasons
from backstage_py.scaffolder.executors.kubernetes.reasons import Failure, State, Waiting
from backstage_py.settings.sections.kubernetes_executor import KubernetesExecutorSettings


@dataclass(frozen=True, slots=True)
class Line:
    """A Job.

    Attributes:
        state: pending, running, done or failed.
        why: of one that waits or has failed.
        since: when it was made, as the cluster says.
    """

    task: str
    attempt: int
    step: str
    action: str
    template: str
    owner: str
    user: str
    job: str
    state: str
    why: str
    since: str


def read(connection: Connection, settings: KubernetesExecutorSettings) -> list[Line]:
    """Return the Jobs of the service's instance, the oldest first; blocks."""
    labels = f"{jobs.INSTANCE}={settings.owner}"
    found = _all(connection, f"/apis/batch/v1/namespaces/{settings.namespace}/jobs", labels)
    pods = _all(connection, f"/api/v1/namespaces/{settings.namespace}/pods", labels)
    return lines(found, pods)


def lines(found: Sequence[JsonObject], pods: Sequence[JsonObject]) -> list[Line]:
    """Return what Jobs and their pods mean."""
    of_job = {
        owner["uid"]: pod for pod in pods for owner in pod["metadata"].get("ownerReferences") or [] if "uid" in owner
    }
    made = [_line(one, of_job.get(one["metadata"]["uid"])) for one in found]
    return sorted(made, key=lambda one: (one.since, one.job))


def _line(job: JsonObject, pod: JsonObject | None) -> Line:
    metadata = job["metadata"]
    labels, notes = metadata.get("labels") or {}, metadata.get("annotations") or {}
    state, why = _state(job, pod)
    claim = str(labels.get(jobs.CLAIM, ""))
    return Line(
        task=labels.get(jobs.TASK, ""),
        attempt=int(claim) if claim.isdecimal() else 0,
        step=notes.get(jobs.STEP, ""),
        action=notes.get(jobs.ACTION, ""),
        template=notes.get(jobs.TEMPLATE, ""),
        owner=notes.get(jobs.OWNER, ""),
        user=notes.get(jobs.USER, ""),
        job=metadata["name"],
        state=state,
        why=why,
        since=str(metadata.get("creationTimestamp") or ""),
    )


def _state(job: JsonObject, pod: JsonObject | None) -> tuple[str, str]:
    if reasons.is_complete(job):
        return "done", ""
    of_pod: State = reasons.of_pod(pod) if pod else Waiting()
    of_job = reasons.of_job(job)
    if isinstance(of_pod, Failure):
        return "failed", of_pod.words
    if isinstance(of_job, Failure):
        return "failed", of_job.words
    if pod is None:
        return "pending", of_job.words if isinstance(of_job, Waiting) else ""
    return ("running", "") if of_pod is None else ("pending", of_pod.words)


def _all(connection: Connection, path: str, labels: str) -> list[JsonObject]:
    listed = pages(connection, path, [("labelSelector", labels)])
    return [one for page in listed for one in page.get("items") or []]
