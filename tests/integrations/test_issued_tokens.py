"""Tokens that hosts and Entra ID issue for a while are asked for once, and go where Backstage sends them."""

import base64
import json
from pathlib import Path

import pytest
from aiohttp import web

from backstage_py.errors import NotAllowedError
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.integrations.hosts.url_reading import UrlReading, listed
from backstage_py.integrations.web.http import HttpClient, Limits
from backstage_py.model.scm import ScmIntegration
from tests.integrations.web_host import WebHost

DEVOPS = "499b84ac-1321-427f-aa17-267ca6975798"
PRINCIPAL = {"tenantId": "tenant", "clientId": "client", "clientSecret": "secret"}


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


async def sent(web_host: WebHost, host: ScmIntegration, *urls: str, token: str | None = None) -> list[str]:
    """The credentials with which URLs are read."""
    registry, before = ScmRegistry([host]), len(web_host.requests)
    async with HttpClient(listed(registry, ()), Limits(attempts=1)) as http:
        reader = UrlReading(http, registry)
        for url in urls:
            await reader.read(f"{web_host.url}{url}", token=token)
    read = [one for one in web_host.requests[before:] if "/oauth2/" not in one.path and "/metadata/" not in one.path]
    return [one.headers.get("Authorization", "") for one in read]


def cloud(web_host: WebHost, token: str | None = None, **options: str) -> ScmIntegration:
    return ScmIntegration(
        "bitbucketCloud",
        web_host.authority,
        "",
        f"{web_host.url}/2.0",
        None,
        token,
        {"baseUrl": web_host.url, **options},
    )


FILE = "/w/r/src/main/a.txt"


@pytest.mark.parametrize(
    ("token", "options", "expected"),
    [
        ("t", {}, "Bearer t"),
        ("t", {"username": "u"}, basic("u:t")),
        (None, {"username": "u", "appPassword": "p"}, basic("u:p")),
        ("t", {"username": "u", "appPassword": "p"}, basic("u:t")),
        (None, {"appPassword": "p"}, ""),
        (None, {}, ""),
    ],
)
async def test_bitbucket_cloud_takes_tokens_and_app_passwords(
    web_host: WebHost, token: str | None, options: dict[str, str], expected: str
) -> None:
    web_host.text("/2.0/repositories/w/r/src/main/a.txt", "hello")
    assert await sent(web_host, cloud(web_host, token, **options), FILE) == [expected]


async def test_a_users_own_token_of_bitbucket_cloud_is_a_bearer_token(web_host: WebHost) -> None:
    web_host.text("/2.0/repositories/w/r/src/main/a.txt", "hello")
    host = cloud(web_host, "t", username="u")
    assert await sent(web_host, host, FILE, token="mine") == ["Bearer mine"]


async def test_an_oauth_consumer_of_bitbucket_cloud_gets_one_token_for_an_hour(web_host: WebHost) -> None:
    web_host.text("/2.0/repositories/w/r/src/main/a.txt", "hello")
    web_host.text("/site/oauth2/access_token", json.dumps({"access_token": "issued", "expires_in": 7200}))
    host = cloud(web_host, clientId="id", clientSecret="secret")
    assert await sent(web_host, host, FILE, FILE) == ["Bearer issued"] * 2
    [asked] = [one for one in web_host.requests if one.path == "/site/oauth2/access_token"]
    assert (asked.method, asked.headers["Authorization"]) == ("POST", basic("id:secret"))


async def test_a_consumer_that_is_refused_is_told_what_to_check(web_host: WebHost) -> None:
    said = json.dumps({"error": "invalid_client", "error_description": "No such consumer"})
    web_host.text("/site/oauth2/access_token", said, status=401)
    with pytest.raises(NotAllowedError, match=r"No such consumer") as raised:
        await sent(web_host, cloud(web_host, clientId="id", clientSecret="hidden"), FILE)
    assert "clientId and clientSecret of integrations.bitbucketCloud" in raised.value.message
    assert "hidden" not in raised.value.message


def azure(web_host: WebHost, *credentials: object) -> ScmIntegration:
    return ScmIntegration("azure", web_host.authority, "", None, None, None, {"credentials": [*credentials]})


