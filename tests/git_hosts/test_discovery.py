"""Repositories and people of git hosts: the requests of Backstage's providers, and what they make of answers."""

from typing import Any

import pytest

from backstage_py.catalog.sources.git_hosts.gitlab import GitlabProvider
from backstage_py.errors import BackstageError, SettingsError
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.integrations.web.http import HttpClient, listed_hosts
from backstage_py.model.scm import ScmIntegration
from backstage_py.plugin.catalog import Event
from backstage_py.settings.sections import git_providers
from tests.directories import api_host
from tests.directories.api_host import Answer, ApiHost, Asked
from tests.directories.configured import section
from tests.directories.record import table
from tests.git_hosts import cases, smaller_worlds
from tests.git_hosts import told as told_of
from tests.git_hosts.cases import Case, Kind
from tests.git_hosts.kinds import KINDS

SETTINGS = {
    "gitlab": git_providers.GitlabSettings,
    "azureDevOps": git_providers.AzureDevOpsSettings,
    "bitbucketCloud": git_providers.BitbucketCloudSettings,
    "bitbucketServer": git_providers.BitbucketServerSettings,
    "gitea": git_providers.GiteaSettings,
    "gerrit": git_providers.GerritSettings,
}
ALL = [pytest.param(kind, case, id=f"{kind.name}: {case.name}") for kind in KINDS if kind.module for case in kind.cases]


def settings(kind: Kind, case: Case) -> Any:
    return section(SETTINGS[kind.name], {**kind.defaults, **case.config})


@pytest.mark.parametrize(("kind", "case"), ALL)
async def test_requests_and_entities_are_those_of_backstage(kind: Kind, case: Case) -> None:
    recorded = table(f"../git_hosts/{kind.name}")[case.name]
    assert not recorded["errors"]
    async with api_host.serve(kind.world) as host:
        found = await cases.ours(kind, case, host, settings(kind, case))
        made = cases.same({**found, "requests": cases.requests(host, kind)}, host.url)
    assert made["states"][0] == recorded["states"][0]
    if not case.events:
        assert made["requests"] == recorded["requests"]
    assert [one["entities"] for one in made["states"]] == [one["entities"] for one in recorded["states"]]
    for one, other in zip(made["states"], recorded["states"], strict=True):
        assert {key for key in other["refreshed"] if "/-/tree/" not in key} <= {*one["refreshed"]}
    assert not recorded["keys"] or made["keys"] == recorded["keys"]


async def _azure(case: Case) -> Any:
    kind = smaller_worlds.AZURE
    async with api_host.serve(kind.world) as host:
        found = await cases.ours(kind, case, host, settings(kind, case))
        return [one["spec"] for one in found["states"][0]["entities"]], [one.body for one in host.asked]


async def test_the_code_search_of_azure_devops_is_asked_page_after_page() -> None:
    found, asked = await _azure(smaller_worlds.AZURE.cases[0])
    assert [one["target"] for one in found] == [
        "https://azure.example/contoso/B/_git/c?path=/%C3%A9.yaml",
        "https://azure.example/contoso/My%20Project/_git/api?path=/x/catalog-info.yaml",
        "https://azure.example/contoso/My%20Project/_git/web?path=/catalog-info.yaml",
    ]
    assert {one["presence"] for one in found} == {"required"}
    order = [{"field": "path", "sortOrder": "ASC"}]
    search = {"searchText": "path:/catalog-info.yaml repo:* proj:*", "$orderBy": order, "$top": 1000}
    assert asked == [{**search, "$skip": 0}, {**search, "$skip": 2}]


async def test_a_branch_of_azure_devops_is_searched_and_named() -> None:
    found, asked = await _azure(smaller_worlds.AZURE.cases[1])
    target = "https://azure.example/contoso/My%20Project/_git/web?path=/catalog-info.yaml&version=GBdev/x"
    assert [one["target"] for one in found] == [target]
    assert asked[0]["filters"] == {"Branch": ["dev/x"]}


_EVENTS: dict[str, tuple[str, Any]] = {
    "gitea": (
        "gitea.push",
        {
            "ref": "refs/heads/main",
            "repository": {"name": "web", "html_url": "https://forged.example/x", "owner": {"login": "Acme"}},
        },
    ),
    "gerrit": ("gerrit.ref-updated", {"refUpdate": {"project": "acme/web", "refName": "main"}}),
    "azureDevOps": (
        "azureDevOps.git.push",
        {
            "resource": {
                "refUpdates": [{"name": "refs/heads/main"}],
                "repository": {"name": "web", "project": {"name": "My Project"}, "defaultBranch": "refs/heads/main"},
            }
        },
    ),
    "bitbucketServer": (
        "bitbucketServer.repo:refs_changed",
        {
            "repository": {"slug": "shop", "project": {"key": "WEB"}},
            "changes": [{"ref": {"displayId": "main"}}],
        },
    ),
}
_REFRESHED = {
    "gitea": "url:<host>/acme/web/src/branch/main/catalog-info.yaml",
    "gerrit": "url:<host>/plugins/gitiles/acme/web/+/refs/heads/main/catalog-info.yaml",
    "azureDevOps": "url:https://azure.example/contoso/My%20Project/_git/web?path=/catalog-info.yaml",
    "bitbucketServer": "url:<host>/projects/WEB/repos/shop/browse/catalog-info.yaml",
}


