"""The clusters of ``kubernetes.clusterLocatorMethods``, under Backstage's keys, and the cluster that we run in."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from backstage_py.errors import InputError, NotFoundError, SettingsError
from backstage_py.model.json import Json, JsonObject

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_IN_CLUSTER_URL = "https://kubernetes.default.svc"
_PROXY_URL = "http://localhost:8001"
_KEY = "kubernetes.clusterLocatorMethods"


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where a cluster is and how it is called; ``ca`` in PEM, None for the system's certificates."""

    name: str
    url: str
    token: str | None = field(default=None, repr=False)
    ca: str | None = None
    verify: bool = True


def find(
    config: Mapping[str, Json], name: str | None, *, token: str | None = None, account: Path = _ACCOUNT
) -> Cluster:
    """Return a cluster.

    Args:
        config: the whole configuration.
        name: as configured; None for the only one that is configured, or the one that we run in.
        token: used in place of the configured one.
        account: the folder in which a pod finds its service account.

    Raises:
        NotFoundError: there is none of this name. InputError: there are several, or none. SettingsError.
    """
    clusters = _configured(config)
    if name is not None:
        return _cluster(_named(clusters, name), token, account)
    if len(clusters) == 1:
        return _cluster(next(iter(clusters.values())), token, account)
    if not clusters and account.is_dir():
        return _cluster(
            {"name": "in-cluster", "url": _IN_CLUSTER_URL, "authProvider": "serviceAccount"}, token, account
        )
    if not clusters:
        raise InputError(f"No Kubernetes cluster is configured; add one to '{_KEY}'")
    raise InputError(f"Several Kubernetes clusters are configured; give clusterName one of: {', '.join(clusters)}")


def _configured(config: Mapping[str, Json]) -> dict[str, JsonObject]:
    clusters: dict[str, JsonObject] = {}
    for method in (config.get("kubernetes") or {}).get("clusterLocatorMethods") or ():
        if method.get("type") == "localKubectlProxy":
            clusters.setdefault("local", {"name": "local", "url": _PROXY_URL, "authProvider": "localKubectlProxy"})
        if method.get("type") == "config":
            for one in method.get("clusters") or ():
                clusters.setdefault(str(one.get("name")), one)
    return clusters


def _named(clusters: Mapping[str, JsonObject], name: str) -> JsonObject:
    if name not in clusters:
        known = f"it has {', '.join(clusters)}" if clusters else "it is empty"
        raise NotFoundError(f"Cluster with name {name} not found in '{_KEY}'; {known}")
    return clusters[name]


def _cluster(one: JsonObject, token: str | None, account: Path) -> Cluster:
    name, url = str(one.get("name")), one.get("url")
    if not isinstance(url, str) or not url.startswith(("https://", "http://")):
        raise SettingsError(_KEY, f"the cluster '{name}' needs a 'url' that begins with https:// or http://")
    ca = _ca(one, name)
    if token is None:
        token = _token(one, name, account)
        if not one.get("serviceAccountToken") and ca is None and (account / "ca.crt").is_file():
            ca = (account / "ca.crt").read_text()
    return Cluster(name, url.rstrip("/"), token, ca, not one.get("skipTLSVerify"))


def _token(one: JsonObject, name: str, account: Path) -> str | None:
    """Return the token of a service account; without a configured one, as in Backstage, that of our own pod."""
    provider = one.get("authProvider", "serviceAccount")
    if provider == "localKubectlProxy":
        return None
    if provider != "serviceAccount":
        raise SettingsError(
            _KEY,
            f"the cluster '{name}' has the authProvider '{provider}'; actions call a cluster with 'serviceAccount', "
            "or with the input 'token'",
        )
    if configured := one.get("serviceAccountToken"):
        return str(configured)
    if (account / "token").is_file():
        return (account / "token").read_text().strip()
    raise SettingsError(_KEY, f"the cluster '{name}' needs a 'serviceAccountToken'")


def _ca(one: JsonObject, name: str) -> str | None:
    if data := one.get("caData"):
        try:
            return base64.b64decode(data, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise SettingsError(_KEY, f"the cluster '{name}' has a 'caData' that is not base64 of PEM") from error
    if file := one.get("caFile"):
        try:
            return Path(file).read_text(encoding="utf-8")
        except OSError as error:
            raise SettingsError(_KEY, f"the cluster '{name}' has a 'caFile' that cannot be read: {error}") from error
    return None
