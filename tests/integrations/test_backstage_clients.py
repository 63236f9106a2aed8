import json

import pytest

from backstage_py.errors import ConflictError, ForeignError, InputError, NotAllowedError, ServiceUnavailableError
from backstage_py.integrations.backstage import Discovery, HttpBackstageClient, HttpCatalogClient
from backstage_py.integrations.web.http import HttpClient, listed_hosts
from tests import patience
from tests.integrations.web_host import WebHost

DISCOVERY = Discovery(
    "http://own.test", {"crossplane": "http://other.test/api/{{ pluginId }}", "proxy": "http://p.test/api/proxy/"}
)


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("/api/catalog/entities?filter=kind=a", "http://own.test/api/catalog/entities?filter=kind=a"),
        ("catalog/entities", "http://own.test/api/catalog/entities"),
        ("/proxy/snyk/org", "http://p.test/api/proxy/snyk/org"),
        ("/api/crossplane/postgres", "http://other.test/api/crossplane/postgres"),
        ("/api/catalog?x=1", "http://own.test/api/catalog?x=1"),
    ],
)
def test_plugins_are_found_by_discovery(path: str, url: str) -> None:
    assert HttpBackstageClient(HttpClient(), DISCOVERY).locate(path) == url


@pytest.mark.parametrize("path", ["", "/", "/api/", "/api/../x", "/api/catalog/../../secret"])
def test_a_path_must_name_a_plugin(path: str) -> None:
    with pytest.raises(InputError, match="must name a plugin"):
        HttpBackstageClient(HttpClient(), DISCOVERY).locate(path)


def test_urls_of_other_hosts_must_be_allowed() -> None:
    with pytest.raises(NotAllowedError, match=r"scaffolder\.http\.allowedHosts"):
        HttpBackstageClient(HttpClient(), DISCOVERY).locate("http://evil.test/x")
    listed = HttpBackstageClient(HttpClient(), DISCOVERY, ("ok.test",))
    assert listed.locate("https://api.ok.test/x") == "https://api.ok.test/x"
    with pytest.raises(NotAllowedError):
        listed.locate("https://notok.test/x")
    with pytest.raises(NotAllowedError):
        listed.locate("/api/catalog/entities")


async def test_the_callers_token_goes_along_unless_the_template_says_otherwise(web_host: WebHost) -> None:
    web_host.text("/api/p/x", "hi", X_Answer="1")
    async with HttpClient(listed_hosts([web_host.authority, "127.0.0.1:9"])) as http:
        client = HttpBackstageClient(http, Discovery(web_host.url, {}))
        answer = await client.request("PUT", "/api/p/x", headers={}, body=b"b", token="t", timeout=patience.SECONDS)
        assert (answer.status, answer.body, answer.headers["x-answer"]) == (200, b"hi", "1")
        await client.request(
            "GET", "/api/p/x", headers={"authorization": "mine"}, body=None, token="t", timeout=patience.SECONDS
        )
        with pytest.raises(ServiceUnavailableError):
            await HttpBackstageClient(http, Discovery("http://127.0.0.1:9", {})).request(
                "GET", "/api/p/x", headers={}, body=None, token=None, timeout=patience.SECONDS
            )
    assert [request.headers["Authorization"] for request in web_host.requests] == ["Bearer t", "mine"]


async def test_another_catalog_answers_through_its_api(web_host: WebHost) -> None:
    entity = {"kind": "Component", "metadata": {"name": "a"}}
    web_host.text("/api/catalog/entities/by-refs", json.dumps({"items": [entity, None]}))
    web_host.text("/api/catalog/locations", json.dumps({"location": {"id": "1"}, "entities": []}), status=201)
    web_host.text("/api/catalog/refresh", "")
    async with HttpClient(listed_hosts([web_host.authority, "127.0.0.1:9"])) as http:
        catalog = HttpCatalogClient(http, f"{web_host.url}/api/catalog", "service")
        assert await catalog.entities_by_refs(["component:default/a", "x:default/y"], token="user") == [entity, None]
        assert (await catalog.add_location("https://x", token=None))["location"]["id"] == "1"
        assert (await catalog.preview_location("https://x", token="user"))["entities"] == []
        await catalog.refresh("component:default/a", token="user")
    sent = [(request.path_qs, request.headers["Authorization"]) for request in web_host.requests]
    assert sent == [
        ("/api/catalog/entities/by-refs", "Bearer user"),
        ("/api/catalog/locations", "Bearer service"),
        ("/api/catalog/locations?dryRun=true", "Bearer user"),
        ("/api/catalog/refresh", "Bearer user"),
    ]


async def test_errors_of_another_catalog_keep_kind_and_words(web_host: WebHost) -> None:
    said = {"error": {"name": "ConflictError", "message": "Location exists"}}
    web_host.text("/locations", json.dumps(said), status=409)
    web_host.text("/refresh", "<html>", status=500)
    async with HttpClient(listed_hosts([web_host.authority, "127.0.0.1:9"])) as http:
        catalog = HttpCatalogClient(http, web_host.url)
        with pytest.raises(ConflictError, match="Location exists"):
            await catalog.add_location("https://x", token=None)
        with pytest.raises(ForeignError, match="500"):
            await catalog.refresh("a:b/c", token=None)
