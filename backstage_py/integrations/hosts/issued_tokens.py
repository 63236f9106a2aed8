"""Tokens that are issued for a while: to OAuth consumers of Bitbucket Cloud, and to principals of Azure."""

import asyncio
import base64
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from backstage_py.errors import BackstageError, ForeignError, NotAllowedError
from backstage_py.integrations.hosts import azure_credentials
from backstage_py.integrations.hosts.azure_credentials import TokenRequest
from backstage_py.integrations.web.http import Answer, HttpClient, listed_hosts
from backstage_py.model.json import Json
from backstage_py.model.scm import ScmIntegration

_RENEW_BEFORE = 600.0
_USUAL = 3600.0
_FIRST_REFUSAL, _FIRST_FAULT = 400, 500


@dataclass(slots=True)
class IssuedTokens:
    """Asks for tokens, one request at a time for each, and keeps them until ten minutes before they end."""

    _kept: dict[object, tuple[str, float]] = field(default_factory=dict)
    _asking: dict[object, asyncio.Lock] = field(default_factory=dict)

    async def of_bitbucket(self, integration: ScmIntegration) -> str:
        """Return a token for an OAuth consumer, ``clientId`` with ``clientSecret``.

        Raises:
            NotAllowedError: Bitbucket refuses it. ForeignError, ServiceUnavailableError: as ``HttpClient``.
        """
        client, secret = (str(integration.options.get(name) or "").strip() for name in ("clientId", "clientSecret"))
        site = integration.site
        basic = base64.b64encode(f"{client}:{secret}".encode()).decode()
        request = TokenRequest(
            f"{site}/site/oauth2/access_token",
            {"grant_type": "client_credentials"},
            {"Authorization": f"Basic {basic}"},
        )
        said = "Bitbucket Cloud gives no OAuth token; check clientId and clientSecret of integrations.bitbucketCloud"
        return await self._token((site, client, secret), request, said)

    async def of_azure(self, credential: Mapping[str, object]) -> str:
        """Return a token for a credential that is no personal access token. Errors as for ``of_bitbucket``."""
        key = tuple(sorted((name, str(value)) for name, value in credential.items()))
        said = "Entra ID gives no token for Azure DevOps; check the credentials of integrations.azure"
        return await self._token(key, azure_credentials.token_request(credential), said)

    async def _token(self, key: object, request: TokenRequest, said: str) -> str:
        async with self._asking.setdefault(key, asyncio.Lock()):
            kept = self._kept.get(key)
            if kept and kept[1] > time.time():
                return kept[0]
            answer = await _ask(request, said)
            self._kept[key] = str(answer["access_token"]), time.time() + _lasts(answer) - _RENEW_BEFORE
            return self._kept[key][0]


def _lasts(answer: Json) -> float:
    try:
        return float(answer.get("expires_in") or _USUAL)
    except ValueError:
        return _USUAL


async def _ask(request: TokenRequest, said: str) -> Json:
    form = dict(request.form) if request.form is not None else None
    if form is not None and request.assertion:
        form["client_assertion"] = str((await _ask(request.assertion, said))["access_token"])
    listed = listed_hosts([urlsplit(request.url).netloc])  # an operator's machine or configuration names it
    async with HttpClient(listed) as http:
        if form is None:
            answer = await http.get(request.url, headers=request.headers)
        else:
            kind = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
            body = urlencode(form).encode()
            answer = await http.request("POST", request.url, headers={**kind, **request.headers}, body=body)
    return _issued(answer, said)


def _issued(answer: Answer, said: str) -> Json:
    found = answer.json() if answer.ok else None
    if isinstance(found, dict) and found.get("access_token"):
        return found
    raise _refusal(answer, said)


def _refusal(answer: Answer, said: str) -> BackstageError:
    """Return the error, with the first line of the reason that OAuth has for it; it holds no secret."""
    try:
        reason = str((answer.json() or {}).get("error_description") or answer.json().get("error") or "")
    except (ForeignError, AttributeError):
        reason = ""
    more = f": {reason.splitlines()[0]}" if reason else f" ({answer.status} {answer.reason})"
    if _FIRST_REFUSAL <= answer.status < _FIRST_FAULT:
        return NotAllowedError(said + more)
    return ForeignError(said + more, answered=answer.status)
