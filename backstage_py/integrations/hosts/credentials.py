"""Tokens for git hosts: one that a caller brings, one of the configuration, or one of a GitHub App installation."""

import base64
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from backstage_py import threads
from backstage_py.errors import ForeignError, NotAllowedError
from backstage_py.integrations import github
from backstage_py.model.json import Json
from backstage_py.model.scm import ScmIntegration

_RENEW_BEFORE = 600.0
_DEFAULT_API = "https://api.github.com"


@dataclass(slots=True)
class Credentials:
    """Hands out tokens; those of GitHub Apps are kept until ten minutes before they end."""

    _installations: dict[tuple[str, int, str], tuple[str, float]] = field(default_factory=dict)

    async def token(self, integration: ScmIntegration, owner: str | None = None) -> str | None:
        """Return a token that may be used for repositories of ``owner``; None when the host is used without one.

        Raises:
            ForeignError: the App of the configuration cannot be used.
        """
        apps = integration.options.get("apps") if integration.type == "github" else None
        if apps and owner:
            found = await self._app_token(integration, apps, owner)
            if found:
                return found
        return integration.token or None

    async def headers(
        self, integration: ScmIntegration, *, owner: str | None = None, token: str | None = None
    ) -> dict[str, str]:
        """Return the headers that authenticate to a host; none when it is used without a token."""
        if integration.type == "gitea":
            return _gitea_headers(integration, token)
        if integration.type == "azure":
            return _basic("", token or _azure_token(integration))
        if integration.type in {"bitbucketCloud", "bitbucketServer"}:
            return _bitbucket_headers(integration, token)
        used = token or await self.token(integration, owner)
        return {"Authorization": f"Bearer {used}"} if used else {}

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


def _gitea_headers(integration: ScmIntegration, token: str | None) -> dict[str, str]:
    password = str(integration.options.get("password") or "")
    if token or (password and not integration.options.get("username")) or (integration.token and not password):
        return {"Authorization": f"token {token or password or integration.token}"}
    return _basic(str(integration.options.get("username") or ""), password)


def _bitbucket_headers(integration: ScmIntegration, token: str | None) -> dict[str, str]:
    username = str(integration.options.get("username") or "")
    if token or (integration.type == "bitbucketServer" and integration.token):
        return {"Authorization": f"Bearer {token or integration.token}"}
    secret = integration.token or integration.options.get("appPassword") or integration.options.get("password")
    return _basic(username, str(secret)) if username and secret else {}


def _azure_token(integration: ScmIntegration) -> str:
    for credential in integration.options.get("credentials") or ():
        if personal := credential.get("personalAccessToken"):
            return str(personal)
    return integration.token or ""


def _basic(username: str, password: str) -> dict[str, str]:
    if not password:
        return {}
    return {"Authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()}
