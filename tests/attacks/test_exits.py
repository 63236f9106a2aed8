"""What leaves goes where it was checked to go: one canonical spelling of a host, and no path out of its root."""

import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from backstage_py.errors import BackstageError, InputError, NotAllowedError
from backstage_py.integrations.backstage import Discovery, HttpBackstageClient
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.integrations.hosts.url_reading import UrlReading, listed
from backstage_py.integrations.kubernetes.manifest import objects
from backstage_py.integrations.web.http import HttpClient
from backstage_py.model.scm import ScmIntegration
from backstage_py.settings.sections import ReadingRule
from tests.actions.harness import Task
from tests.integrations.kube_server import EVERYTHING
from tests.integrations.web_host import WebHost, serve

SPELLINGS = [
    "127.0.0.1",
    "127。0。0。1",
    "①②⑦.0.0.1",
    "\uff11\uff12\uff17.0.0.1",
    "127.1",
    "0x7f.1",
    "017700000001",
    "2130706433",
    "%31%32%37.0.0.1",
    "0",
    "0.0.0.0",
    "[::ffff:127.0.0.1]",
    "[::]",
    "[::127.0.0.1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b:1::127.0.0.1]",
    "localhost",
    "LOCALHOST",
    "ⓛocalhost",
    "localhost.",
    "github.com@127.0.0.1",
    "github.com\\@127.0.0.1",
    "127.0.0.1#@github.com",
    "127.0.0\t.1",
]
"""Ways to write this machine; some are refused as no URL, none may reach it."""


@pytest.mark.thorough(sample=29)
@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("action", ["ms-teams:sendMessage", "slack:sendMessage:webhook"])
async def test_no_spelling_of_this_machine_is_reached_by_a_webhook(
    task: Task, victim: WebHost, spelling: str, action: str
) -> None:
    port = victim.authority.rpartition(":")[2]
    with pytest.raises(BackstageError):
        await task.run(action, {"message": "x", "webhookUrl": f"http://{spelling}:{port}/hook"})
    assert victim.requests == []


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_no_spelling_of_this_machine_is_reached_through_an_open_redirect(
    victim: WebHost, other: WebHost, spelling: str
) -> None:
    """The host that redirects is listed, this machine's other ports are not."""
    port = victim.authority.rpartition(":")[2]
    other.redirect("/r", f"http://{spelling}:{port}/secret")
    rules = [ReadingRule(other.authority, None)]
    async with HttpClient(listed(ScmRegistry(), rules)) as http:
        with pytest.raises(BackstageError):
            await UrlReading(http, ScmRegistry(), rules).read(f"{other.url}/r")
    assert victim.requests == []


@pytest.mark.parametrize(
    "path",
    [
        "/ok/../secret",
        "/ok/%2e%2e/secret",
        "/ok/.%2E/secret",
        "/ok\\..\\secret",
        "/ok/.\t./secret",
        "/okay",
        "/ok%2f..%2fx",
    ],
)
async def test_a_rule_with_a_path_holds_for_the_path_that_is_requested(victim: WebHost, path: str) -> None:
    victim.text("/secret", "s")
    rules = [ReadingRule(victim.authority, ("/ok",))]
    async with HttpClient(listed(ScmRegistry(), rules)) as http:
        reader = UrlReading(http, ScmRegistry(), rules)
        with suppress(BackstageError):
            await reader.read(f"{victim.url}{path}")
    assert [request.path for request in victim.requests if not request.raw_path.startswith("/ok")] == []


@pytest.fixture
async def other() -> AsyncIterator[WebHost]:
    async with serve() as running:
        yield running


@pytest.mark.parametrize(
    "path",
    [
        "/api/catalog/../auth/x",
        "/api/catalog/%2e%2e/auth/x",
        "/api/catalog/.%2e/auth/x",
        "/api/catalog/%2E./auth/x",
        "/api/catalog/..\\auth/x",
        "/api/catalog/.\t./auth/x",
        "/api/catalog/%252e%252e/auth/x",
        "/api/catalog\\..\\auth/x",
        "catalog/..%2fauth/x",
        "/api/ca\ttalog/x",
        "/api/%63atalog/x",
        "/api/../catalog/x",
        "/api//catalog/x",
        "\\\\evil\\x",
        "?x",
        "",
    ],
)
async def test_a_request_to_a_plugin_does_not_leave_the_plugin(task: Task, victim: WebHost, path: str) -> None:
    task.secrets = {"backstageToken": "user's token"}
    async with HttpClient(listed(ScmRegistry(), (), [victim.authority])) as http:
        client = HttpBackstageClient(http, Discovery(victim.url, {}))
        task.services = replace(task.services, backstage=client)
        with pytest.raises(InputError):
            await task.run("http:backstage:request", {"method": "GET", "path": path})
    assert victim.requests == []


@pytest.fixture
async def github_at(task: Task, victim: WebHost) -> WebHost:
    """github.com's API is the victim: it answers everything with an empty object and remembers what it was asked."""
    api = ScmIntegration("github", "github.com", "github.com", victim.url, None, "integration's token", {})
    task.services = replace(task.services, integrations=ScmRegistry([api]))
    return victim


KEY = {"publicKey": "ssh-ed25519 AAAA", "privateKey": "p", "deployKeyName": "k"}
CLIMBING = ["..", ".", "%2e%2e", ".%2e", "a/../..", "..\\", "../..", ".\t."]


