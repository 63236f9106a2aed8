"""The pod of a workload: its containers with their variables, files, volumes and probes."""

import base64
import binascii
import hashlib
import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from backstage_py.errors import InputError, NotFoundError
from backstage_py.integrations.score.placeholders import Names
from backstage_py.integrations.score.resources import Secret
from backstage_py.integrations.score.workload import Path, Workload
from backstage_py.model.json import Json, JsonObject

_NO_IMAGE = "."
_VARIABLE = re.compile(r"[A-Za-z_.-][A-Za-z0-9_.-]*")
_NATIVE = ("complete", "started")

_T = TypeVar("_T")
_Mounted = tuple[str | int, str, JsonObject]

ReadFile = Callable[[str], bytes]
"""Returns a file that a workload names, by its path from the folder of the workload."""


@dataclass(slots=True)
class Pod:
    """A pod in the making.

    Attributes:
        files: the content of the ConfigMap of files, by key; texts and binary ones.
        volumes: by name.
    """

    workload: Workload
    names: Names
    image: str | None
    read_file: ReadFile
    files: dict[str, str | bytes] = field(default_factory=dict)
    volumes: dict[str, JsonObject] = field(default_factory=dict)

    @property
    def config_name(self) -> str:
        """The name of the ConfigMap of files."""
        return f"{self.workload.name}-files"

    def spec(self) -> JsonObject:
        """Return the pod's ``spec``.

        Raises:
            InputError: something cannot be said in Kubernetes; the message has its line.
        """
        order, first = _ordered(self.workload)
        made = {name: self._container(name, self.workload.containers[name]) for name in order}
        spec: JsonObject = {"containers": [made[name] for name in order if name not in first]}
        if first:
            spec["initContainers"] = [made[name] for name in order if name in first]
        if self.volumes:
            spec["volumes"] = [{"name": name, **one} for name, one in self.volumes.items()]
        return spec

    def _container(self, name: str, declared: JsonObject) -> JsonObject:
        path = ("containers", name)
        made: JsonObject = {"name": name, "image": self._image(name, declared)}
        made |= {key: declared[key] for key in ("command", "args") if key in declared}
        if env := self._variables(path, declared.get("variables") or {}):
            made["env"] = env
        if "resources" in declared:
            made["resources"] = declared["resources"]
        mounts = [*self._files(path, declared.get("files")), *self._mounts(path, declared.get("volumes"))]
        if mounts:
            made["volumeMounts"] = mounts
        made |= {key: _probe(declared[key]) for key in ("livenessProbe", "readinessProbe") if key in declared}
        return made

    def _image(self, name: str, declared: JsonObject) -> str:
        if declared["image"] != _NO_IMAGE:
            return str(declared["image"])
        if self.image is None:
            raise self.workload.error(
                ("containers", name, "image"), "is '.', the image that is built; give it as the input 'image'"
            )
        return self.image

    def _variables(self, path: Path, declared: Mapping[str, str]) -> list[JsonObject]:
        """Return ``env``; a secret within a text is a variable of its own, which Kubernetes puts into the text."""
        hidden: dict[Secret, str] = {}
        found: list[JsonObject] = []
        for name, text in declared.items():
            where = (*path, "variables", name)
            if not _VARIABLE.fullmatch(name):
                raise self.workload.error(where, "has a name that Kubernetes does not take for a variable")
            parts = self._of(where, self.names.parts, text)
            if len(parts) == 1 and isinstance(parts[0], Secret):
                found.append({"name": name, "valueFrom": _reference(parts[0])})
                continue
            for one in parts:
                if isinstance(one, Secret) and one not in hidden:
                    hidden[one] = _free_name(one, {*declared, *hidden.values()})
            texts = [f"$({hidden[one]})" if isinstance(one, Secret) else one.replace("$(", "$$(") for one in parts]
            found.append({"name": name, "value": "".join(texts)})
        return [*({"name": name, "valueFrom": _reference(one)} for one, name in hidden.items()), *found]

    def _files(self, path: Path, declared: Json) -> list[JsonObject]:
        listed = self._by_target((*path, "files"), declared)
        return [self._file((*path, "files", where), target, one) for where, target, one in listed]

    def _by_target(self, path: Path, declared: Json) -> Sequence[_Mounted]:
        """Return files or volumes with their place and target; in the old form they are a list."""
        if isinstance(declared, list):
            listed = [(index, one.get("target"), one) for index, one in enumerate(declared)]
        else:
            listed = [(target, target, one) for target, one in (declared or {}).items()]
        for where, target, _ in listed:
            if not target or not target.startswith("/"):
                raise self.workload.error((*path, where), "needs a target path that begins with '/'")
        return listed

    def _file(self, path: Path, target: str, declared: JsonObject) -> JsonObject:
        digest = hashlib.sha256(f"{path[1]}:{target}".encode()).hexdigest()[:8]
        key, volume = f"{digest}-{re.sub(r'[^A-Za-z0-9._-]', '-', posixpath.basename(target))}", f"file-{digest}"
        item: JsonObject = {"key": key, "path": key}
        if mode := declared.get("mode"):
            item["mode"] = int(str(mode), 8)
        content = self._content(path, declared)
        if isinstance(content, Secret):
            item["key"] = content.key
            self.volumes[volume] = {"secret": {"secretName": content.name, "items": [item]}}
        else:
            self.files[key] = content
            self.volumes[volume] = {"configMap": {"name": self.config_name, "items": [item]}}
        return {"name": volume, "mountPath": target, "subPath": key, "readOnly": True}

    def _content(self, path: Path, declared: JsonObject) -> str | bytes | Secret:
        if "binaryContent" in declared:
            try:
                return base64.b64decode(declared["binaryContent"], validate=True)
            except binascii.Error as error:
                raise self.workload.error((*path, "binaryContent"), "is no base64") from error
        if "source" in declared:
            data = self._of((*path, "source"), self.read_file, str(declared["source"]))
            try:
                text = data.decode()
            except UnicodeDecodeError:
                return data
        else:
            text = str(declared["content"])
        if declared.get("noExpand"):
            return text
        parts = self._of(path, self.names.parts, text)
        if len(parts) == 1 and isinstance(parts[0], Secret):
            return parts[0]
        return self._of(path, self.names.plain, text)

    def _mounts(self, path: Path, declared: Json) -> list[JsonObject]:
        found = []
        for where, target, one in self._by_target((*path, "volumes"), declared):
            place = (*path, "volumes", where)
            source = self._of((*place, "source"), self.names.plain, str(one["source"]))
            known = self.names.resources.get(source)
            claim = known.outputs.get("source", source) if known else source
            volume = f"volume-{hashlib.sha256(str(claim).encode()).hexdigest()[:8]}"
            self.volumes[volume] = {"persistentVolumeClaim": {"claimName": str(claim)}}
            mount: JsonObject = {"name": volume, "mountPath": target}
            mount |= {"subPath": one["path"]} if one.get("path") else {}
            mount |= {"readOnly": True} if one.get("readOnly") else {}
            found.append(mount)
        return found

    def _of(self, path: Path, read: Callable[[str], _T], text: str) -> _T:
        """Return what is made of a text; what is wrong with it gets its place."""
        try:
            return read(text)
        except (InputError, NotFoundError) as error:
            raise self.workload.error(path, error.message) from error


