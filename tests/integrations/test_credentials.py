import json
import time
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from backstage_py.errors import NotAllowedError
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.model.scm import ScmIntegration
from tests.integrations.web_host import WebHost

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
).decode()


def app_of(web_host: WebHost, **app: Any) -> ScmRegistry:
    apps = [{"appId": 7, "privateKey": PEM.replace("\n", "\\n"), **app}]
    return ScmRegistry([ScmIntegration("github", "ghe.test", "", web_host.url, None, "fallback", {"apps": apps})])


@pytest.fixture
def github(web_host: WebHost) -> WebHost:
    accounts = [
        {"id": 1, "account": {"login": "Acme"}},
        {"id": 2, "account": {"login": "gone"}, "suspended_by": {"id": 1}},
    ]
    ends = datetime.fromtimestamp(time.time() + 3600, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    web_host.text("/app/installations", json.dumps(accounts), Content_Type="application/json")
    web_host.text("/app", json.dumps({"id": 7}), Content_Type="application/json")

    async def token(_: web.BaseRequest) -> web.StreamResponse:
        made = sum("access_tokens" in request.path for request in web_host.requests)
        return web.json_response({"token": f"token-{made}", "expires_at": ends}, status=201)

    web_host.answers["/app/installations/1/access_tokens"] = token
    return web_host


async def test_an_installation_of_the_owner_gives_a_token_that_is_kept(github: WebHost) -> None:
    registry = app_of(github)
    assert await registry.token("ghe.test", "acme") == "token-1"
    assert await registry.token("ghe.test", "ACME") == "token-1"
    sent = github.requests[0].headers["Authorization"].removeprefix("Bearer ")
    claims = jwt.decode(sent, KEY.public_key(), algorithms=["RS256"], options={"verify_aud": False})
    assert str(claims["iss"]) == "7"


async def test_owners_without_an_installation_get_the_configured_token(github: WebHost) -> None:
    assert await app_of(github).token("ghe.test", "stranger") == "fallback"
    assert await app_of(github, allowedInstallationOwners=["other"]).token("ghe.test", "acme") == "fallback"
    assert await app_of(github).token("elsewhere.test", "acme") is None


async def test_a_suspended_installation_is_named(github: WebHost) -> None:
    with pytest.raises(NotAllowedError, match="application for gone is suspended"):
        await app_of(github).token("ghe.test", "gone")
