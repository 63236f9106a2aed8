"""The objects of a workload: what its resources ask for, files, the pods' controller, and the service."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from backstage_py.integrations.score import resources
from backstage_py.integrations.score.placeholders import Names
from backstage_py.integrations.score.pods import Pod, ReadFile
from backstage_py.integrations.score.resources import Resource
from backstage_py.integrations.score.workload import Workload
from backstage_py.model.json import Json, JsonObject

_KIND = "k8s.score.dev/kind"
_KINDS = ("Deployment", "StatefulSet")
_DIGEST = "score.dev/files-digest"
_LARGEST_FILES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Generated:
    """What a workload makes."""

    objects: list[JsonObject]
    resources: list[Resource]


def generate(
    workload: Workload,
    config: Mapping[str, Json],
    read_file: ReadFile,
    *,
    namespace: str | None = None,
    image: str | None = None,
) -> Generated:
    """Return the objects, in the order in which they are applied.

    Args:
        workload: what is declared.
        config: the whole configuration, for ``score.resources``.
        read_file: returns a file that the workload names.
        namespace: of all objects; None leaves it to who applies them.
        image: of the containers whose image is ``.``.

    Raises:
        InputError: something cannot be said in Kubernetes; the message has its line. SettingsError.
    """
    known = resources.of(workload, config, namespace)
    pod = Pod(workload, Names(workload.value["metadata"], known), image, read_file)
    spec = pod.spec()
    objects = [one for resource in known.values() for one in resource.objects]
    files = _files(pod)
    objects += [files] if files else []
    objects.append(_controller(workload, spec, files))
    if ports := (workload.value.get("service") or {}).get("ports"):
        objects.append(_service(workload, ports))
    return Generated([_placed(workload, one, namespace) for one in objects], list(known.values()))


def _placed(workload: Workload, value: JsonObject, namespace: str | None) -> JsonObject:
    metadata = {**(value.get("metadata") or {})}
    metadata["labels"] = {**_labels(workload), **(metadata.get("labels") or {})}
    if namespace:
        metadata.setdefault("namespace", namespace)
    return {**value, "metadata": metadata}


def _labels(workload: Workload) -> JsonObject:
    return {"app.kubernetes.io/name": workload.name, "app.kubernetes.io/managed-by": "backstage-py"}


def _selector(workload: Workload) -> JsonObject:
    return {"app.kubernetes.io/name": workload.name}


def _files(pod: Pod) -> JsonObject | None:
    if not pod.files:
        return None
    if sum(len(one) for one in pod.files.values()) > _LARGEST_FILES:
        raise pod.workload.error(("containers",), "has files of more than 1 MiB in all, the most of a ConfigMap")
    texts = {key: one for key, one in pod.files.items() if isinstance(one, str)}
    binary = {key: base64.b64encode(one).decode() for key, one in pod.files.items() if isinstance(one, bytes)}
    made: JsonObject = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": pod.config_name}}
    return made | ({"data": texts} if texts else {}) | ({"binaryData": binary} if binary else {})


def _controller(workload: Workload, spec: JsonObject, files: JsonObject | None) -> JsonObject:
    kind = workload.annotations.get(_KIND, _KINDS[0])
    if kind not in _KINDS:
        raise workload.error(("metadata", "annotations", _KIND), f"should be one of {', '.join(_KINDS)}")
    annotations: JsonObject = {key: one for key, one in workload.annotations.items() if key != _KIND}
    pod_annotations = dict(annotations)
    if files:  # a file that is mounted by its name does not change in a running pod: new pods have to start
        digest = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
        pod_annotations[_DIGEST] = digest[:16]
    metadata: JsonObject = {"labels": _labels(workload)}
    if pod_annotations:
        metadata["annotations"] = pod_annotations
    made: JsonObject = {"selector": {"matchLabels": _selector(workload)}}
    if kind == "StatefulSet":
        made["serviceName"] = workload.name
    made["template"] = {"metadata": metadata, "spec": spec}
    own: JsonObject = {"name": workload.name} | ({"annotations": annotations} if annotations else {})
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": own, "spec": made}


def _service(workload: Workload, ports: Mapping[str, JsonObject]) -> JsonObject:
    listed = [
        {
            "name": name,
            "port": one["port"],
            "protocol": one.get("protocol") or "TCP",
            "targetPort": one.get("targetPort") or one["port"],
        }
        for name, one in ports.items()
    ]
    spec = {"selector": _selector(workload), "ports": listed}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": workload.name}, "spec": spec}
