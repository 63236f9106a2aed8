"""``vault:*``: secrets are written and referred to, never shown; policies and roles within the operator's rules."""

from dataclasses import dataclass, field
from typing import Any

from backstage_py.integrations import origins
from backstage_py.integrations.origins import Origin
from backstage_py.integrations.vault import administration, engines, rules
from backstage_py.integrations.vault.rules import Rules
from backstage_py.integrations.vault.server import Vault
from backstage_py.plugin import Action, ActionAttributes, ActionContext, InputError, Json, NotFoundError
from backstage_py_actions._builtin import builtin

_IDEMPOTENT = ActionAttributes(idempotent=True)


@dataclass(frozen=True, slots=True)
class AddSecret:
    """``path`` is the mount of a key-value engine and the path in it."""

    path: str
    key: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class KvWrite:
    """Values by key; ``replace`` drops other keys of the path."""

    path: str
    values: dict[str, Json] = field(repr=False)
    replace: bool = False


@dataclass(frozen=True, slots=True)
class KvRead:
    """What has to be there; all keys of the path without ``keys``."""

    path: str
    keys: list[str] | None = None


@dataclass(frozen=True, slots=True)
class PolicyWrite:
    """Capabilities by path of Vault's API."""

    name: str
    paths: dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class RoleCreate:
    """Service accounts of namespaces that get policies."""

    name: str
    service_accounts: list[str]
    namespaces: list[str]
    policies: list[str]
    auth_path: str = "kubernetes"
    ttl: str | None = None
    audience: str | None = None


@dataclass(frozen=True, slots=True)
class DatabaseRole:
    """A role with one of the accesses that the operator configured for a database."""

    name: str
    database: str
    access: str


@builtin("vault:add-secret", AddSecret, attributes=_IDEMPOTENT, needs_workspace=False, extra="vault")
async def add_secret(ctx: ActionContext[AddSecret]) -> None:
    """Add a key to a secret.

    The original drops the other keys of the path; here they stay, so that two steps can fill one secret.
    """
    given = ctx.input
    if await Vault.of(ctx.services.config or {}).add(given.path, given.key, given.value):
        ctx.logger.info(f"Created mount path {given.path.strip('/').partition('/')[0]}.")
    ctx.logger.info(f"Added the key {given.key} to {given.path}")


@builtin("vault:kv:write", KvWrite, dry_run=True, attributes=_IDEMPOTENT, needs_workspace=False, extra="vault")
async def kv_write(ctx: ActionContext[KvWrite]) -> None:
    """Write keys of a secret."""
    given, path = ctx.input, _path(ctx.input.path)
    vault = await _allowed(ctx, ("write", path))
    _refer(ctx, path, given.values)
    if vault is None or ctx.is_dry_run:
        ctx.logger.info(f"Would write {', '.join(given.values)} to {path}")
        return

    def write(client: Any) -> int:
        place = _kv_place(client, vault, path)
        if place.kv == 1:
            kept = {} if given.replace else engines.read_v1(client, place.mount, place.rest)
            client.secrets.kv.v1.create_or_update_secret(place.rest, {**kept, **given.values}, mount_point=place.mount)
            return 1
        return engines.write_v2(client, place.mount, place.rest, given.values, replace=given.replace)

    version = await vault.call(write)
    ctx.output("version", version)
    ctx.logger.info(f"Wrote {', '.join(given.values)} to {path}, version {version}")


@builtin("vault:kv:read", KvRead, dry_run=True, attributes=_IDEMPOTENT, needs_workspace=False, extra="vault")
async def kv_read(ctx: ActionContext[KvRead]) -> None:
    """Make sure that a secret is there, and refer to its keys: ``vault()`` reads them where a step uses them."""
    given, path = ctx.input, _path(ctx.input.path)
    vault = await _allowed(ctx, ("read", path))
    if vault is None or ctx.is_dry_run:
        _refer(ctx, path, given.keys or ())
        ctx.logger.info(f"Would read {path}")
        return

    def read(client: Any) -> set[str]:
        place = _kv_place(client, vault, path)
        if place.kv == 1:
            return set(engines.read_v1(client, place.mount, place.rest))
        return set(engines.read_v2(client, place.mount, place.rest)[0])

    found = await vault.call(read)
    if not found:
        raise NotFoundError(f"Vault has no secret '{path}'")
    if missing := [key for key in given.keys or () if key not in found]:
        raise NotFoundError(f"The secret '{path}' of Vault has no key '{missing[0]}'")
    _refer(ctx, path, given.keys or sorted(found))
    ctx.logger.info(f"{path} is there; refer to its keys with vault()")


