"""The clusters of ``kubernetes.clusterLocatorMethods``, under Backstage's keys, and the cluster that we run in.

Besides Backstage's ``config`` and ``localKubectlProxy`` there are ``inCluster`` and ``kubeconfig``, and the
authProvider ``clientCertificate``; others are passed over.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from backstage_py.errors import InputError, NotFoundError, SettingsError
from backstage_py.integrations.kubernetes import kubeconfig, rules
from backstage_py.integrations.kubernetes.rules import Rule
from backstage_py.model.json import Json, JsonObject

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_IN_CLUSTER = "in-cluster"
_IN_CLUSTER_URL = "https://kubernetes.default.svc"
_PROXY_URL = "http://localhost:8001"
_KEY = "kubernetes.clusterLocatorMethods"


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where a cluster is and how it is called.

    Attributes:
        name: what templates call it.
        url: without a slash at its end.
        token: sent with each request.
        ca: its authority in PEM, None for the system's.
        verify: whether its certificate is checked.
        certificate: the client's, in PEM.
        key: of that certificate, in PEM.
        kubeconfig: where an exec plugin has to be run for the credentials, which the operator allowed.
        rules: who may use it; None lends its credentials to nobody.
    """

    name: str
    url: str
    token: str | None = field(default=None, repr=False)
    ca: str | None = None
    verify: bool = True
    certificate: str | None = None
    key: str | None = field(default=None, repr=False)
    kubeconfig: JsonObject | None = field(default=None, repr=False)
    rules: tuple[Rule, ...] | None = None


def find(
    config: Mapping[str, Json], name: str | None, *, token: str | None = None, account: Path = _ACCOUNT
) -> Cluster:
    """Return a cluster.

    Args:
        config: the whole configuration.
        name: as configured; None for the only one that is configured, or the one that we run in.
        token: used in place of all configured credentials.
        account: the folder in which a pod finds its service account.

    Raises:
        NotFoundError: there is none of this name. InputError: there are several, or none. SettingsError.
    """
    clusters = _configured(config)
    if name is None and not clusters and account.is_dir():
        clusters = {_IN_CLUSTER: {"name": _IN_CLUSTER, "type": "inCluster"}}
    if name is None and not clusters:
        raise InputError(f"No Kubernetes cluster is configured; add one to '{_KEY}'")
    if name is None and len(clusters) > 1:
        raise InputError(f"Several Kubernetes clusters are configured; give clusterName one of: {', '.join(clusters)}")
    one = _named(clusters, name) if name is not None else next(iter(clusters.values()))
    allowed = rules.read(one.get("allow"), f"{_KEY}: the cluster '{one.get('name')}'")
    return replace(_cluster(one, token, account), rules=allowed)


def name_of_url(config: Mapping[str, Json], url: str) -> str:
    """Return the name of the configured cluster at a URL; templates reach no other.

    Raises:
        NotFoundError: none is there.
    """
    for name, one in _configured(config).items():
        if str(one.get("url") or "").rstrip("/") == url.rstrip("/"):
            return name
    raise NotFoundError(f"No cluster of '{_KEY}' is at {url}")


def _configured(config: Mapping[str, Json]) -> dict[str, JsonObject]:
    """Return the entries by name, with the ``type`` of their method; the first of a name counts."""
    clusters: dict[str, JsonObject] = {}
    for method in (config.get("kubernetes") or {}).get("clusterLocatorMethods") or ():
        for one in _entries(method):
            shared = {"type": method["type"], "allow": method.get("allow")}
            clusters.setdefault(str(one.get("name")), shared | one)
    return clusters


def _entries(method: JsonObject) -> Iterator[JsonObject]:
    match method.get("type"):
        case "config":
            yield from method.get("clusters") or ()
        case "localKubectlProxy":
            yield {"name": "local", "url": _PROXY_URL, "authProvider": "localKubectlProxy"}
        case "inCluster":
            yield {"name": str(method.get("name") or _IN_CLUSTER)}
        case "kubeconfig":
            yield from kubeconfig.entries(method)


def _named(clusters: Mapping[str, JsonObject], name: str) -> JsonObject:
    if name not in clusters:
        known = f"it has {', '.join(clusters)}" if clusters else "it is empty"
        raise NotFoundError(f"Cluster with name {name} not found in '{_KEY}'; {known}")
    return clusters[name]


def _cluster(one: JsonObject, token: str | None, account: Path) -> Cluster:
    name = str(one.get("name"))
    if one["type"] == "kubeconfig":
        found = kubeconfig.read(one)
        values = found.as_fields() if token is None else found.without_credentials().as_fields() | {"token": token}
        return Cluster(name=name, **values)
    if one["type"] == "inCluster":
        one = {**one, "url": _IN_CLUSTER_URL, "authProvider": "serviceAccount"}
    url = one.get("url")
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise SettingsError(_KEY, f"the cluster '{name}' needs a 'url'")
    ca = _pem(one, "ca", name)
    cluster = Cluster(name, url.rstrip("/"), token, ca, not one.get("skipTLSVerify"))
    if token is not None:
        return cluster
    if one.get("authProvider") == "clientCertificate":
        return replace(cluster, certificate=_needed(one, "cert", name), key=_needed(one, "key", name))
    cluster = replace(cluster, token=_token(one, name, account))
    if not one.get("serviceAccountToken") and ca is None and (account / "ca.crt").is_file():
        cluster = replace(cluster, ca=(account / "ca.crt").read_text())
    return cluster


def _token(one: JsonObject, name: str, account: Path) -> str | None:
    """Return the token of a service account; without a configured one, as in Backstage, that of our own pod."""
    provider = one.get("authProvider", "serviceAccount")
    if provider == "localKubectlProxy":
        return None
    if provider != "serviceAccount":
        raise SettingsError(
            _KEY,
            f"the cluster '{name}' has the authProvider '{provider}'; actions call a cluster with 'serviceAccount' or "
            "'clientCertificate', or with the input 'token'",
        )
    if configured := one.get("serviceAccountToken"):
        return str(configured)
    if (account / "token").is_file():
        return (account / "token").read_text().strip()
    raise SettingsError(_KEY, f"the cluster '{name}' needs a 'serviceAccountToken'")


def _needed(one: JsonObject, stem: str, name: str) -> str:
    found = _pem(one, stem, name)
    if found is None:
        raise SettingsError(_KEY, f"the cluster '{name}' needs '{stem}Data' or '{stem}File' for 'clientCertificate'")
    return found


def _pem(one: JsonObject, stem: str, name: str) -> str | None:
    """Return what ``caData`` holds in base64, or ``caFile`` as it is."""
    if data := one.get(f"{stem}Data"):
        try:
            return base64.b64decode(data, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise SettingsError(_KEY, f"the cluster '{name}' has a '{stem}Data' that is not base64 of PEM") from error
    if file := one.get(f"{stem}File"):
        try:
            return Path(file).read_text(encoding="utf-8")
        except OSError as error:
            raise SettingsError(
                _KEY, f"the cluster '{name}' has a '{stem}File' that cannot be read: {error}"
            ) from error
    return None
