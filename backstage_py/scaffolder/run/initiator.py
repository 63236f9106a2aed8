"""Who started a run, kept among the task's secrets until its steps are judged by what that caller may do."""

from collections.abc import Mapping

from backstage_py.identity.principals import (
    NOBODY,
    AccessRestriction,
    Credentials,
    NonePrincipal,
    ServicePrincipal,
    UserPrincipal,
)
from backstage_py.model import json

TOKEN = "backstageToken"  # noqa: S105  # a name that templates use
_CREDENTIALS = "__initiatorCredentials"


def add_to(secrets: Mapping[str, str], credentials: Credentials) -> Mapping[str, str]:
    """Return a task's secrets with its initiator's credentials; a caller cannot send them under their names."""
    kept = {name: value for name, value in secrets.items() if name not in {TOKEN, _CREDENTIALS}}
    principal = credentials.principal
    if credentials.token:
        kept[TOKEN] = credentials.token
    elif isinstance(principal, NonePrincipal):
        kept[_CREDENTIALS] = json.text({"type": "none"})
    elif isinstance(principal, ServicePrincipal) and (bounds := principal.restriction):
        restrictions = {"permissionNames": bounds.permissions, "actions": bounds.actions}
        kept[_CREDENTIALS] = json.text(
            {"type": "service", "subject": principal.subject, "accessRestrictions": restrictions}
        )
    return kept


def from_secrets(secrets: Mapping[str, str], user_ref: str | None) -> Credentials:
    """Return the initiator of the run with these secrets; without a record it is a service without restrictions."""
    if token := secrets.get(TOKEN):
        return Credentials(UserPrincipal(user_ref or ""), token)
    if _CREDENTIALS not in secrets:
        return Credentials(ServicePrincipal("plugin:scaffolder"))
    kept = json.parse(secrets[_CREDENTIALS])
    if kept["type"] == "none":
        return NOBODY
    bounds = kept["accessRestrictions"]
    restriction = AccessRestriction(_texts(bounds["permissionNames"]), _texts(bounds["actions"]))
    return Credentials(ServicePrincipal(kept["subject"], restriction))


def _texts(value: list[str] | None) -> tuple[str, ...] | None:
    return None if value is None else tuple(value)
