import json
from dataclasses import replace
from typing import Any

import pytest

from backstage_py.errors import ForeignError, InputError
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.model.scm import ScmIntegration
from backstage_py.plugin import User
from backstage_py.testing.http_server import FakeHttp, Reply
from tests.actions.harness import Plugins, Task
from tests.integrations.web_host import serve

GIVEN: dict[str, Any] = {
    "title": "shop <!channel> is ready",
    "repositoryUrl": "https://github.com/acme/shop",
    "stagingUrl": "https://shop.staging.example.com",
    "dashboards": [{"title": "Traffic", "url": "https://grafana.example.com/d/1"}],
    "database": "resource:default/shop-database",
    "approvedBy": "user:default/ada",
    "to": {"slack": {}, "teams": {}, "backstage": {"entityRefs": ["group:default/a"]}},
}
LINES = [
    "Repository: https://github.com/acme/shop",
    "Staging: https://shop.staging.example.com",
    "Dashboard Traffic: https://grafana.example.com/d/1",
    "Database: resource:default/shop-database",
    "Approved by: user:default/ada",
]


async def test_all_are_told_once_what_was_made_and_who_approved_it(task: Task, plugins: Plugins) -> None:
    async with serve() as host:
        host.text("/slack", "ok")
        host.text("/teams", "ok")
        sections = {"slack": {"webhookUrl": f"{host.url}/slack"}, "ms-teams": {"webhookUrl": f"{host.url}/teams"}}
        task.configured(**sections)
        first = await task.run("notify:summary", GIVEN)
        again = await task.run("notify:summary", GIVEN)
        sent = {request.path: json.loads(await request.read())["text"] for request in host.requests}
        assert len(host.requests) == 2
    text = "\n- ".join(["shop <!channel> is ready", *LINES])
    assert sent == {"/teams": text, "/slack": text.replace("<", "&lt;").replace(">", "&gt;")}
    assert first.outputs == again.outputs == {"message": text}
    [notified] = [json.loads(one["body"]) for one in plugins.requests]
    assert notified["recipients"] == {"type": "entity", "entityRef": ["group:default/a"]}
    assert notified["payload"]["description"] == "\n".join(LINES)
    assert notified["payload"]["link"] == "https://shop.staging.example.com"


async def test_who_asked_and_who_approved_are_facts(task: Task, plugins: Plugins) -> None:
    pull = "https://git.acme.example/org/deployments/pull/7"
    said = [("ada", "CHANGES_REQUESTED"), ("ben", "APPROVED"), ("ada", "APPROVED"), ("cyd", "APPROVED"),
            ("cyd", "DISMISSED"), ("ben", "COMMENTED")]  # fmt: skip
    with FakeHttp() as host:
        host.on("GET", "/repos/org/deployments/pulls/7", Reply({"merged_by": {"login": "bot"}}))
        reviews = [{"user": {"login": who}, "state": state} for who, state in said]
        host.on("GET", "/repos/org/deployments/pulls/7/reviews", Reply(reviews), Reply([]))
        known = ScmIntegration("github", "git.acme.example", "git.acme.example", host.url, None, "t", {})
        task.services = replace(task.services, integrations=ScmRegistry([known]))
        task.user = User("user:default/dev")
        given = {"title": "Ready", "to": {"backstage": {}}, "approvalOf": [pull, ""]}
        first = await task.run("notify:summary", given)
        assert first.outputs["message"] == f"Ready\n- Requested by: user:default/dev\n- Approved by: ada, ben ({pull})"
        task.forget()
        assert (
            f"Approved by: nobody (merged by bot) ({pull})"
            in (await task.run("notify:summary", given)).outputs["message"]
        )
        for wrong in ("https://git.acme.example/org/deployments", "https://elsewhere.example/o/r/pull/1"):
            with pytest.raises(InputError, match="is no pull request on a GitHub of"):
                await task.run("notify:summary", {**given, "approvalOf": [wrong]})
    assert len(plugins.requests) == 2


async def test_one_that_cannot_be_told_keeps_no_other_from_it(task: Task, plugins: Plugins) -> None:
    async with serve() as host:
        host.text("/slack", "no", status=500)
        host.text("/teams", "ok")
        sections = {"slack": {"webhookUrl": f"{host.url}/slack"}, "ms-teams": {"webhookUrl": f"{host.url}/teams"}}
        task.configured(**sections)
        with pytest.raises(ForeignError, match="Slack webhook URL - StatusCode 500"):
            await task.run("notify:summary", GIVEN)
        assert [request.path for request in host.requests] == ["/slack", "/teams"]
    assert len(plugins.requests) == 1


async def test_a_dry_run_tells_nobody(task: Task, plugins: Plugins) -> None:
    said = await task.run("notify:summary", {"title": "Ready", "to": {"backstage": {}}}, dry_run=True)
    assert said.log.messages == ["backstage would be told: Ready"]
    assert plugins.requests == []
