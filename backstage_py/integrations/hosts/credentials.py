"""Tokens for git hosts: one that a caller brings, one of the configuration, or one that is issued for a while."""

import base64
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from backstage_py import threads
from backstage_py.errors import ForeignError, NotAllowedError
from backstage_py.integrations import github
from backstage_py.integrations.hosts import azure_credentials
from backstage_py.integrations.hosts.issued_tokens import IssuedTokens
from backstage_py.model.json import Json
from backstage_py.model.scm import ScmIntegration

_RENEW_BEFORE = 600.0
_DEFAULT_API = "https://api.github.com"


@dataclass(slots=True)
class Credentials:
    """Hands out tokens; those that are issued for a while are kept until ten minutes before they end."""

    _installations: dict[tuple[str, int, str], tuple[str, float]] = field(default_factory=dict)
    _issued: IssuedTokens = field(default_factory=IssuedTokens)

    async def token(self, integration: ScmIntegration, owner: str | None = None) -> str | None:
        """Return a token that may be used for repositories of ``owner``; None when the host is used without one.

        ``owner`` is the organization for Azure DevOps. Of a user name and a password the password is the token.

        Raises:
            ForeignError, NotAllowedError: the App, consumer or principal of the configuration cannot be used.
        """
        if integration.type == "azure":
            return await self._azure_token(azure_credentials.choose(integration, owner or ""))
        if integration.type == "bitbucketCloud" and integration.options.get("clientId"):
            return await self._issued.of_bitbucket(integration)
        if integration.type in {"bitbucketCloud", "bitbucketServer"}:
            return _bitbucket_secret(integration) or None
        apps = integration.options.get("apps") if integration.type == "github" else None
        if apps and owner:
            found = await self._app_token(integration, apps, owner)
            if found:
                return found
        return integration.token or None

    async def organisations(self, integration: ScmIntegration, app: int | None = None) -> list[str]:
        """Return the organisations that have installed one of a host's GitHub Apps, or any of them.

        Raises:
            ForeignError: an App of the configuration cannot be used, or there is none.
        """
        apps = [one for one in integration.options.get("apps") or () if app in {None, int(one["appId"])}]
        if not apps:
            wanted = f" with the id {app}" if app else ""
            raise ForeignError(f"integrations.github has no App{wanted} for {integration.host}")
        api = integration.api_base_url or _DEFAULT_API
        found = [await threads.remote_call("github", _organisations, api, one) for one in apps]
        return list(dict.fromkeys(login for logins in found for login in logins))

    async def headers(
        self, integration: ScmIntegration, *, owner: str | None = None, token: str | None = None
    ) -> dict[str, str]:
        """Return the headers that authenticate to a host; none when it is used without a token."""
        if integration.type == "gitea":
            return _gitea_headers(integration, token)
        if integration.type == "gerrit":
            return basic(str(integration.options.get("username") or ""), gerrit_password(integration))
        if integration.type == "azure":
            return await self._azure_headers(integration, owner or "", token)
        if integration.type in {"bitbucketCloud", "bitbucketServer"}:
            used = token or await self.token(integration)
            return bitbucket_headers(integration, used or "", is_own=not token)
        used = token or await self.token(integration, owner)
        return {"Authorization": f"Bearer {used}"} if used else {}

    async def _azure_token(self, credential: Mapping[str, Json] | None) -> str | None:
        if credential is None:
            return None
        if azure_credentials.is_personal(credential):
            return str(credential["personalAccessToken"]).strip()
        return await self._issued.of_azure(credential)

    async def _azure_headers(self, integration: ScmIntegration, owner: str, token: str | None) -> dict[str, str]:
        """Return the headers for an organization; a user's token is sent as a personal one, as in Backstage."""
        credential = azure_credentials.choose(integration, owner)
        used = token or await self._azure_token(credential)
        is_bearer = not token and credential is not None and not azure_credentials.is_personal(credential)
        return {"Authorization": f"Bearer {used}"} if is_bearer else basic("", used or "")

    async def _app_token(self, integration: ScmIntegration, apps: list[Json], owner: str) -> str | None:
        api = integration.api_base_url or _DEFAULT_API
        for app in apps:
            allowed = app.get("allowedInstallationOwners")
            if allowed is not None and owner.lower() not in {str(name).lower() for name in allowed}:
                continue
            key = (api, int(app["appId"]), owner.lower())
            kept = self._installations.get(key)
            if kept and kept[1] > time.time() + _RENEW_BEFORE:
                return kept[0]
            made = await threads.remote_call("github", _installation_token, api, app, owner)
            if made:
                self._installations[key] = made
                return made[0]
        return None


def _organisations(api: str, app: Mapping[str, Json]) -> list[str]:
    from github import Auth, GithubIntegration

    key = str(app["privateKey"]).replace("\\n", "\n")
    allowed = app.get("allowedInstallationOwners")
    known = None if allowed is None else {str(name).lower() for name in allowed}
    with github.foreign_errors(), GithubIntegration(auth=Auth.AppAuth(int(app["appId"]), key), base_url=api) as apps:
        found = [one.raw_data for one in apps.get_installations()]
    logins = [str(one["account"]["login"]) for one in found if one.get("target_type") == "Organization"]
    return [login for login in logins if known is None or login.lower() in known]


def _installation_token(api: str, app: Mapping[str, Json], owner: str) -> tuple[str, float] | None:
    from github import Auth, GithubIntegration

    key = str(app["privateKey"]).replace("\\n", "\n")
    with github.foreign_errors(), GithubIntegration(auth=Auth.AppAuth(int(app["appId"]), key), base_url=api) as apps:
        for installation in apps.get_installations():
            account = installation.raw_data.get("account") or {}
            if str(account.get("login", "")).lower() != owner.lower():
                continue
            if installation.raw_data.get("suspended_by"):
                raise NotAllowedError(f"The GitHub application for {owner} is suspended")
            made = apps.get_access_token(installation.id)
            return made.token, _timestamp(made.expires_at)
    return None


def _timestamp(value: datetime | None) -> float:
    if value is None:
        raise ForeignError("GitHub gave an installation token without an end")
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()


def gerrit_password(integration: ScmIntegration) -> str:
    """Return the HTTP password of a Gerrit; empty when it is read without."""
    return str(integration.options.get("password") or "").strip()


def _gitea_headers(integration: ScmIntegration, token: str | None) -> dict[str, str]:
    password = str(integration.options.get("password") or "")
    if token or (password and not integration.options.get("username")) or (integration.token and not password):
        return {"Authorization": f"token {token or password or integration.token}"}
    return basic(str(integration.options.get("username") or ""), password)


def bitbucket_headers(integration: ScmIntegration, token: str, *, is_own: bool) -> dict[str, str]:
    """Return the headers for a token, which is the integration's own or that of a user.

    A token of a user name goes with that name on Bitbucket Cloud, and a password on either.
    """
    username = str(integration.options.get("username") or "")
    is_password = username and (integration.type == "bitbucketCloud" or not integration.token)
    if is_own and is_password and not integration.options.get("clientId"):
        return basic(username, token)
    return {"Authorization": f"Bearer {token}"} if token else {}


def _bitbucket_secret(integration: ScmIntegration) -> str:
    """Return token or password; a password without a user name is nothing, and Bitbucket Cloud has app passwords."""
    username = integration.options.get("username")
    name = "appPassword" if integration.type == "bitbucketCloud" else "password"
    return integration.token or str((username and integration.options.get(name)) or "").strip()


def basic(username: str, password: str) -> dict[str, str]:
    """Return the header for a password; none without one."""
    if not password:
        return {}
    return {"Authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()}
