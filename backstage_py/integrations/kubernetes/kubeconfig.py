"""The clusters of a kubeconfig. A context is a cluster; its name is the context's.

What starts a program (``exec``) is refused unless the operator allows it, and what newer versions of kubectl do not
know (``auth-provider``, passwords) always.
"""

import base64
import binascii
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backstage_py.errors import SettingsError
from backstage_py.model import yaml
from backstage_py.model.json import JsonObject
from backstage_py.model.yaml import YamlError

_KEY = "kubernetes.clusterLocatorMethods"
_REFUSED = {"auth-provider": "a 'serviceAccountToken'", "username": "a token", "password": "a token"}  # words


@dataclass(frozen=True, slots=True)
class Access:
    """What a context says about a cluster and its user; ``kubeconfig`` is the file when a plugin has to be run."""

    url: str
    token: str | None = field(repr=False)
    ca: str | None
    verify: bool
    certificate: str | None
    key: str | None = field(repr=False)
    kubeconfig: JsonObject | None = field(repr=False)

    def as_fields(self) -> dict[str, Any]:
        """Return it by the names of the fields."""
        return {one.name: getattr(self, one.name) for one in dataclasses.fields(self)}

    def without_credentials(self) -> "Access":
        """Return where the cluster is alone."""
        return dataclasses.replace(self, token=None, certificate=None, key=None, kubeconfig=None)


def entries(method: JsonObject) -> Iterator[JsonObject]:
    """Yield the contexts that a method of the type ``kubeconfig`` offers: those of ``contexts``, or all of its file.

    Raises:
        SettingsError: the file cannot be read.
    """
    path = str(method.get("path") or "")
    for name in method.get("contexts") or _contexts(_file(path)):
        yield {"name": name, "path": path, "allowExec": bool(method.get("allowExec"))}


def read(entry: JsonObject) -> Access:
    """Return what one of the ``entries`` says.

    Raises:
        SettingsError: it is incomplete, or needs a program that may not be run.
    """
    content, folder, name = _file(entry["path"]), Path(entry["path"]).parent, entry["name"]
    if name not in (known := _contexts(content)):
        raise SettingsError(
            _KEY, f"the kubeconfig '{entry['path']}' has no context '{name}'; it has {', '.join(known)}"
        )
    context = _named(content, "contexts", name, name)["context"]
    cluster = _named(content, "clusters", context.get("cluster"), name)["cluster"]
    user = _named(content, "users", context.get("user"), name).get("user") or {}
    url = str(cluster.get("server") or "")
    if not url.startswith(("http://", "https://")):
        raise SettingsError(_KEY, f"the context '{name}' leads to no 'server'")
    _refuse(user, name, may_run=entry["allowExec"])
    token = user.get("token") or _text(user.get("tokenFile"), folder, name)
    return Access(
        url=url.rstrip("/"),
        token=token.strip() if token else None,
        ca=_pem(cluster, "certificate-authority", folder, name),
        verify=not cluster.get("insecure-skip-tls-verify"),
        certificate=_pem(user, "client-certificate", folder, name),
        key=_pem(user, "client-key", folder, name),
        kubeconfig=content if user.get("exec") else None,
    )


def _refuse(user: JsonObject, name: str, *, may_run: bool) -> None:
    if user.get("exec") and not may_run:
        raise SettingsError(
            _KEY,
            f"the context '{name}' runs the program '{user['exec'].get('command')}' for its credentials; "
            "set 'allowExec' beside the kubeconfig's 'path' if it may",
        )
    for key, instead in _REFUSED.items():
        if user.get(key):
            raise SettingsError(_KEY, f"the context '{name}' has '{key}', which is not supported; use {instead}")


def _file(path: str) -> JsonObject:
    try:
        content = Path(path).expanduser().read_text(encoding="utf-8")
        documents = list(yaml.load_all(content, filename=path))
        value = documents[0].value if documents and not documents[0].error() else None
    except (OSError, YamlError) as error:
        raise SettingsError(_KEY, f"the kubeconfig '{path}' cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise SettingsError(_KEY, f"the kubeconfig '{path}' is none")
    return value


def _contexts(content: JsonObject) -> list[str]:
    return [str(one.get("name")) for one in content.get("contexts") or []]


def _named(content: JsonObject, key: str, name: str | None, context: str) -> JsonObject:
    for one in content.get(key) or []:
        if isinstance(one, dict) and one.get("name") == name:
            return one
    raise SettingsError(_KEY, f"the context '{context}' names '{name}', which is not among the kubeconfig's {key}")


def _pem(value: JsonObject, key: str, folder: Path, name: str) -> str | None:
    if data := value.get(f"{key}-data"):
        try:
            return base64.b64decode(data, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise SettingsError(_KEY, f"the context '{name}' has a '{key}-data' that is not base64 of PEM") from error
    return _text(value.get(key), folder, name)


def _text(file: str | None, folder: Path, name: str) -> str | None:
    """Return a file that a kubeconfig names, from its own folder on."""
    if not file:
        return None
    try:
        return (folder / file).read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(_KEY, f"the context '{name}' names a file that cannot be read: {error}") from error
