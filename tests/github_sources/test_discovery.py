"""Organisations on GitHub fill the catalog with the entities of their repositories."""

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.github_sources import site
from tests.github_sources.host import CATALOG_FILE, Asked, GithubHost, component
from tests.github_sources.site import HOURLY, OFTEN


def github(host: GithubHost, schedule: Any = OFTEN, **more: Any) -> dict[str, Any]:
    return {"github": {"host": host.host, "organization": "acme", "schedule": schedule, **more}}


def told(host: GithubHost, name: str, **more: Any) -> dict[str, Any]:
    """Return the ``repository`` of an event."""
    return {
        "name": name,
        "html_url": f"{host.url}/acme/{name}",
        "default_branch": "main",
        "owner": {"login": "acme"},
        "topics": [],
        "archived": False,
        "fork": False,
        "visibility": "public",
        **more,
    }


def push(host: GithubHost, name: str, **files: list[str]) -> dict[str, Any]:
    commit = {"added": [], "modified": [], "removed": [], **files}
    about = {"ref": "refs/heads/main", "after": str(len(host.asked)), "organization": {"login": "acme"}}
    return {**about, "commits": [commit], "repository": told(host, name)}


async def test_repositories_come_change_their_names_and_go(host: GithubHost, tmp_path: Path) -> None:
    for name in ("web", "api", "bare"):
        host.repo(f"acme/{name}")
    host.repo("acme/bare", files={})
    host.repo("acme/empty", files={}, branch=None)
    host.repo("other/web2")
    async with site.running(host, tmp_path, github(host, pageSizes={"repositories": 2})) as running:
        found = await running.until("web", "api")
        where = f"url:{host.url}/acme/web/blob/main/{CATALOG_FILE}"
        assert found["web"]["metadata"]["annotations"]["backstage.io/managed-by-location"] == where
        await running.located(*(f"/acme/{name}/blob/main/{CATALOG_FILE}" for name in ("api", "bare", "web")))
        repos = host.org("acme").repos
        renamed = repos.pop("web")
        renamed.name = "site"
        repos["site"] = renamed
        del repos["api"]
        await running.until("web")
        await running.located(*(f"/acme/{name}/blob/main/{CATALOG_FILE}" for name in ("bare", "site")))


async def test_a_repository_that_is_renamed_while_the_organisation_is_read(host: GithubHost, tmp_path: Path) -> None:
    """Its first page still has the old name and its last page the new one, so that two locations name one entity."""
    for name in ("web", "api", "bare"):
        host.repo(f"acme/{name}")
    repos = host.org("acme").repos

    def rename(asked: Asked) -> web.Response | None:
        if asked.query and "web" not in repos:
            return web.Response(status=502)  # until the test has seen what came of it
        if asked.variables and asked.variables.get("cursor"):
            renamed = repos.pop("web")
            renamed.name = "site"
            repos["site"] = renamed
        return None

    def is_refused(found: dict[str, Any]) -> bool:
        return any("ConflictError" in item["error"]["name"] for one in found.values() for item in _told_in(one))

    async with site.running(host, tmp_path, github(host, pageSizes={"repositories": 2})) as running:
        await running.until("web", "api", "bare")
        host.refusal = rename
        await running.until_true(is_refused, "location")
        host.refusal = lambda _: None
        await running.located(*(f"/acme/{name}/blob/main/{CATALOG_FILE}" for name in ("api", "bare", "site")))
        found = await running.until("web", "api", "bare")
        assert "/acme/site/" in found["web"]["metadata"]["annotations"]["backstage.io/managed-by-location"]


def _told_in(entity: dict[str, Any]) -> list[Any]:
    return list(entity.get("status", {}).get("items", ()))


async def test_filters(host: GithubHost, tmp_path: Path) -> None:
    host.repo("acme/svc-a", topics=("live", "backstage"))
    host.repo("acme/svc-topicless")
    host.repo("acme/svc-old", topics=("backstage", "old"))
    host.repo("acme/svc-fork", topics=("backstage",), is_fork=True)
    host.repo("acme/svc-archived", topics=("backstage",), is_archived=True)
    host.repo("acme/svc-secret", topics=("backstage",), visibility="PRIVATE")
    host.repo("acme/lib-svc-b", topics=("backstage",))
    host.repo("acme/svc-without", topics=("backstage",), files={})
    filters = {
        "repository": "svc-.*",
        "allowForks": False,
        "topic": {"include": ["backstage"], "exclude": ["old"]},
        "visibility": ["public", "internal"],
    }
    asked = github(host, filters=filters, validateLocationsExist=True)
    async with site.running(host, tmp_path, asked) as running:
        await running.until("svc-a")
        await running.located(f"/acme/svc-a/blob/main/{CATALOG_FILE}")


