"""Policies, roles of the Kubernetes auth method, and roles of databases: written as a whole, so twice is once.

What a template may put into them is bound by ``rules``; what a role of a database may do there is the operator's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backstage_py.errors import InputError, NotFoundError, SettingsError
from backstage_py.model import json
from backstage_py.model.json import Json

if TYPE_CHECKING:
    from hvac import Client

_DATABASES = "vault.databases"


@dataclass(frozen=True, slots=True)
class DatabaseAccess:
    """What a role of a database gives, an entry of ``vault.databases.<name>.access``.

    Attributes:
        mount: of the database engine.
        connection: its connection to the database.
        creation: statements that make a user.
        revocation: statements that remove one; the engine's own without any.
    """

    mount: str
    connection: str
    creation: tuple[str, ...]
    revocation: tuple[str, ...]
    default_ttl: str
    max_ttl: str


def write_policy(client: "Client", name: str, paths: Mapping[str, Sequence[str]]) -> None:
    """Write a policy in place of an earlier one of this name."""
    rules = {"path": {path: {"capabilities": sorted(set(capabilities))} for path, capabilities in paths.items()}}
    client.sys.create_or_update_policy(name, json.text(rules))


def write_kubernetes_role(
    client: "Client",
    mount: str,
    name: str,
    *,
    accounts: Sequence[str],
    namespaces: Sequence[str],
    policies: Sequence[str],
    ttl: str | None,
    audience: str | None,
) -> None:
    """Let service accounts sign in, in place of an earlier role of this name."""
    optional = {"ttl": ttl, "audience": audience}
    client.auth.kubernetes.create_role(
        name,
        bound_service_account_names=list(accounts),
        bound_service_account_namespaces=list(namespaces),
        policies=list(policies),
        mount_point=mount,
        **{key: value for key, value in optional.items() if value is not None},
    )


def database_access(config: Mapping[str, Json], database: str, access: str) -> DatabaseAccess:
    """Return what the operator configured.

    Raises:
        NotFoundError: there is no such database, or no such access to it. SettingsError: it is incomplete.
    """
    section = config.get("vault") or {}
    databases: Any = section.get("databases") or {}
    found = databases.get(database)
    if not isinstance(found, Mapping):
        raise NotFoundError(f"There is no database '{database}' in '{_DATABASES}'; known are {_listed(databases)}")
    accesses = found.get("access") or {}
    one = accesses.get(access)
    if not isinstance(one, Mapping):
        raise NotFoundError(f"The database '{database}' has no access '{access}'; it has {_listed(accesses)}")
    key = f"{_DATABASES}.{database}"
    return DatabaseAccess(
        mount=str(found.get("mount") or "database"),
        connection=_text(found, "connection", key),
        creation=_statements(one, "statements", f"{key}.access.{access}"),
        revocation=_statements(one, "revocation", f"{key}.access.{access}") if "revocation" in one else (),
        default_ttl=str(one.get("defaultTtl") or "1h"),
        max_ttl=str(one.get("maxTtl") or "24h"),
    )


def write_database_role(client: "Client", name: str, access: DatabaseAccess) -> None:
    """Let users of a database be made, in place of an earlier role of this name."""
    client.secrets.database.create_role(
        name,
        access.connection,
        list(access.creation),
        default_ttl=access.default_ttl,
        max_ttl=access.max_ttl,
        revocation_statements=list(access.revocation) or None,
        mount_point=access.mount,
    )


def check_name(name: str) -> None:
    """Refuse a name that would be a path.

    Raises:
        InputError: it is one, or empty.
    """
    if not name or "/" in name or name in {".", ".."}:
        raise InputError(f"'{name}' is no name of a policy or role: it must not be empty or have a slash")


def _listed(known: Mapping[str, Json]) -> str:
    return ", ".join(f"'{name}'" for name in sorted(known)) or "none"


def _text(section: Mapping[str, Json], name: str, key: str) -> str:
    found = section.get(name)
    if not isinstance(found, str) or not found:
        raise SettingsError(f"{key}.{name}", "is missing")
    return found


def _statements(section: Mapping[str, Json], name: str, key: str) -> tuple[str, ...]:
    found = section.get(name)
    listed = [found] if isinstance(found, str) else found
    if not isinstance(listed, list) or not listed or not all(isinstance(one, str) for one in listed):
        raise SettingsError(f"{key}.{name}", "it should be a list of SQL statements")
    return tuple(listed)
