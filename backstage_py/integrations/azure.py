"""The API of Azure DevOps: with which credentials, and what its refusals mean.

Sources: Microsoft's documentation of the REST API on authentication, scopes and rate limits; where Backstage sends a
token, see ``@backstage/plugin-scaffolder-backend-module-azure`` 0.2.26. Version 6.0 is what services and servers have.
"""

from http import HTTPStatus

from backstage_py.integrations.advice import by_words
from backstage_py.integrations.forges.rest import RestApi
from backstage_py.integrations.git import GitCredentials
from backstage_py.integrations.hosts import azure_credentials
from backstage_py.integrations.hosts.credentials import basic
from backstage_py.integrations.patience import Patience
from backstage_py.model import web_url
from backstage_py.model.scm import ScmIntegration

_ANY_USER = "notempty"
_ACCEPT = "application/json;api-version={}"
_SIGN_IN = frozenset({203, 302})
"""How Azure answers to credentials that it does not know: with its page for signing in, or the way to it."""
_BY_WORDS = (
    (r"TF401179|active pull request", "Have the open pull request completed or abandoned, or choose another branch"),
    (
        r"TF400948|already exists",
        "Choose another name, or have the one that is there renamed or deleted; it was not made by this task",
    ),
    (r"TF401398|TF401175|ref .* does not exist", "Push the branch first, for instance with azure:repository:push"),
    (r"TF200016|project does not exist", "Correct the project's name, or have the token's owner made a member of it"),
    (r"TF402455|must use a pull request", "A policy protects the branch: propose the change with azure:pr:create"),
)

path = web_url.path  # for actions, which know the adapter alone
organization_of = azure_credentials.organization_of


def api(
    integration: ScmIntegration,
    organization: str,
    token: str,
    patience: Patience,
    *,
    is_own: bool,
    scope: str,
    version: str = "6.0",
) -> RestApi:
    """Return the API of an organization.

    Args:
        integration: of the host.
        organization: or the collection of a server.
        token: a personal access token, or that of a principal.
        patience: how long it waits where Azure limits the rate.
        is_own: the token is that of the integration, and not of a user, whose token goes as a personal one.
        scope: what a token needs for what is done, as Azure's pages name it.
        version: of the API.
    """
    credential = azure_credentials.choose(integration, organization) if is_own else None
    is_bearer = credential is not None and not azure_credentials.is_personal(credential)
    headers = {"Authorization": f"Bearer {token}"} if is_bearer else basic("", token)
    return RestApi(
        "Azure DevOps",
        f"{integration.site}/{web_url.segments(organization)}",
        {**headers, "Accept": _ACCEPT.format(version)},
        patience,
        lambda status, message, _headers: advice(status, message, scope),
        sign_in=_SIGN_IN,
    )


def git_credentials(token: str) -> GitCredentials:
    """Return with what git reads and pushes: any user name and the token, of whichever kind."""
    return GitCredentials(_ANY_USER, token)


def advice(status: int, message: str, scope: str) -> str:
    """Return what to do about a refusal, empty when nothing is known."""
    if found := by_words(_BY_WORDS, message):
        return found
    if status == HTTPStatus.UNAUTHORIZED:
        return (
            f"The token is wrong, expired or revoked, or lacks the scope '{scope}': renew it in the integration's "
            "configuration, or sign in again"
        )
    if status == HTTPStatus.FORBIDDEN:
        return f"The token lacks the scope '{scope}', or its owner the right in this project"
    if status == HTTPStatus.NOT_FOUND:
        return "It does not exist, or the token may not see it: check organization, project and names"
    return ""
