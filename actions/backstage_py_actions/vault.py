"""``vault:add-secret``."""

from dataclasses import dataclass, field

from backstage_py.integrations.vault.server import Vault
from backstage_py.plugin import Action, ActionAttributes, ActionContext
from backstage_py_actions._builtin import builtin


@dataclass(frozen=True, slots=True)
class AddSecret:
    """``path`` is the mount of a key-value engine and the path in it."""

    path: str
    key: str
    value: str = field(repr=False)


@builtin(
    "vault:add-secret",
    AddSecret,
    attributes=ActionAttributes(idempotent=True),
    needs_workspace=False,
    extra="vault",
)
async def add_secret(ctx: ActionContext[AddSecret]) -> None:
    """Add a key to a secret.

    The original drops the other keys of the path; here they stay, so that two steps can fill one secret.
    """
    given = ctx.input
    if await Vault.of(ctx.services.config or {}).add(given.path, given.key, given.value):
        ctx.logger.info(f"Created mount path {given.path.strip('/').partition('/')[0]}.")
    ctx.logger.info(f"Added the key {given.key} to {given.path}")


ACTIONS: tuple[Action, ...] = (add_secret,)