async def test_a_branch_and_several_providers_by_name(host: GithubHost, tmp_path: Path) -> None:
    host.repo("acme/web", branch="develop", files={"meta/info.yaml": component("web")})
    host.repo("acme/api")
    host.repo("other/lib")
    several = {
        "acme": {**github(host, filters={"branch": "develop"}, catalogPath="meta/info.yaml")["github"]},
        "others": {"host": host.host, "organization": "other", "schedule": HOURLY},
    }
    async with site.running(host, tmp_path, {"github": several}) as running:
        await running.until("web", "lib")
        names = [one["name"] for one in (await running.get("/providers"))["items"]]
        assert names == ["github-provider:acme", "github-provider:others"]


EMPTY = {"nodes": [], "pageInfo": {"hasNextPage": False, "endCursor": None}}


@pytest.mark.thorough(sample=1)
@pytest.mark.parametrize("fault", ["unauthorized", "away", "in part", "forgotten", "emptied"])
async def test_a_host_in_trouble_removes_nothing(host: GithubHost, tmp_path: Path, fault: str) -> None:
    for number in range(4):
        host.repo(f"acme/r{number}")

    def refuse(asked: Asked) -> web.Response | None:
        second_page = bool(asked.variables and asked.variables.get("cursor"))
        answers = {
            "unauthorized": web.json_response({"message": "Bad credentials"}, status=401),
            "away": web.Response(status=502),
            "in part": web.json_response({"data": {"repositoryOwner": None}, "errors": [{"message": "timeout"}]}),
            "forgotten": web.json_response({"data": {"repositoryOwner": None}}),
            "emptied": web.json_response({"data": {"repositoryOwner": {"repositories": EMPTY}}}),
        }
        refuses = {"forgotten": True, "emptied": not second_page}  # a second page without any is a list like others
        return answers[fault] if asked.query and refuses.get(fault, second_page) else None

    async with site.running(host, tmp_path, github(host, pageSizes={"repositories": 2})) as running:
        await running.until("r0", "r1", "r2", "r3")
        host.refusal = refuse
        failed = await running.until_read("error")
        assert "what it gave before stays" in failed["message"]
        await running.until_read("error", after=failed["runs"] + 2)
        assert len(await running.entities()) == 4
        host.refusal = lambda _: None
        del host.org("acme").repos["r0"]
        await running.until("r1", "r2", "r3")


async def test_a_push_is_followed(host: GithubHost, tmp_path: Path) -> None:
    repo = host.repo("acme/web")
    host.repo("acme/api", files={"README.md": ""})
    async with site.running(host, tmp_path, github(host, HOURLY), processingInterval="1h") as running:
        await running.until("web")
        await running.until_read()
        asked = len(host.asked)
        await running.deliver("push", push(host, "web", modified=["src/main.py"]))
        await running.deliver("push", {**push(host, "web", modified=[CATALOG_FILE]), "ref": "refs/heads/feature"})

        repo.files[CATALOG_FILE] = component("web-renamed")
        await running.deliver("push", push(host, "web", modified=[CATALOG_FILE]))
        await running.until("web-renamed")
        assert len(host.asked) == asked + 1, "one file is read, and nothing else is asked"

        host.org("acme").repos["api"].files[CATALOG_FILE] = component("api")
        await running.deliver("push", push(host, "api", added=[CATALOG_FILE]))
        await running.until("web-renamed", "api")

        del repo.files[CATALOG_FILE]
        await running.deliver("push", push(host, "web", removed=[CATALOG_FILE]))
        await running.until("api")


