"""The Job of a step, as it is sent to the cluster. Pure.

Its name says which try of which call of which attempt it is, so that it cannot be made twice; what Kubernetes takes for
labels is labels, and references of entities, which it does not take, are annotations.
"""

import copy
import fnmatch
import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from backstage_py.model.json import Json, JsonObject
from backstage_py.scaffolder.executors import choice
from backstage_py.settings.sections.kubernetes_executor import ImageSettings, KubernetesExecutorSettings

MANAGED_BY = "app.kubernetes.io/managed-by"
INSTANCE = "backstage.io/instance"
TASK = "backstage.io/task"
CLAIM = "backstage.io/claim"
CALL = "backstage.io/call"
STEP, ACTION, TEMPLATE, OWNER, USER = (
    f"backstage.io/{name}" for name in ("step", "action", "template", "owner", "user")
)
CONTAINER = "step"
QUEUE = "kueue.x-k8s.io/queue-name"
FOLDER = "/work"
_USER = 10001
_RESOURCES: JsonObject = {"requests": {"cpu": "100m", "memory": "192Mi"}, "limits": {"memory": "1Gi"}}
_LONGEST_NAME = 63
_BEFORE = 60  # seconds: for the workspace, both ways
_BY_NAME = {"containers", "initContainers", "volumes", "env", "imagePullSecrets"}
_BY_PATH = {"volumeMounts"}


@dataclass(frozen=True, slots=True)
class Call:
    """What a Job is for.

    Attributes:
        claim: the number of the attempt's claim.
        number: of the call, counted in the attempt; ``retry`` counts the pods that it lost.
        owners: of the template, as the catalog knows them.
        seconds: for which the action may run, None when nobody says.
    """

    task_id: str
    claim: int
    number: int
    action: str
    step: str = ""
    template: str | None = None
    owners: Sequence[str] = ()
    user: str | None = None
    seconds: float | None = None
    retry: int = 0

    @property
    def key(self) -> str:
        """What the execution API calls it."""
        return f"{self.task_id}.{self.claim}.{self.number}.{self.retry}"

    @property
    def name(self) -> str:
        """The name of its Job."""
        full = f"task-{self.task_id}-{self.claim}-{self.number}-{self.retry}"
        if len(full) <= _LONGEST_NAME and full.replace("-", "").isalnum() and full == full.lower():
            return full
        return f"task-{hashlib.sha256(full.encode()).hexdigest()[:40]}"


@dataclass(frozen=True, slots=True)
class Door:
    """Where the pod calls back; ``token`` is good for one opening."""

    url: str
    token: str = field(repr=False)


def manifest(call: Call, door: Door, settings: KubernetesExecutorSettings) -> JsonObject:
    """Return the Job."""
    labels = labels_of(call, settings)
    seconds = settings.deadline if call.seconds is None else call.seconds + _BEFORE
    seconds = seconds if call.claim == 0 else min(settings.deadline, seconds)
    spec: JsonObject = {
        "backoffLimit": 0,
        "completions": 1,
        "parallelism": 1,
        "activeDeadlineSeconds": max(1, math.ceil(seconds)),
        "ttlSecondsAfterFinished": math.ceil(settings.ttl),
        "template": pod_template(call, door, settings, labels),
    }
    metadata: JsonObject = {
        "name": call.name,
        "namespace": settings.namespace,
        "labels": labels,
        "annotations": annotations_of(call),
    }
    if settings.queue:
        spec["suspend"] = True  # Kueue starts it
        metadata["labels"] = labels | {QUEUE: settings.queue}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def pod_template(call: Call, door: Door, settings: KubernetesExecutorSettings, labels: Mapping[str, str]) -> JsonObject:
    """Return the template of its pod, with the operator's part merged over ours."""
    env = [{"name": "BACKSTAGE_PY_EXECUTION_URL", "value": door.url}]
    env += [{"name": "BACKSTAGE_PY_EXECUTION_TOKEN", "value": door.token}]
    ours: JsonObject = {
        "metadata": {"labels": dict(labels), "annotations": annotations_of(call)},
        "spec": pod_spec(image_of(call, settings), settings, env),
    }
    found: JsonObject = merged(ours, settings.pod_template)
    return found


def pod_spec(image: str, settings: KubernetesExecutorSettings, env: Sequence[Json]) -> JsonObject:
    """Return a pod that may do as little as a step needs."""
    container: JsonObject = {
        "name": CONTAINER,
        "image": image,
        "imagePullPolicy": settings.image_pull_policy,
        "command": ["backstage-py", "execute"],
        "env": [*env, {"name": "HOME", "value": FOLDER}, {"name": "TMPDIR", "value": "/tmp"}],  # noqa: S108  # a volume
        "workingDir": FOLDER,
        "resources": copy.deepcopy(dict(settings.resources)) if settings.resources else copy.deepcopy(_RESOURCES),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "work", "mountPath": FOLDER}, {"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108  # as above
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    spec: JsonObject = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 5,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [{"name": "work", "emptyDir": {}}, {"name": "tmp", "emptyDir": {}}],
    }
    if settings.runtime_class:
        spec["runtimeClassName"] = settings.runtime_class
    if settings.image_pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in settings.image_pull_secrets]
    return spec


def labels_of(call: Call, settings: KubernetesExecutorSettings) -> dict[str, str]:
    """Return what the Job and its pod are found by."""
    return {
        MANAGED_BY: "backstage-py",
        INSTANCE: settings.owner,
        TASK: call.task_id,
        CLAIM: str(call.claim),
        CALL: f"{call.number}-{call.retry}",
    }


def image_of(call: Call, settings: KubernetesExecutorSettings) -> str:
    """Return the image for an action of a template; the configuration is checked to have one."""
    for one in settings.images or ():
        if _fits(one, call):
            return one.image
    return settings.image or ""


def merged(ours: Json, theirs: Json, name: str = "") -> Json:
    """Return one value over another: objects by key, lists of named things by name, all else replaced; null removes.

    So ``{"spec": {"containers": [{"name": "step", "env": […]}]}}`` adds to the container, and a container of another
    name is a further one.
    """
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        found = {key: value for key, value in ours.items() if key not in theirs}
        known = {key: merged(ours.get(key), value, key) for key, value in theirs.items() if value is not None}
        return found | known
    key = "name" if name in _BY_NAME else "mountPath" if name in _BY_PATH else None
    if key and isinstance(ours, list) and isinstance(theirs, list):
        return _merged_lists(ours, theirs, key)
    return copy.deepcopy(theirs)


def _merged_lists(ours: list[Any], theirs: list[Any], key: str) -> list[Any]:
    by_name = {one.get(key): one for one in theirs}
    kept = [merged(one, by_name.pop(one.get(key))) if one.get(key) in by_name else one for one in ours]
    return [*kept, *by_name.values()]


def _fits(one: ImageSettings, call: Call) -> bool:
    by_action = one.action is None or fnmatch.fnmatchcase(call.action, one.action)
    return by_action and (one.template is None or choice.matches(one.template, call.template))


def annotations_of(call: Call) -> dict[str, str]:
    """Return what people want to know of a Job, and labels cannot hold."""
    known = {
        STEP: call.step,
        ACTION: call.action,
        TEMPLATE: call.template,
        OWNER: ",".join(call.owners),
        USER: call.user,
    }
    return {name: str(value) for name, value in known.items() if value}
