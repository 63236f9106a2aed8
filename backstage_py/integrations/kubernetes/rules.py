"""Who may use a cluster's configured credentials for what: the operator's ``allow``, a list of rules.

Without a rule nobody may: an entry of ``kubernetes.clusterLocatorMethods`` may have been written so that Backstage
shows what runs, and its token is not lent to templates unless the operator says so. A token that the caller brings is
the caller's: the cluster itself decides what it may.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from backstage_py.errors import NotAllowedError
from backstage_py.integrations.origins import Origin, matches, rule_owners, rules, texts
from backstage_py.model.json import Json

if TYPE_CHECKING:
    from backstage_py.integrations.kubernetes.clusters import Cluster

_FIELDS = ("owners", "sources", "namespaces", "kinds", "clusterKinds")


@dataclass(frozen=True, slots=True)
class Rule:
    """What some templates may do. Each list holds globs in which ``*`` stands for anything.

    Attributes:
        owners: entity references; one of the template's owners has to match. None: whoever owns it.
        sources: URLs from which the catalog read the template. None: from anywhere.
        namespaces: in which namespaces; for the kind ``Namespace`` the names that it may have.
        kinds: which namespaced kinds, as ``Deployment.apps`` and ``ConfigMap``.
        cluster_kinds: which kinds without a namespace, ``Namespace`` besides what ``kinds`` says.
    """

    owners: tuple[str, ...] | None
    sources: tuple[str, ...] | None
    namespaces: tuple[str, ...]
    kinds: tuple[str, ...]
    cluster_kinds: tuple[str, ...]


class _Kind(Protocol):
    @property
    def full_name(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Caller:
    """On whose behalf a cluster is called.

    Attributes:
        owners: owners of the template as the catalog knows them, complete references.
        source: where the catalog read the template.
        has_own_token: the credentials are the caller's, not the operator's.
    """

    owners: tuple[str, ...] = ()
    source: str | None = None
    has_own_token: bool = False

    def refuse_unless_allowed(
        self, cluster: "Cluster", kind: _Kind, namespace: str | None, name: str | None = None
    ) -> None:
        """Return when a rule lets the caller at an object, or at all of a kind and namespace without ``name``.

        Raises:
            NotAllowedError: none does.
        """
        if self.has_own_token:
            return
        if cluster.rules is None:
            raise NotAllowedError(
                f"The cluster '{cluster.name}' is not open to templates: give a token of your own, or have the "
                "operator add 'allow' to it in 'kubernetes.clusterLocatorMethods'"
            )
        if not any(self._matches(rule) and _covers(rule, kind, namespace, name) for rule in cluster.rules):
            where = f"in the namespace '{namespace}'" if namespace else "of the whole cluster"
            raise NotAllowedError(
                f"This template may not use {kind.full_name} {where} on the cluster '{cluster.name}'; "
                "the operator's 'allow' in 'kubernetes.clusterLocatorMethods' says what it may"
            )

    def _matches(self, rule: Rule) -> bool:
        return Origin(self.owners, self.source).fits(rule.owners, rule.sources)


EVERYTHING = Rule(None, None, ("*",), ("*",), ("*",))


def _covers(rule: Rule, kind: _Kind, namespace: str | None, name: str | None) -> bool:
    if namespace is not None:
        return matches(rule.namespaces, namespace) and matches(rule.kinds, kind.full_name)
    if matches(rule.cluster_kinds, kind.full_name):
        return True
    is_own_namespace = kind.full_name == "Namespace" and name is not None and matches(rule.namespaces, name)
    return is_own_namespace and matches(rule.kinds, "Namespace")


def read(value: Json, key: str) -> tuple[Rule, ...] | None:
    """Read the ``allow`` of a cluster; None when there is none.

    Raises:
        SettingsError: it is no list of rules.
    """
    if value is None:
        return None
    return tuple(_rule(one, at) for at, one in rules(value, f"{key}.allow", _FIELDS))


def _rule(value: Mapping[str, Json], key: str) -> Rule:
    return Rule(
        owners=rule_owners(value, key),
        sources=texts(value, "sources", key),
        namespaces=texts(value, "namespaces", key) or (),
        kinds=texts(value, "kinds", key) or (),
        cluster_kinds=texts(value, "clusterKinds", key) or (),
    )
