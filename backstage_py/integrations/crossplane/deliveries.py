"""How a resource gets to an environment: applied to its cluster, or written to a repository that is deployed; pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from backstage_py.errors import SettingsError
from backstage_py.model.json import Json, JsonObject

KEYS = {"mode", "repository", "branch", "path", "autoMerge", "mergeMethod"}
_PATH = "{environment}/{namespace}/{name}.yaml"
_NAMES = ("resource", "environment", "namespace", "name")
_SWITCHES = {"true": True, "false": False}
_METHODS = ("merge", "squash", "rebase")
_REPOSITORY = re.compile(r"/([^/]+)/([^/]+?)(?:\.git)?/?")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


class Mode(StrEnum):
    """Who changes what."""

    DIRECT = "direct"
    COMMIT = "commit"
    PULL_REQUEST = "pull-request"


@dataclass(frozen=True, slots=True)
class Target:
    """An object that is asked for: of a resource, for an environment, by its own name and namespace."""

    resource: str
    environment: str
    namespace: str
    name: str

    @property
    def is_sound(self) -> bool:
        """Whether it can be the name of anything; others lead nowhere in a repository."""
        return bool(_NAME.fullmatch(self.namespace) and _NAME.fullmatch(self.name))

    def head(self, verb: str) -> str:
        """Return the branch of the pull request that adds or removes it: ``verb`` is ``add`` or ``remove``."""
        return f"backstage-py/{verb}/{self.resource}/{self.environment}/{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Delivery:
    """The way to an environment.

    Attributes:
        mode: the way.
        repository: URL of the one that is deployed; empty for ``direct``.
        branch: of which it is deployed.
        path: of an object's file, with ``{resource}``, ``{environment}``, ``{namespace}`` and ``{name}`` in it.
        auto_merge: merge pull requests at once where the repository's rules let it.
        merge_method: how, as GitHub calls it.
    """

    mode: Mode = Mode.DIRECT
    repository: str = ""
    branch: str = "main"
    path: str = _PATH
    auto_merge: bool = False
    merge_method: str = "squash"

    @property
    def is_direct(self) -> bool:
        """Whether the cluster itself is asked."""
        return self.mode is Mode.DIRECT

    @property
    def owner_and_name(self) -> tuple[str, str]:
        """Return owner and name of the repository."""
        found = _REPOSITORY.fullmatch(urlsplit(self.repository).path)
        return (found[1], found[2]) if found else ("", "")

    def file(self, target: Target) -> str:
        """Return the path of an object's file."""
        return self.path.format(
            resource=target.resource, environment=target.environment, namespace=target.namespace, name=target.name
        )

    def target(self, file: str, resource: str, environment: str) -> Target | None:
        """Return whose file it is; None where it is none of this resource and environment."""
        known = {"resource": re.escape(resource), "environment": re.escape(environment)}
        pattern, seen = "", set()
        for part in re.split(r"(\{\w+\})", self.path):
            name = part.strip("{}") if part.startswith("{") else None
            if name is None or name in known:
                pattern += re.escape(part) if name is None else known[name]
                continue
            pattern += f"(?P={name})" if name in seen else f"(?P<{name}>[-a-z0-9]+)"
            seen.add(name)
        found = re.fullmatch(pattern, file)
        return Target(resource, environment, found["namespace"], found["name"]) if found else None


def read(resource: Json, environment: Json, key: str) -> Delivery:
    """Return the way to an environment: what the environment says goes before what the resource does.

    Raises:
        SettingsError: something is wrong; names the key.
    """
    one: JsonObject = {**_object(resource, key), **_object(environment, key)}
    if unknown := sorted(set(one) - KEYS):
        raise SettingsError(f"{key}.{unknown[0]}", f"it is not known; known are {', '.join(sorted(KEYS))}")
    mode = _one_of(one, "mode", tuple(Mode), Mode.DIRECT, key)
    found = Delivery(
        Mode(mode),
        _text(one, "repository", "", key),
        _text(one, "branch", "main", key),
        _text(one, "path", _PATH, key),
        _switch(one, "autoMerge", key),
        _one_of(one, "mergeMethod", _METHODS, "squash", key),
    )
    _refuse_incomplete(found, key)
    return found


def _refuse_incomplete(found: Delivery, key: str) -> None:
    if not found.is_direct and not all(found.owner_and_name):
        raise SettingsError(f"{key}.repository", "it should be a URL such as 'https://github.com/org/deployments'")
    named = re.findall(r"\{(\w*)\}", found.path)
    if unknown := [one for one in named if one not in _NAMES]:
        raise SettingsError(f"{key}.path", f"'{{{unknown[0]}}}' is not known; known are {', '.join(_NAMES)}")
    parts = found.path.split("/")
    if not {"namespace", "name"} <= set(named) or "" in parts or {".", ".."} & set(parts):
        raise SettingsError(f"{key}.path", "it should be a path in the repository with {namespace} and {name} in it")


def _object(value: Json, key: str) -> Mapping[str, Json]:
    if value is not None and not isinstance(value, dict):
        raise SettingsError(key, "it should be an object")
    return value or {}


def _text(one: JsonObject, name: str, default: str, key: str) -> str:
    value = one.get(name, default)
    if not isinstance(value, str):
        raise SettingsError(f"{key}.{name}", "it should be text")
    return value


def _switch(one: JsonObject, name: str, key: str) -> bool:
    value = str(one.get(name, False)).lower()
    if value not in _SWITCHES:
        raise SettingsError(f"{key}.{name}", "it should be true or false")
    return _SWITCHES[value]


def _one_of(one: JsonObject, name: str, known: tuple[str, ...], default: str, key: str) -> str:
    value = _text(one, name, default, key)
    if value not in known:
        raise SettingsError(f"{key}.{name}", f"it should be one of {', '.join(known)}")
    return value
