"""What a Job and its pod say of themselves, in words that a user of the task understands. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from backstage_py.execution.channel import NOT_WANTED, UNHEARD
from backstage_py.model.json import Json, JsonObject
from backstage_py.scaffolder.executors.kubernetes.job import CONTAINER

_NO_IMAGE = {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError"}
_NOT_STARTED = {
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "StartError",
    "ContainerCannotRun",
}
_EVICTED = {"Evicted", "Preempting", "Preempted", "UnexpectedAdmissionError", "OutOfcpu", "OutOfmemory"}
_NODE_LEFT = {"NodeLost", "NodeShutdown", "Shutdown", "Terminated", "NodeAffinity"}
_NODE_GONE = {"DeletionByPodGC", "DeletionByTaintManager"}  # reasons of the condition DisruptionTarget
_FAILED = {"Failed", "FailureTarget"}  # the second from 1.31 on, while its pod is being ended
_KILLED = 137
_UNKNOWN = "ContainerStatusUnknown"
_QUOTA = ("exceeded quota", "failed quota", "status unknown for quota")
_LONGEST = 500


class Reason(StrEnum):
    """Why a pod ended without a word, or has not begun; a label of the metrics."""

    EVICTED = "evicted"
    NODE_LOST = "node_lost"
    DELETED = "deleted"
    SILENT = "silent"
    TWICE = "begun_twice"
    START = "start_failed"
    NO_IMAGE = "image_missing"
    NOT_STARTED = "not_started"
    MEMORY = "out_of_memory"
    KILLED = "killed"
    DEADLINE = "deadline"
    ENDED = "ended_without_a_word"
    NAMESPACE = "namespace_missing"
    REFUSED = "refused"
    PENDING = "never_began"


LOST = {
    Reason.EVICTED,
    Reason.NODE_LOST,
    Reason.DELETED,
    Reason.SILENT,
    Reason.TWICE,
    Reason.START,
    Reason.NOT_STARTED,
}
"""Nothing that the step did ended it: another pod may begin it again."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A pod from which nothing more will come.

    Attributes:
        is_well: the cluster says that it has ended well.
    """

    reason: Reason
    words: str
    is_well: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """A pod that has not begun, and why; empty words when that is nothing to tell."""

    words: str = ""


State = Failure | Waiting | None
"""None for a pod that runs, or has ended well."""


def of_pod(pod: JsonObject) -> State:
    """Return what the status of a pod means."""
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    container = _container(pod)
    ended = (container.get("state") or {}).get("terminated")
    if status.get("phase") == "Failed" or ended:
        return _ended(name, pod, status, ended or {})
    if status.get("phase") == "Unknown" or _condition(status, "Ready").get("reason") in _NODE_LEFT:
        return Failure(Reason.NODE_LOST, f"The node of its pod {name} does not answer any more")
    waits = (container.get("state") or {}).get("waiting") or {}
    if waits.get("reason") in _NO_IMAGE:
        return Failure(
            Reason.NO_IMAGE,
            f"The image {container.get('image') or _image(pod)} of its pod cannot be pulled: "
            f"{_said(waits)}; correct scaffolder.executor.kubernetes.image, or add imagePullSecrets",
        )
    if waits.get("reason") in _NOT_STARTED:
        return Failure(Reason.NOT_STARTED, f"The container of its pod {name} does not start: {_said(waits)}")
    if status.get("phase") == "Pending":
        placed = _condition(status, "PodScheduled")
        if placed.get("status") == "False":
            return Waiting(f"No node has room for its pod yet: {_cut(placed.get('message'))}")
        return Waiting()
    return None


def is_node_away(pod: JsonObject) -> bool:
    """Say whether the cluster does not hear from the node of a pod that runs.

    It calls such a pod not ready although its containers were, and leaves it where it is: it may run on, and go on to
    be heard of.
    """
    status = pod.get("status") or {}
    known = [_condition(status, kind).get("status") for kind in ("Ready", "ContainersReady")]
    return status.get("phase") == "Running" and known == ["False", "True"]


def of_job(job: JsonObject) -> State:
    """Return what the status of a Job means, whose pod says nothing."""
    conditions = (job.get("status") or {}).get("conditions") or []
    for one in conditions:
        if one.get("type") in _FAILED and one.get("status") == "True":
            return _failed_job(one)
    if is_complete(job):
        return Failure(Reason.ENDED, "Its pod ended without saying what came of the step", is_well=True)
    if (job.get("spec") or {}).get("suspend"):
        return Waiting("Its Job waits in the queue of the cluster to be admitted")
    return Waiting()


def is_complete(job: JsonObject) -> bool:
    """Say whether a Job's pod has ended well."""
    return _condition(job.get("status") or {}, "Complete").get("status") == "True"


def of_event(reason: str, message: str) -> State:
    """Return what an event about a Job means that has no pod yet."""
    if reason != "FailedCreate":
        return Waiting()
    return of_refusal(message)