@pytest.mark.thorough
async def test_an_organisation_that_has_not_changed_costs_its_pages(host: GithubHost, tmp_path: Path) -> None:
    for number in range(10):
        host.repo(f"acme/r{number}")
    host.repo("acme/without", files={})
    asked = github(host, pageSizes={"repositories": 5})
    async with site.running(host, tmp_path, asked, processingInterval="1s") as running:
        await running.until(*(f"r{number}" for number in range(10)))
        runs = (await running.until_read())["runs"]
        await running.until_read(after=runs + 15)
        assert host.files() == [], "the catalog files came along with the repositories"
        assert len(host.queries()) <= 3 * ((await running.provider())["runs"] + 1)

        host.org("acme").repos["r0"].files[CATALOG_FILE] = component("renamed")
        await running.until("renamed", *(f"r{number}" for number in range(1, 10)))
        assert host.files() == []
        link = host.org("acme").repos["r1"]
        link.files |= {CATALOG_FILE: "../elsewhere.yaml", "elsewhere.yaml": component("linked")}
        link.links[CATALOG_FILE] = "elsewhere.yaml"
        await running.until("renamed", "linked", *(f"r{number}" for number in range(2, 10)))
        assert {*host.files()} == {"/v3/repos/acme/r1/contents/catalog-info.yaml"}


async def test_repositories_are_followed_by_what_happens_to_them(host: GithubHost, tmp_path: Path) -> None:
    repo = host.repo("acme/web")
    asked = github(host, HOURLY, validateLocationsExist=True, filters={"topic": {"exclude": ["hidden"]}})
    async with site.running(host, tmp_path, asked) as running:
        await running.until("web")

        async def happens(action: str, name: str = "web", changes: Any = None, **more: Any) -> None:
            about = {
                "action": action,
                "changes": changes or {},
                "organization": {"login": "acme"},
                "n": len(host.asked),
            }
            await running.deliver("repository", {**about, "repository": told(host, name, **more)})

        await happens("archived", archived=True)
        await running.until()
        await happens("unarchived")
        await running.until("web")
        await happens("edited", topics=["hidden"])
        await running.until()
        await happens("edited", topics=[])
        await running.until("web")

        host.org("acme").repos["site"] = repo
        repo.name = "site"
        await happens("renamed", "site", {"repository": {"name": {"from": "web"}}})
        await running.located(f"/acme/site/blob/main/{CATALOG_FILE}")
        repo.branch = "trunk"
        await happens("edited", "site", {"default_branch": {"from": "main"}}, default_branch="trunk")
        await running.located(f"/acme/site/blob/trunk/{CATALOG_FILE}")
        host.repo("acme/new")
        await happens("created", "new")
        await running.until("web", "new")
        await happens(
            "transferred",
            "new",
            {"owner": {"from": {"organization": {"login": "acme"}}}},
            owner={"login": "other"},
            html_url=f"{host.url}/other/new",
        )
        await running.until("web")
        await happens("deleted", "site", default_branch="trunk")
        await running.until()


async def test_events_of_other_organisations_change_nothing(host: GithubHost, tmp_path: Path) -> None:
    host.repo("acme/web")
    async with site.running(host, tmp_path, github(host, HOURLY)) as running:
        await running.until("web")
        gone = told(host, "web", owner={"login": "elsewhere"})
        await running.deliver("repository", {"action": "deleted", "repository": gone})
        other_host = told(host, "web", html_url="https://github.com/acme/web")
        await running.deliver("repository", {"action": "deleted", "repository": other_host, "n": 1})
        await running.deliver("push", {"ref": "refs/heads/main"})
        host.repo("acme/last")
        await running.deliver("repository", {"action": "created", "repository": told(host, "last")})
        await running.until("web", "last")


async def test_all_organisations_that_have_installed_an_app(host: GithubHost, tmp_path: Path) -> None:
    host.repo("acme/web")
    host.repo("other/api")
    host.app = {"appId": 7, "privateKey": _key(), "clientId": "c", "clientSecret": "s", "webhookSecret": "w"}
    asked = {"host": host.host, "app": 7, "schedule": HOURLY}
    async with site.running(host, tmp_path, {"github": asked}) as running:
        await running.until("web", "api")
        tokens = {one.headers["Authorization"] for one in host.asked if one.query}
        assert tokens == {"Bearer of-1", "Bearer of-2"}, "each organisation is asked with the token of its installation"
        host.repo("third/new")
        await running.deliver("installation", {"action": "created", "installation": {"account": {"login": "third"}}})
        await running.until("web", "api", "new")


def _key() -> str:
    made = rsa.generate_private_key(65537, 2048)
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return made.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
