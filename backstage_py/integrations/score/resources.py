"""What a resource of a workload is: its name, its outputs, and the objects that ask for it.

The operator says so by type and class in ``score.resources``. Without that two types are known: ``postgres``, whose
outputs are keys of the connection Secret that a Crossplane composite of the same name writes, and ``volume``, a claim
of a persistent volume.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from backstage_py.errors import InputError, SettingsError
from backstage_py.integrations.score.workload import Workload
from backstage_py.model.json import Json, JsonObject

KEY = "score.resources"
_WORD = re.compile(r"\{(workload|name|resource|namespace|class|params(?:\.[\w-]+)+)(?:\|([^{}]*))?\}")
_LONGEST_NAME = 63
_MEMBERS = ("type", "class", "secret", "outputs", "manifests")


@dataclass(frozen=True, slots=True)
class Secret:
    """A key of a Secret, by reference."""

    name: str
    key: str


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of a workload.

    Attributes:
        key: what the workload calls it.
        name: what objects are called: ``<workload>-<key>``, or the ``id`` that workloads share.
        outputs: by name.
        secret: the Secret that its outputs are in; None where no output is.
        objects: that ask for it.
    """

    key: str
    type: str
    class_: str
    name: str
    params: Mapping[str, Json] = field(default_factory=dict)
    outputs: Mapping[str, str | Secret] = field(default_factory=dict)
    secret: str | None = None
    objects: Sequence[JsonObject] = ()

    def as_json(self) -> JsonObject:
        """Return what a later step needs to ask for it."""
        shown: JsonObject = {"resource": self.key, "type": self.type, "class": self.class_, "name": self.name}
        return shown | {"params": dict(self.params)} | ({"secret": self.secret} if self.secret else {})


@dataclass(frozen=True, slots=True)
class _Kind:
    type: str
    class_: str | None
    secret: str | None
    outputs: Mapping[str, Json]
    manifests: Sequence[JsonObject]


_POSTGRES = _Kind(
    "postgres",
    None,
    "{name}",
    {
        "host": {"secretKey": "endpoint"},
        "port": {"secretKey": "port"},
        "name": {"secretKey": "database"},
        "database": {"secretKey": "database"},
        "username": {"secretKey": "username"},
        "password": {"secretKey": "password"},
    },
    (),
)
_VOLUME = _Kind(
    "volume",
    None,
    None,
    {"source": "{name}"},
    (
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "{name}"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "{params.size|1Gi}"}},
            },
        },
    ),
)


def of(workload: Workload, config: Mapping[str, Json], namespace: str | None) -> Mapping[str, Resource]:
    """Return the resources of a workload by what it calls them.

    Raises:
        InputError: nobody said what a type is. SettingsError: the configuration is wrong.
    """
    kinds = [*_configured(config), _POSTGRES, _VOLUME]
    declared: Mapping[str, JsonObject] = workload.value.get("resources") or {}
    return {key: _resource(workload, key, one, kinds, namespace) for key, one in declared.items()}


def _resource(
    workload: Workload, key: str, declared: JsonObject, kinds: Sequence[_Kind], namespace: str | None
) -> Resource:
    type_, class_ = str(declared["type"]), str(declared.get("class") or "default")
    kind = next((one for one in kinds if one.type == type_ and one.class_ in (None, class_)), None)
    if kind is None:
        known = ", ".join(sorted({one.type for one in kinds}))
        raise workload.error(
            ("resources", key, "type"),
            f"is '{type_}' of class '{class_}', which the operator's '{KEY}' does not know; it knows: {known}",
        )
    name = _name(str(declared.get("id") or f"{workload.name}-{key}"))
    params: Mapping[str, Json] = declared.get("params") or {}
    words: JsonObject = {"workload": workload.name, "name": name, "resource": key, "class": class_, "params": params}
    if namespace:
        words["namespace"] = namespace
    try:
        secret = str(_filled(kind.secret, words)) if kind.secret else None
        outputs = {out: _output(value, secret, words) for out, value in kind.outputs.items()}
        objects = [dict(_filled(one, words)) for one in kind.manifests]
    except InputError as error:
        raise workload.error(("resources", key), error.message) from error
    return Resource(key, type_, class_, name, params, outputs, secret, objects)


def _name(wanted: str) -> str:
    plain = wanted.replace(".", "-")
    if len(plain) <= _LONGEST_NAME:
        return plain
    digest = hashlib.sha256(wanted.encode()).hexdigest()[:8]
    return f"{plain[: _LONGEST_NAME - 9].rstrip('-')}-{digest}"


def _output(value: Json, secret: str | None, words: Mapping[str, Json]) -> str | Secret:
    if isinstance(value, Mapping):
        name = str(_filled(value.get("secret"), words)) if value.get("secret") else secret
        if name is None:
            raise SettingsError(KEY, "an output with a 'secretKey' needs a 'secret', its own or the resource's")
        return Secret(name, str(_filled(value["secretKey"], words)))
    return _text(_filled(value, words))


def _filled(value: Json, words: Mapping[str, Json]) -> Json:
    """Return a value of the configuration with its words replaced; a text that is one word keeps the word's type."""
    if isinstance(value, Mapping):
        return {key: _filled(one, words) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_filled(one, words) for one in value]
    if not isinstance(value, str):
        return value
    if whole := _WORD.fullmatch(value):
        return _word(whole, words)
    return _WORD.sub(lambda found: _text(_word(found, words)), value)


def _word(found: "re.Match[str]", words: Mapping[str, Json]) -> Json:
    value: Json = words
    for part in found[1].split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    if value is not None:
        return value
    if found[2] is not None:
        return found[2]
    wanted = found[1].removeprefix("params.")
    if wanted == "namespace":
        raise InputError("is of a type that is made for a namespace; give the input 'namespace'")
    raise InputError(f"needs the parameter '{wanted}' in its 'params'")


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _configured(config: Mapping[str, Json]) -> list[_Kind]:
    section = config.get("score")
    listed = section.get("resources") if isinstance(section, Mapping) else None
    if listed is None:
        return []
    if not isinstance(listed, list):
        raise SettingsError(KEY, "it should be a list of types of resources")
    return [_kind(one, f"{KEY}[{index}]") for index, one in enumerate(listed)]


def _kind(value: Json, key: str) -> _Kind:
    if not isinstance(value, Mapping) or not isinstance(value.get("type"), str):
        raise SettingsError(key, f"it is an object with 'type', and may have {', '.join(_MEMBERS[1:])}")
    if unknown := sorted(set(value) - set(_MEMBERS)):
        raise SettingsError(key, f"it has '{unknown[0]}'; there are {', '.join(_MEMBERS)}")
    outputs, manifests = value.get("outputs") or {}, value.get("manifests") or []
    if not isinstance(outputs, Mapping) or not all(_is_output(one) for one in outputs.values()):
        raise SettingsError(f"{key}.outputs", "each is a text, or an object with 'secretKey' and perhaps 'secret'")
    if not isinstance(manifests, list) or not all(isinstance(one, Mapping) for one in manifests):
        raise SettingsError(f"{key}.manifests", "it should be a list of objects")
    class_, secret = value.get("class"), value.get("secret")
    return _Kind(value["type"], class_ and str(class_), secret and str(secret), outputs, manifests)


def _is_output(value: Json) -> bool:
    if isinstance(value, Mapping):
        return isinstance(value.get("secretKey"), str) and not set(value) - {"secretKey", "secret"}
    return isinstance(value, str | int | float | bool)
