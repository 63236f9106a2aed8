"""Credentials of the configuration leave over TLS, whatever scheme the author of a template wrote into a URL."""

import socket
from pathlib import Path
from typing import Any

import pytest

from backstage_py.errors import BackstageError
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.integrations.hosts.url_reading import UrlReading, listed
from backstage_py.integrations.web.http import HttpClient, Limits
from backstage_py.model.scm import ScmIntegration
from tests.integrations import web_host

HOSTS: dict[str, tuple[str, dict[str, Any]]] = {
    "azure": ("/org/proj/_git/repo?path=/a.yaml", {"credentials": [{"personalAccessToken": "pat"}]}),
    "gitea": ("/acme/web/src/branch/main/a.yaml", {"password": "pat"}),
    "bitbucketCloud": ("/acme/web/src/main", {"username": "u", "appPassword": "pat"}),
}


def everything_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every name lead to this machine."""
    resolve = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda _, *more, **named: resolve("127.0.0.1", *more, **named))


@pytest.mark.parametrize("kind", HOSTS)
@pytest.mark.parametrize("is_tree", [False, True])
async def test_no_credentials_go_without_tls_because_a_url_says_so(
    kind: str, is_tree: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, options = HOSTS[kind]
    everything_is_here(monkeypatch)
    async with web_host.serve() as running:
        host = f"git.example:{running.authority.rpartition(':')[2]}"
        api = f"https://{host}/2.0" if kind == "bitbucketCloud" else None
        registry = ScmRegistry([ScmIntegration(kind, host, "", api, None, None, options)])
        async with HttpClient(listed(registry, ()), Limits(attempts=1)) as http:
            reader = UrlReading(http, registry)
            url = f"http://{host}{path}"
            with pytest.raises(BackstageError) as refused:  # or the API is asked, over TLS
                await (reader.read_tree(url, tmp_path) if is_tree else reader.read(url))
        assert "without TLS" in str(refused.value) or "https://" in str(refused.value)
        assert not running.requests


async def test_an_operator_may_have_a_host_without_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    everything_is_here(monkeypatch)
    async with web_host.serve() as running:
        host = f"git.example:{running.authority.rpartition(':')[2]}"
        options = {"baseUrl": f"http://{host}", "password": "pat"}
        registry = ScmRegistry([ScmIntegration("gitea", host, "", None, None, None, options)])
        running.text("/api/v1/repos/acme/web/contents/a.yaml", '{"content": "aGk="}')
        async with HttpClient(listed(registry, ()), Limits(attempts=1)) as http:
            found = await UrlReading(http, registry).read(f"http://{host}/acme/web/src/branch/main/a.yaml")
        assert found is not None
        assert found.content == b"hi"
        assert running.requests[0].headers["Authorization"] == "token pat"