def _reference(secret: Secret) -> JsonObject:
    return {"secretKeyRef": {"name": secret.name, "key": secret.key}}


def _free_name(secret: Secret, taken: set[str]) -> str:
    base = "SCORE_" + re.sub(r"[^A-Z0-9]", "_", f"{secret.name}_{secret.key}".upper())
    return next(one for one in (base, *(f"{base}_{n}" for n in range(2, len(taken) + 3))) if one not in taken)


def _probe(declared: JsonObject) -> JsonObject:
    """Return a probe of Kubernetes, which has one handler; Score prefers ``exec``."""
    return {"exec": declared["exec"]} if "exec" in declared else {"httpGet": declared["httpGet"]}


def _ordered(workload: Workload) -> tuple[list[str], set[str]]:
    """Return the containers in the order in which they start, and those that end before the others begin.

    The kubelet starts containers one after the other in the order of their list, and knows no waiting for another's
    health before Kubernetes 1.29.
    """
    order: list[str] = []
    first: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        if name in order:
            return
        for other, how in (workload.containers[name].get("before") or {}).items():
            path = ("containers", name, "before", other)
            if other not in workload.containers:
                raise workload.error(path, "names no container of the workload")
            if other in (*above, name):
                raise workload.error(path, "makes a circle: each would start before the other")
            if how["ready"] not in _NATIVE:
                raise workload.error(path, "cannot wait until a container is healthy; use 'complete' or 'started'")
            if how["ready"] == "complete":
                first.add(other)
            visit(other, (*above, name))
        order.append(name)

    for name in workload.containers:
        visit(name, ())
    for name in first:
        for other in workload.containers[name].get("before") or {}:
            if other not in first:
                raise workload.error(
                    ("containers", name, "before", other), "has to be 'complete', since this container ends itself"
                )
    if len(first) == len(order):
        raise workload.error(("containers",), "has to have one that is not complete before another begins")
    return order, first
