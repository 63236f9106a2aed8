"""The user as whom an integration acts, where a host knows users and passwords."""

from backstage_py.errors import InputError
from backstage_py.integrations.git import GitCredentials
from backstage_py.model.scm import ScmIntegration


def of(integration: ScmIntegration, hint: str = "") -> GitCredentials:
    """Return user and password of an integration.

    Args:
        integration: of the host.
        hint: what kind of password it is, behind the names of the keys.

    Raises:
        InputError: the configuration has no user.
    """
    found = GitCredentials(
        str(integration.options.get("username") or ""), str(integration.options.get("password") or "").strip()
    )
    if not found.username or not found.password:
        kind = integration.type
        raise InputError(
            f"Credentials for the {kind} {integration.host} required. Set 'username' and 'password'{hint} of its entry "
            f"in integrations.{kind}"
        )
    return found
