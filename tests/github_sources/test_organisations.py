"""People and teams on GitHub become users and groups, and are followed by what is told of them."""

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from backstage_py.model.json import JsonObject
from backstage_py.plugin.catalog import OrganisationTransformer
from tests.github_sources import cases, site
from tests.github_sources.host import Asked, GithubHost, Person, Team
from tests.github_sources.site import HOURLY, OFTEN, Site
from tests.github_sources.test_as_backstage import made


def people(host: GithubHost, schedule: Any = HOURLY, **more: Any) -> dict[str, Any]:
    return {"githubOrg": {"id": "test", "githubUrl": host.url, "orgs": ["acme"], "schedule": schedule, **more}}


async def joined(running: Site, name: str, *groups: str) -> None:
    """Wait until a user is a member of these groups."""

    def holds(found: dict[str, Any]) -> bool:
        relations = found.get(name, {}).get("relations", ())
        return {one["targetRef"] for one in relations if one["type"] == "memberOf"} == {*groups}

    await running.until_true(holds, "user")


async def test_who_joins_and_leaves_is_followed(host: GithubHost, tmp_path: Path) -> None:
    cases.fill(host)
    org = host.org("acme")
    async with site.running(host, tmp_path, people(host)) as running:
        await running.until("ada", "Bob", "cyd", kind="user")
        await running.until("all", "core", "lost", kind="group")
        await joined(running, "ada", "group:default/all", "group:default/core")
        about = {"organization": {"login": "acme"}}

        org.teams["core"].members.append("Bob")
        await running.deliver("membership", {**about, "action": "added", "team": {"slug": "core"}})
        await joined(running, "Bob", "group:default/all", "group:default/core")

        org.people["new"] = Person("new")
        await running.deliver("organization", {**about, "action": "member_added"})
        await running.until("ada", "Bob", "cyd", "new", kind="user")

        del org.people["cyd"]
        org.teams["base"] = Team("base", "Base", org.teams.pop("core").members, "all")
        await running.deliver("organization", {**about, "action": "member_removed"})
        await running.deliver("team", {**about, "action": "edited", "changes": {"name": {"from": "Core team"}}})
        await running.until("ada", "Bob", "new", kind="user")
        await running.until("all", "base", "lost", kind="group")
        await joined(running, "ada", "group:default/all", "group:default/base")


@pytest.mark.thorough
async def test_people_stay_while_their_teams_cannot_be_read(host: GithubHost, tmp_path: Path) -> None:
    cases.fill(host)

    def refuse(asked: Asked) -> web.Response | None:
        return web.json_response({"message": "Server Error"}, status=500) if "teams(" in str(asked.query) else None

    async with site.running(host, tmp_path, people(host, OFTEN)) as running:
        await running.until("ada", "Bob", "cyd", kind="user")
        host.refusal = refuse
        del host.org("acme").people["cyd"]
        failed = await running.until_read("error")
        await running.until_read("error", after=failed["runs"] + 2)
        assert len(await running.entities("user")) == 3
        host.refusal = lambda _: None
        await running.until("ada", "Bob", kind="user")


async def test_a_plugin_has_its_say(host: GithubHost, tmp_path: Path) -> None:
    class Ours(OrganisationTransformer):
        providers = ("githubOrg",)

        def user(self, user: JsonObject, record: JsonObject) -> JsonObject | None:
            if not record["email"]:
                return None
            user["metadata"]["name"] = record["email"].partition("@")[0]
            return user

        def group(self, group: JsonObject, record: JsonObject) -> JsonObject | None:
            return None if record["slug"] == "lost" else group

    cases.fill(host)
    found = [one for one, _ in await made(cases.organisations(host, "one"), tmp_path, [Ours()])]
    assert {(one["kind"], one["metadata"]["name"]) for one in found} == {
        *(("User", name) for name in ("ada", "cyd")),
        *(("Group", name) for name in ("all", "core")),
    }