@pytest.mark.thorough(sample=35)
@pytest.mark.parametrize("owner", CLIMBING)
@pytest.mark.parametrize(
    ("action", "given"),
    [
        ("github:deployKey:create", KEY),
        ("github:webhook", {"webhookUrl": "https://x.example/h", "webhookSecret": "s"}),
        ("github:autolinks:create", {"keyPrefix": "X-", "urlTemplate": "https://x/<num>"}),
        ("github:issues:create", {"title": "t"}),
        ("github:issues:label", {"number": 1, "labels": ["x"]}),
        ("github:environment:create", {"name": "prod"}),
        ("github:actions:dispatch", {"workflowId": "w", "branchOrTagName": "main"}),
        ("github:pages:enable", {"sourceBranch": "main"}),
        ("github:branch-protection:create", {"branch": "main"}),
        ("github:repo:create", {}),
        ("github:repo:rulesets:create", {"name": "r"}),
    ],
)
async def test_an_owner_that_climbs_reaches_nothing_else(
    task: Task, github_at: WebHost, owner: str, action: str, given: dict[str, Any]
) -> None:
    for repo_url in (
        f"github.com?owner={quote(owner, safe='')}&repo=user",
        f"github.com?owner=user&repo={quote(owner, safe='')}",
    ):
        with suppress(BackstageError):  # some actions only log what GitHub refuses
            await task.run(action, {"repoUrl": repo_url, **given})
    assert [request.raw_path for request in github_at.requests if not request.raw_path.startswith("/users/user")] == []


@pytest.mark.parametrize("branch", ["../../../../user/keys", "x/../../../../../user/keys", "%2e%2e/%2e%2e/user", ".."])
async def test_a_branch_that_climbs_reaches_nothing_else(task: Task, github_at: WebHost, branch: str) -> None:
    github_at.text("/repos/acme/shop", json.dumps({"default_branch": "main", "permissions": {"push": True}}))
    (task.workspace.root / "f").write_text("x")
    for given in ({"branchName": branch}, {"branchName": "b", "targetBranchName": branch}):
        with pytest.raises(BackstageError):
            await task.run(
                "publish:github:pull-request",
                {"repoUrl": "github.com?owner=acme&repo=shop", "title": "t", "description": "d", **given},
            )
    assert all(request.raw_path.startswith("/repos/acme/shop") for request in github_at.requests)


@pytest.mark.thorough(sample=18)
@pytest.mark.parametrize("name", ["..", ".", "../../../namespaces/kube-system", "%2e%2e"])
@pytest.mark.parametrize("place", ["name", "namespace", "apiVersion"])
async def test_a_kubernetes_name_reaches_no_other_object(task: Task, victim: WebHost, name: str, place: str) -> None:
    manifest: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "b"}}
    if place == "apiVersion":
        manifest["apiVersion"] = name
    else:
        manifest["metadata"][place] = name
    victim.text(
        "/api/v1",
        json.dumps({"resources": [{"name": "configmaps", "kind": "ConfigMap", "namespaced": True}]}),
        Content_Type="application/json",
    )
    cluster = {"name": "c", "url": victim.url, "serviceAccountToken": "t", "allow": [EVERYTHING]}
    task.configured(kubernetes={"clusterLocatorMethods": [{"type": "config", "clusters": [cluster]}]})
    assert objects(manifest)
    with pytest.raises(BackstageError):
        await task.run("kube:apply", {"manifest": json.dumps(manifest), "clusterName": "c", "namespaced": True})
    assert [request.raw_path for request in victim.requests if request.raw_path != "/api/v1"] == []


@pytest.mark.parametrize(
    "path", ["secret/../sys/auth", "secret/%2e%2e/sys", "secret/.%2e/%2e%2e/sys", "../x", "secret/a//b"]
)
async def test_a_vault_path_reaches_nothing_else(task: Task, victim: WebHost, path: str) -> None:
    task.configured(vault={"baseUrl": victim.url, "token": "t"})
    with pytest.raises(BackstageError):
        await task.run("vault:add-secret", {"secretPath": path, "secretKey": "k", "secretValue": "v"})
    assert victim.requests == []


async def test_a_url_that_no_parser_takes_is_refused(victim: WebHost) -> None:
    async with HttpClient(lambda _host, _port: True) as http:
        for url in ("http://", "http://a b/", "http://x:99999/", "http://\ud800/", "//x", "file:///etc/passwd"):
            with pytest.raises(NotAllowedError):
                await http.get(url)


@pytest.mark.parametrize("token", ["☃", "a\r\nX-Injected: b", "a b", "\ud800", "a\0", "тoken"])
@pytest.mark.parametrize(
    ("action", "given"),
    [
        ("github:issues:create", {"repoUrl": "github.com?owner=o&repo=r", "title": "t"}),
        ("slack:sendMessage:conversation", {"message": "x", "conversationId": "C1"}),
        ("kube:apply", {"manifest": "{apiVersion: v1, kind: X, metadata: {name: a}}", "namespaced": True}),
    ],
)
async def test_a_token_that_no_header_can_carry_is_refused_and_not_quoted(
    task: Task, github_at: WebHost, action: str, given: dict[str, Any], token: str
) -> None:
    clusters = [{"name": "c", "url": github_at.url, "authProvider": "serviceAccount"}]
    locators = {"clusterLocatorMethods": [{"type": "config", "clusters": clusters}]}
    task.configured(kubernetes=locators, slack={"apiUrl": f"{github_at.url}/"})
    with pytest.raises(InputError, match="no header can carry") as refused:
        await task.run(action, {**given, "token": token})
    assert token not in refused.value.message
    assert github_at.requests == []
