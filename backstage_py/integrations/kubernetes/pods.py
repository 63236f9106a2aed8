"""Why the pods of a workload do not come up: what their containers wait for, and the last lines of their logs."""

from collections.abc import Iterator
from dataclasses import dataclass

from backstage_py.errors import BackstageError
from backstage_py.integrations.kubernetes.api import Api
from backstage_py.integrations.kubernetes.refs import Ref
from backstage_py.model.json import JsonObject

_WITH_PODS = frozenset({"Pod", "Deployment", "StatefulSet", "DaemonSet", "Job", "ReplicaSet", "Rollout"})
_WILL_NOT_HEAL = frozenset({"ErrImageNeverPull", "InvalidImageName", "ImageInspectError", "ImagePullBackOff"})
_NAMED = _WILL_NOT_HEAL | {"ErrImagePull", "CrashLoopBackOff", "CreateContainerConfigError", "CreateContainerError"}
_ENOUGH_RESTARTS = 2  # a container that failed so often in a row is taken for broken
_LOG_LINES = 15
_REVISION = "deployment.kubernetes.io/revision"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What keeps a pod from running. ``is_final``: waiting longer will not help. ``log`` is empty where it has none."""

    pod: Ref
    container: str
    text: str
    is_final: bool
    has_run: bool = False
    log: str = ""

    def __str__(self) -> str:
        """Say which container of which pod it is, and what it last wrote."""
        where = f"pod {self.pod.name}, container {self.container}: " if self.container else f"pod {self.pod.name}: "
        last = "".join(f"\n  {line}" for line in self.log.splitlines())
        return f"{where}{self.text}" + (f"; its last lines:{last}" if last else "")


def troubles(pod: JsonObject) -> Iterator[Trouble]:
    """Yield what keeps one pod from running, as its status says."""
    ref = Ref("v1", "Pod", pod["metadata"]["name"], pod["metadata"].get("namespace"), pod["metadata"].get("uid"))
    status = pod.get("status") or {}
    for one in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        state, restarts = one.get("state") or {}, int(one.get("restartCount") or 0)
        waiting, ended = state.get("waiting") or {}, state.get("terminated") or {}
        before = (one.get("lastState") or {}).get("terminated") or {}
        if waiting.get("reason") in _NAMED:
            loops = waiting["reason"] == "CrashLoopBackOff" and restarts >= _ENOUGH_RESTARTS
            text = _joined(waiting) + (f" ({_exit(before)}, {restarts} restarts)" if before else "")
            yield Trouble(ref, one["name"], text, loops or waiting["reason"] in _WILL_NOT_HEAL, bool(before))
        elif ended and ended.get("exitCode"):
            yield Trouble(ref, one["name"], _exit(ended), is_final=False, has_run=True)
    for one in status.get("conditions") or []:
        if one.get("type") == "PodScheduled" and one.get("reason") == "Unschedulable":
            yield Trouble(ref, "", _joined(one), is_final=False)


async def find(api: Api, value: JsonObject) -> Trouble | None:
    """Return what keeps the newest pods of a workload from running, with its log; None without pods or trouble."""
    if value["kind"] not in _WITH_PODS:
        return None
    free = api.of_operator()
    try:
        found = [one for pod in await _of(free, value) for one in troubles(pod)]
        if not found:
            return None
        worst = max(found, key=lambda one: (one.is_final, one.has_run))
        return await _with_log(free, worst) if worst.has_run else worst
    except BackstageError:
        return None  # it only explains: what the credentials may not read stays unsaid


async def _with_log(api: Api, one: Trouble) -> Trouble:
    namespace = one.pod.namespace or ""
    for previous in (True, False):
        try:
            log = await api.log(namespace, one.pod.name, one.container, lines=_LOG_LINES, previous=previous)
        except BackstageError:
            continue  # there is no run before this one, or its log is gone
        if log.strip():
            return Trouble(one.pod, one.container, one.text, one.is_final, has_run=True, log=log)
    return one


async def _of(api: Api, value: JsonObject) -> list[JsonObject]:
    """Return the pods that a workload's controller made of its newest form."""
    if value["kind"] == "Pod":
        return [value]
    metadata = value["metadata"]
    owner, namespace = metadata["uid"], metadata.get("namespace")
    labels = ((value.get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
    selector = ",".join(f"{key}={one}" for key, one in labels.items())
    if value["kind"] in ("Deployment", "Rollout"):
        sets = [one for one in await api.list("apps/v1", "ReplicaSet", namespace, labels=selector) if _owns(owner, one)]
        if not sets:
            return []
        newest = max(sets, key=lambda one: int((one["metadata"].get("annotations") or {}).get(_REVISION) or 0))
        owner = newest["metadata"]["uid"]
    return [one for one in await api.list("v1", "Pod", namespace, labels=selector) if _owns(owner, one)]


def _owns(uid: str, value: JsonObject) -> bool:
    return any(one.get("uid") == uid for one in value["metadata"].get("ownerReferences") or [])


def _joined(state: JsonObject) -> str:
    return ": ".join(str(state[key]).strip() for key in ("reason", "message") if state.get(key))


def _exit(state: JsonObject) -> str:
    reason = state.get("reason")
    return f"exit status {state.get('exitCode')}" + (f", {reason}" if reason and reason != "Error" else "")
