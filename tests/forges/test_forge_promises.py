"""What ``Forge`` promises, where actions do not use all of it yet; Gitea's requests are as it describes them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backstage_py.errors import BackstageError
from backstage_py.integrations.forges import gerrit, gitea
from backstage_py.integrations.forges.forge import NewRepository, Request, Webhook
from backstage_py.integrations.forges.gitlab import Project
from backstage_py.integrations.gitlab import GitlabApi
from backstage_py.integrations.patience import Patience
from backstage_py.model.scm import ScmIntegration
from tests.actions.harness import Task
from tests.forges import gerrit_host, gitea_cases, gitea_host, openapi
from tests.forges.gitlab_world import Gitlab
from tests.forges.stand_in import StandIn
from tests.forges.test_smaller_hosts import BY_NAME, services


def of_host(kind: str, base: StandIn, host: str) -> ScmIntegration:
    """The entry of the configuration for a stand-in."""
    known = services(BY_NAME[kind], base.url, base.token).integrations
    found = known and known.by_host(host)
    assert found
    return found


HOOK = Webhook(url="https://ci.test/x", events=("push",), secret="s")


async def test_gitea_keeps_what_a_forge_promises(tmp_path: Path) -> None:
    async with gitea_host.serve(tmp_path / "host") as host:
        host.organizations.append("acme")
        task = Task(tmp_path / "task", services(BY_NAME["gitea"], host.base.url, host.base.token))
        gitea_cases.write(task.workspace.root)
        given = {"repoUrl": "gitea.com?owner=acme&repo=shop", "description": "The shop", "repoVisibility": "private"}
        await task.run("publish:gitea", given)
        await task.run("publish:gitea", {**given, "repoUrl": "gitea.com?repo=mine"})
        for owner in ("acme", "nobody"):
            task.forget()
            with pytest.raises(BackstageError):
                await task.run("publish:gitea", {**given, "repoUrl": f"gitea.com?owner={owner}&repo=shop"})
        integration = of_host("gitea", host.base, "gitea.com")
        api, credentials = gitea.opened(integration, Patience())
        async with api:
            await _forge(gitea.Repository(api, "gitea.com", "acme", "shop", credentials), host.base)
        [rule] = host.known("protections", "acme/shop")
        assert (rule["rule_name"], rule["required_approvals"]) == ("main", 2)
        [hook] = host.known("hooks", "acme/shop")
        assert (hook["config"]["secret"], hook["active"]) == ("s", True)
        if openapi.has("gitea.io.json"):
            assert list(openapi.problems("gitea.io.json", host.base)) == []


async def _forge(place: gitea.Repository, base: Any) -> None:
    assert (place.label, place.git_credentials.username) == ("acme/shop", "ada")
    head = await base.commit("acme/shop", "feature", {"x": "x"})
    request = Request(branch="feature", target="main", title="Add x", commit=head)
    assert await place.find_request(request) is None
    opened = await place.open_request(request)
    found = await place.find_request(request)
    assert found["number"] == opened["number"]
    assert await place.find_request(Request(branch="feature", target="main", title="", commit="0" * 40)) is None
    await place.protect("main", {"required_approvals": 1})
    await place.protect("main", {"required_approvals": 2})
    assert await place.find_webhook(HOOK) is None
    made = await place.add_webhook(HOOK)
    assert (await place.find_webhook(HOOK))["id"] == made["id"]


async def test_gitlab_keeps_what_a_forge_promises(gitlab: Gitlab) -> None:
    gitlab.add_group("acme")
    made = await gitlab.add_project("acme/shop", files={"a": "a"})
    hook = replace(HOOK, events=("push_events", "tag_push_events"), options={"enable_ssl_verification": True})
    async with GitlabApi(f"{gitlab.base.url}/api/v4", gitlab.base.token) as api:
        place = Project(api, "gitlab.com", "acme/shop")
        for _ in range(2):  # one that is protected stays as it is
            await place.protect("main", {"push_access_level": 40})
        assert await place.find_webhook(hook) is None
        added = await place.add_webhook(hook)
        found = await place.find_webhook(replace(hook, secret="renewed"))
        assert found["id"] == added["id"]
        assert await place.find_webhook(replace(hook, events=("push_events", "job_events"))) is None
    [rule] = gitlab.known(f"protected {made['id']}")
    assert (rule["name"], rule["push_access_level"]) == ("main", 40)
    [kept] = gitlab.known(f"hooks {made['id']}")
    assert (kept["url"], kept["push_events"], kept["token"]) == (hook.url, True, "renewed")


async def test_gerrit_keeps_what_a_forge_promises(tmp_path: Path) -> None:
    async with gerrit_host.serve(tmp_path / "host") as host:
        integration = of_host("gerrit", host.base, "gerrit.com")
        api, credentials = gerrit.opened(integration, Patience())
        async with api:
            place = gerrit.Project(api, "gerrit.com", "team/shop", credentials)
            options = {"parent": "p", "branches": ["main"], "owners": [], "create_empty_commit": False}
            await place.create(NewRepository(options=options), "task-1")
            assert (await place.find("task-1"))["name"] == "team/shop"
            await place.settle(NewRepository())
            assert await place.find("task-1") is None
            request = Request(branch="feature", target="main", title="Merge feature")
            assert await place.find_request(request) is None
            opened = await place.open_request(request)
            assert (await place.find_request(request))["id"] == opened["id"]
            await place.protect("main", {"push": {"rules": {}}})
            assert host.projects["team/shop"]["access"] == {"refs/heads/main": {"permissions": {"push": {"rules": {}}}}}
            assert await place.find_webhook(HOOK) is None
            made = await place.add_webhook(HOOK)
            assert (await place.find_webhook(HOOK))["id"] == made["id"]