@builtin("vault:policy:write", PolicyWrite, dry_run=True, attributes=_IDEMPOTENT, needs_workspace=False, extra="vault")
async def policy_write(ctx: ActionContext[PolicyWrite]) -> None:
    """Write a policy."""
    given = ctx.input
    administration.check_name(given.name)
    vault = await _allowed(ctx, ("policies", given.name), ("policyPaths", *given.paths))
    ctx.output("name", given.name)
    if vault is None or ctx.is_dry_run:
        ctx.logger.info(f"Would write the policy {given.name}")
        return
    await vault.call(lambda client: administration.write_policy(client, given.name, given.paths))
    ctx.logger.info(f"Wrote the policy {given.name} for {', '.join(given.paths)}")


@builtin("vault:role:create", RoleCreate, dry_run=True, attributes=_IDEMPOTENT, needs_workspace=False, extra="vault")
async def role_create(ctx: ActionContext[RoleCreate]) -> None:
    """Let service accounts of a cluster sign in."""
    given, mount = ctx.input, ctx.input.auth_path.strip("/")
    administration.check_name(given.name)
    vault = await _allowed(
        ctx, ("roles", f"{mount}/{given.name}"), ("namespaces", *given.namespaces), ("policies", *given.policies)
    )
    ctx.output("name", given.name)
    ctx.output("authPath", mount)
    if vault is None or ctx.is_dry_run:
        ctx.logger.info(f"Would make the role {given.name} of {mount}")
        return
    await vault.call(
        lambda client: administration.write_kubernetes_role(
            client,
            mount,
            given.name,
            accounts=given.service_accounts,
            namespaces=given.namespaces,
            policies=given.policies,
            ttl=given.ttl,
            audience=given.audience,
        )
    )
    ctx.logger.info(f"The role {given.name} of {mount} gives {', '.join(given.policies)}")


@builtin(
    "vault:database:role", DatabaseRole, dry_run=True, attributes=_IDEMPOTENT, needs_workspace=False, extra="vault"
)
async def database_role(ctx: ActionContext[DatabaseRole]) -> None:
    """Let users of a database be made when somebody asks for their credentials."""
    given = ctx.input
    administration.check_name(given.name)
    if ctx.is_dry_run and not _config(ctx).get("vault"):
        await _allowed(ctx)
        _refer(ctx, f"database/creds/{given.name}", ("username", "password"))
        return
    access = administration.database_access(_config(ctx), given.database, given.access)
    vault = await _allowed(ctx, ("databases", f"{access.mount}/{given.name}"))
    _refer(ctx, f"{access.mount}/creds/{given.name}", ("username", "password"))
    if vault is None or ctx.is_dry_run:
        ctx.logger.info(f"Would make the role {given.name} of the database {given.database}")
        return
    await vault.call(lambda client: administration.write_database_role(client, given.name, access))
    ctx.logger.info(f"The role {given.name} gives {given.access} of the database {given.database}")


async def _allowed(ctx: ActionContext[Any], *wanted: tuple[str, *tuple[str, ...]]) -> Vault | None:
    """Return the server once the operator's rules allow what is wanted; None in a dry run where there is none.

    Raises:
        NotAllowedError: they do not. SettingsError: the server is not configured.
    """
    config = _config(ctx)
    if ctx.is_dry_run and not config.get("vault"):
        ctx.logger.warning("No Vault is configured; the dry run asks none")
        return None
    allowed = await _rules(ctx)
    for what, *names in wanted:
        allowed.refuse_unless_allowed(what, *names)
    return Vault.of(config)


async def _rules(ctx: ActionContext[Any]) -> Rules:
    every, template = rules.read(_config(ctx)), ctx.template_info
    if template is None:
        return every.about(Origin())
    owners = await origins.owners(ctx.services.catalog, template.entity_ref) if every.ask_for_owners else ()
    return every.about(Origin(owners, template.base_url))


def _config(ctx: ActionContext[Any]) -> dict[str, Json]:
    return dict(ctx.services.config or {})


def _path(given: str) -> str:
    return "/".join(engines.split(given))


def _kv_place(client: Any, vault: Vault, path: str) -> engines.Place:
    place = engines.place(client, path, vault.kv_version)
    if place.kv is None:
        raise InputError(f"'{place.mount}' is a mount of type '{place.type}' in Vault, not of type 'kv'")
    return place


def _refer(ctx: ActionContext[Any], path: str, keys: Any) -> None:
    """Give later steps what ``vault()`` takes; the values themselves are no output."""
    ctx.output("path", path)
    ctx.output("references", {key: f"{path}#{key}" for key in keys})


ACTIONS: tuple[Action, ...] = (add_secret, kv_write, kv_read, policy_write, role_create, database_role)