def of_refusal(message: str) -> Waiting | Failure:
    """Return what it means that the cluster takes no Job or pod."""
    if any(words in message for words in _QUOTA):
        return Waiting(f"The quota of the namespace is used up, so the step waits: {_cut(message)}")
    if "being terminated" in message:
        return Failure(Reason.NAMESPACE, f"The namespace for pods is being deleted: {_cut(message)}")
    if 'namespaces "' in message and "not found" in message:
        return Failure(
            Reason.NAMESPACE, f"The namespace for pods is gone ({_cut(message)}); create it, and retry the task"
        )
    return Failure(Reason.REFUSED, f"The cluster refuses the step's Job: {_cut(message)}")


def _ended(name: str, pod: JsonObject, status: JsonObject, ended: Mapping[str, Json]) -> State:
    why = str(status.get("reason") or "")
    if why in _EVICTED:
        return Failure(Reason.EVICTED, f"Its pod {name} was evicted: {_cut(status.get('message')) or why}")
    if why in _NODE_LEFT:
        return Failure(Reason.NODE_LOST, f"The node of its pod {name} went away: {_cut(status.get('message')) or why}")
    if why == "DeadlineExceeded":
        return _deadline()
    if ended.get("reason") == "OOMKilled":
        return Failure(Reason.MEMORY, _memory(pod, "took more memory than"))
    if ended.get("reason") == _UNKNOWN:  # with 137 for its exit code, which nobody saw
        return Failure(Reason.NODE_LOST, f"The node of its pod {name} has lost its container: {_said(ended)}")
    if ended.get("exitCode") == _KILLED:
        return Failure(Reason.KILLED, _memory(pod, "was killed (exit 137); most often it took more memory than"))
    if ended.get("reason") in _NOT_STARTED:  # as when a kubelet is started again just then
        return Failure(Reason.START, f"The container of its pod {name} could not be started: {_said(ended)}")
    if ended.get("exitCode") == NOT_WANTED:
        return Failure(Reason.TWICE, f"Its Job had two pods; the second one, {name}, was refused")
    if ended.get("exitCode") == UNHEARD:
        return Failure(Reason.SILENT, f"Its pod {name} ended since the service did not answer it for a while")
    if ended.get("exitCode") == 0:
        return None  # it has said so itself, or its Job tells
    if (disrupted := _condition(status, "DisruptionTarget")).get("status") == "True":
        words = _cut(disrupted.get("message")) or disrupted.get("reason")
        if disrupted.get("reason") in _NODE_GONE:
            return Failure(Reason.NODE_LOST, f"The node of its pod {name} went away: {words}")
        return Failure(Reason.EVICTED, f"Its pod {name} was evicted: {words}")
    if pod["metadata"].get("deletionTimestamp"):
        return deleted()
    told = _cut(ended.get("message"))
    code = f"exit {ended['exitCode']}" if "exitCode" in ended else why or "no status"
    return Failure(Reason.ENDED, f"Its pod {name} ended without a word ({code}){f': {told}' if told else ''}")


def deleted() -> Failure:
    """Return what it means that a pod or its Job is not there any more."""
    return Failure(Reason.DELETED, "Its pod was deleted from outside")


def _failed_job(condition: Mapping[str, Json]) -> Failure:
    if condition.get("reason") == "DeadlineExceeded":
        return _deadline()
    return Failure(Reason.ENDED, f"Its Job failed: {_cut(condition.get('message')) or condition.get('reason')}")


def _deadline() -> Failure:
    return Failure(
        Reason.DEADLINE,
        "Its pod ran for longer than scaffolder.executor.kubernetes.deadline, or its action's timeout, allows",
    )


def _memory(pod: JsonObject, took: str) -> str:
    limits = next((one.get("resources", {}).get("limits") or {} for one in _containers(pod)), {})
    limit = limits.get("memory")
    allowed = f"its limit of {limit}" if limit else "its node has"
    return f"Its pod {took} {allowed}; raise scaffolder.executor.kubernetes.resources, or have the step take less"


def _containers(pod: JsonObject) -> list[JsonObject]:
    return [one for one in (pod.get("spec") or {}).get("containers") or [] if one.get("name") == CONTAINER]


def _image(pod: JsonObject) -> str:
    return next((str(one.get("image")) for one in _containers(pod)), "?")


def _container(pod: JsonObject) -> Mapping[str, Json]:
    known = (pod.get("status") or {}).get("containerStatuses") or []
    return next((one for one in known if one.get("name") == CONTAINER), {})


def _condition(status: Mapping[str, Json], kind: str) -> Mapping[str, Json]:
    return next((one for one in status.get("conditions") or [] if one.get("type") == kind), {})


def _said(waits: Mapping[str, Json]) -> str:
    return _cut(waits.get("message")) or str(waits.get("reason"))


def _cut(text: Json) -> str:
    found = " ".join(str(text or "").split())
    return found if len(found) <= _LONGEST else f"{found[:_LONGEST]}…"