@pytest.mark.parametrize("name", list(_EVENTS))
async def test_a_push_is_followed_at_once(name: str) -> None:
    kind = next(one for one in KINDS if one.name == name)
    case = Case("pushed", {}, [_EVENTS[name]])
    async with api_host.serve(kind.world) as host:
        found = cases.same(await cases.ours(kind, case, host, settings(kind, case)), host.url)
    before, after = found["states"]
    assert after["refreshed"] == [_REFRESHED[name]]
    assert after["entities"] == before["entities"]


async def test_a_repository_that_lost_its_file_goes_when_it_is_pushed_to() -> None:
    kind = smaller_worlds.GITEA
    topic, told = _EVENTS["gitea"]
    gone = False

    def world(host: ApiHost, asked: Asked) -> Answer:
        return (404, {}) if gone and "/contents/" in asked.path else kind.world(host, asked)

    async with api_host.serve(world) as host, HttpClient(listed_hosts([host.url.partition("//")[2]])) as http:
        provider = kind.make(settings(kind, kind.cases[0]), http, ScmRegistry(kind.integration(host.url)))
        connection = await told_of.connected(provider)
        assert len(connection.entities) == 3
        gone = True
        await provider.hear(Event(topic, told, {}))
        assert [one["spec"]["target"].split("/")[4] for one in connection.entities.values()] == ["api", "last one"]


async def test_a_push_cannot_say_where_a_project_of_gitlab_is() -> None:
    kind = next(one for one in KINDS if one.name == "gitlab")
    topic, told = kind.cases[0].events[0]
    commit = {"added": ["catalog-info.yaml"], "removed": [], "modified": ["catalog-info.yaml"]}
    forged = {**told["project"], "web_url": "<host>/mallory/x", "path_with_namespace": "mallory/x"}
    case = Case("forged", {"group": "acme"}, [(topic, {**told, "project": forged, "commits": [commit]})])
    async with api_host.serve(kind.world) as host:
        found = cases.same(await cases.ours(kind, case, host, settings(kind, case)), host.url)
    assert found["states"][1]["entities"] == found["states"][0]["entities"]
    assert found["states"][1]["refreshed"] == ["url:<host>/acme/web/-/blob/main/catalog-info.yaml"]


async def test_hundreds_of_pushes_to_a_project_of_gitlab_ask_it_once() -> None:
    kind = next(one for one in KINDS if one.name == "gitlab")
    topic, told = kind.cases[0].events[0]
    added = {**told["commits"][0], "added": ["catalog-info.yaml"], "modified": []}
    now, has_file = 0.0, True

    def world(host: ApiHost, asked: Asked) -> Answer:
        return kind.world(host, asked) if has_file or "/files/" not in asked.path else (404, {})

    async with api_host.serve(world) as host, HttpClient(listed_hosts([host.url.partition("//")[2]])) as http:
        hosts = ScmRegistry(kind.integration(host.url))
        provider = GitlabProvider(settings(kind, kind.cases[0]), http, hosts, clock=lambda: now)
        connection = await told_of.connected(provider)
        told = {**told, "project": {**told["project"], "web_url": f"{host.url}/acme/web"}}
        before = len(host.asked)

        async def push(**more: Any) -> int:
            """Return how many requests it took by now."""
            await provider.hear(Event(topic, {**told, **more}, {}))
            return len(host.asked) - before

        assert await push(ref="refs/heads/feature") == 0
        assert await push(commits=[{"added": ["README.md"], "modified": [], "removed": []}]) == 0
        assert [await push() for _ in range(200)][-1] == 2
        assert len(connection.refreshed) == 200
        now, has_file = 60.0, False
        assert await push() == 4
        has_file = True
        assert await push(commits=[added]) == 6, "that it is not there is never remembered"
    assert any("acme/web" in one["spec"]["target"] for one in connection.entities.values())


@pytest.mark.parametrize("kind", KINDS, ids=[one.name for one in KINDS])
async def test_a_host_that_answers_only_in_part_removes_nothing(kind: Kind) -> None:
    failing = False

    def world(host: ApiHost, asked: Asked) -> Answer:
        is_second = int(asked.query.get("page", asked.query.get("start", 1))) > 1 or "HEAD" in {
            asked.method,
            asked.path.rpartition("/")[2],
        }
        is_second = is_second or bool(isinstance(asked.body, dict) and asked.body.get("$skip"))
        return (500, {}) if failing and is_second else kind.world(host, asked)

    async with api_host.serve(world) as host, HttpClient(listed_hosts([host.url.partition("//")[2]])) as http:
        provider = kind.make(settings(kind, kind.cases[0]), http, ScmRegistry(kind.integration(host.url)))
        connection = await told_of.connected(provider)
        before = dict(connection.entities)
        failing = True
        with pytest.raises(BackstageError):
            await provider.read()
        assert connection.entities == before != {}


@pytest.mark.parametrize("kind", KINDS, ids=[one.name for one in KINDS])
async def test_a_host_that_is_not_configured_is_named(kind: Kind) -> None:
    config = {**kind.defaults, "host": "nowhere.example"}
    asked: Any = section(SETTINGS[kind.name], config)
    hosts = ScmRegistry([ScmIntegration("gitea", "bitbucket.org", "", None, None, None, {})])
    with pytest.raises(SettingsError, match=f"catalog.providers.{kind.name}"):
        kind.make(asked, HttpClient(), hosts)