def items(web_host: WebHost, *organizations: str) -> list[str]:
    for one in organizations:
        web_host.text(f"/{one}/p/_apis/git/repositories/r/items", "hello")
    return [f"/{one}/p/_git/r?path=/a.txt&version=GTv1" for one in organizations]


async def test_each_organization_of_azure_has_its_own_credential(web_host: WebHost) -> None:
    host = azure(
        web_host,
        {"personalAccessToken": "of-all"},
        {"organizations": ["one", "two"], "personalAccessToken": " of-two "},
    )
    urls = items(web_host, "one", "two", "three")
    assert await sent(web_host, host, *urls) == [basic(":of-two"), basic(":of-two"), basic(":of-all")]
    assert await sent(web_host, host, urls[0], token="mine") == [basic(":mine")]
    assert web_host.requests[-1].query == {
        "api-version": "6.0",
        "path": "/a.txt",
        "versionDescriptor.version": "v1",
        "versionDescriptor.versionType": "tag",
    }


async def test_a_service_principal_of_azure_gets_one_token_for_an_hour(
    web_host: WebHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", web_host.url)
    forms = []

    async def issue(request: web.BaseRequest) -> web.StreamResponse:
        forms.append(dict(await request.post()))
        return web.json_response({"access_token": "issued", "expires_in": 3599, "token_type": "Bearer"})

    web_host.answers["/tenant/oauth2/v2.0/token"] = issue
    assert await sent(web_host, azure(web_host, PRINCIPAL), *items(web_host, "one", "two")) == ["Bearer issued"] * 2
    scope = f"{DEVOPS}/.default"
    assert forms == [
        {"grant_type": "client_credentials", "client_id": "client", "client_secret": "secret", "scope": scope}
    ]


async def test_a_managed_identity_of_azure_asks_its_machine(web_host: WebHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", web_host.url)
    web_host.text("/metadata/identity/oauth2/token", json.dumps({"access_token": "machine", "expires_in": "86399"}))
    urls = items(web_host, "one")
    assert await sent(web_host, azure(web_host, {"clientId": "system-assigned"}), *urls) == ["Bearer machine"]
    [asked] = [one for one in web_host.requests if one.path.startswith("/metadata")]
    assert asked.headers["Metadata"] == "true"
    assert asked.query == {"api-version": "2018-02-01", "resource": DEVOPS}


async def test_a_managed_identity_stands_for_a_service_principal(
    web_host: WebHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", web_host.url)
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", web_host.url)
    web_host.text("/metadata/identity/oauth2/token", json.dumps({"access_token": "assertion", "expires_in": "86399"}))
    forms = []

    async def issue(request: web.BaseRequest) -> web.StreamResponse:
        forms.append(dict(await request.post()))
        return web.json_response({"access_token": "issued"})

    web_host.answers["/tenant/oauth2/v2.0/token"] = issue
    credential = {"tenantId": "tenant", "clientId": "client", "managedIdentityClientId": "system-assigned"}
    assert await sent(web_host, azure(web_host, credential), *items(web_host, "one")) == ["Bearer issued"]
    assert forms[0]["client_assertion"] == "assertion"
    asked = next(one for one in web_host.requests if one.path.startswith("/metadata"))
    assert asked.query["resource"] == "api://AzureADTokenExchange"


async def test_a_workload_identity_of_the_environment_is_used_where_nothing_is_configured(
    web_host: WebHost, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("federated\n")
    for name, value in {
        "AZURE_AUTHORITY_HOST": web_host.url,
        "AZURE_TENANT_ID": "tenant",
        "AZURE_CLIENT_ID": "client",
        "AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "token"),
    }.items():
        monkeypatch.setenv(name, value)
    web_host.text("/tenant/oauth2/v2.0/token", json.dumps({"access_token": "issued", "expires_in": 3599}))
    assert await ScmRegistry().token("dev.azure.com", "one") == "issued"
    monkeypatch.delenv("AZURE_FEDERATED_TOKEN_FILE")
    assert await ScmRegistry().token("dev.azure.com", "one") is None
