"""The APIs of Bitbucket Cloud and Bitbucket Server: with which credentials, and what their refusals mean.

Sources: Atlassian's documentation of the REST APIs 2.0 (Cloud) and 1.0 (Server and Data Center), on errors, scopes and
credentials; where Backstage sends a token, see ``@backstage/plugin-scaffolder-backend-module-bitbucket-cloud`` 0.3.11.
"""

import re
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

from backstage_py.integrations.advice import by_words
from backstage_py.integrations.forges.rest import RestApi
from backstage_py.integrations.git import GitCredentials
from backstage_py.integrations.hosts.credentials import bitbucket_headers
from backstage_py.integrations.patience import Patience
from backstage_py.model.json import Json
from backstage_py.model.scm import ScmIntegration

_TOKEN_USER = "x-token-auth"  # noqa: S105  # the user name that Bitbucket Cloud takes with a token
_NAMED_TOKEN_USER = "x-bitbucket-api-token-auth"  # noqa: S105  # as above, with a token of an account
_API = re.compile(r"/rest/api/[^/]+/?$")

_BY_WORDS = (
    (
        r"already (?:exists|taken)|is already taken",
        "Choose another name, or have the one that is there renamed or deleted; it was not made by this task",
    ),
    (r"Only one pull request may be open", "Have the open pull request merged or declined, or choose another branch"),
    (r"no changes to be pulled|is already up-to-date", "The branch has nothing that its target has not: add a change"),
    (r"branch permission|restriction|protected", "A rule protects the branch: propose the change with a pull request"),
    (r"(?:read.?only|archived)", "Have the repository made writable, or choose another one"),
)


def cloud(integration: ScmIntegration, token: str, patience: Patience, *, is_own: bool) -> RestApi:
    """Return the API of Bitbucket Cloud; ``is_own``: the token is that of the integration, and not of a user."""
    headers = bitbucket_headers(integration, token, is_own=is_own)
    base = integration.api_base_url or "https://api.bitbucket.org/2.0"
    return RestApi("Bitbucket", base, headers, patience, advice, words)


def server(integration: ScmIntegration, token: str, patience: Patience, *, is_own: bool) -> RestApi:
    """Return the API of a Bitbucket Server; ``is_own`` as for ``cloud``."""
    headers = bitbucket_headers(integration, token, is_own=is_own)
    base = integration.api_base_url or f"https://{integration.host}/rest/api/1.0"
    return RestApi("Bitbucket", base, headers, patience, advice, words)


def cloud_git(integration: ScmIntegration, token: str, *, is_own: bool) -> GitCredentials:
    """Return with what git pushes to Bitbucket Cloud: each kind of token has a user name of its own."""
    username = str(integration.options.get("username") or "")
    if not is_own or integration.options.get("clientId") or not username:
        return GitCredentials(_TOKEN_USER, token)
    return GitCredentials(_NAMED_TOKEN_USER if integration.token else username, token)


def server_git(integration: ScmIntegration, token: str, *, is_own: bool) -> GitCredentials:
    """Return with what git pushes to a Bitbucket Server: a bearer token, or the user's password."""
    if not is_own or integration.token:
        return GitCredentials("", token, is_bearer=True)
    return GitCredentials(str(integration.options.get("username") or ""), token)


def site_of(integration: ScmIntegration) -> str:
    """Return where the pages and repositories of a host are: beside its API for a Bitbucket Server."""
    if base := integration.options.get("baseUrl"):
        return str(base).rstrip("/")
    api = integration.api_base_url or ""
    if integration.type == "bitbucketServer" and _API.search(api):
        return _API.sub("", api)
    scheme = urlsplit(api).scheme if integration.type == "bitbucketServer" else ""
    return f"{scheme or 'https'}://{integration.host}"


def words(said: Json) -> str:
    """Return what Bitbucket says, with the scopes that it wants; Cloud has one error, Server a list of them."""
    if not isinstance(said, dict):
        return ""
    if isinstance(listed := said.get("errors"), list):
        return "; ".join(str(one.get("message") or "") for one in listed if isinstance(one, dict))
    error = said.get("error")
    if not isinstance(error, dict):
        return str(error or said.get("message") or "")
    parts = [str(error.get("message") or "").rstrip(".")]
    detail, fields = error.get("detail"), error.get("fields")
    if isinstance(detail, dict) and (required := detail.get("required")):
        parts.append(f"required scopes: {', '.join(map(str, required))}")
    elif isinstance(detail, str):
        parts.append(detail.rstrip("."))
    if isinstance(fields, dict):
        parts += [f"{name} {_reason(reason)}" for name, reason in fields.items()]
    return "; ".join(one for one in parts if one)


def _reason(value: Json) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def advice(status: int, message: str, _headers: Mapping[str, str]) -> str:
    """Return what to do about a refusal, empty when nothing is known."""
    if scopes := re.search(r"required scopes: ([^;]+)", message):
        return f"The token lacks a scope: give it {scopes[1]}"
    if status == HTTPStatus.UNAUTHORIZED:
        return "The token is wrong, expired or revoked: renew it in the integration's configuration, or sign in again"
    if found := by_words(_BY_WORDS, message):
        return found
    if status == HTTPStatus.FORBIDDEN:
        return "The token's owner needs the right to write, or to administer, in the repository or project"
    if status == HTTPStatus.NOT_FOUND:
        return "It does not exist, or the token may not see it: check the names, and what the token has access to"
    return ""
