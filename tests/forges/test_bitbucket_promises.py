"""What ``Forge`` promises, on Bitbucket; requests to the Cloud are as Atlassian's OpenAPI description has them."""

from pathlib import Path
from typing import Any

from backstage_py.integrations import bitbucket
from backstage_py.integrations.forges.bitbucket_cloud import Repository
from backstage_py.integrations.forges.forge import NewRepository, Request, Webhook
from backstage_py.integrations.patience import Patience
from backstage_py.plugin import ScmIntegration
from tests.actions.harness import Task
from tests.forges import openapi, scenes
from tests.forges.bitbucket_cloud_host import Cloud

UNSAID = "'type' is a required property"
"""The description wants ``type`` in each object; neither Atlassian's examples nor Backstage's module send it."""
HOOK = Webhook(url="https://ci.test/x", events=("repo:push",), secret="s")


def entry(task: Task, host: str) -> ScmIntegration:
    found = task.services.integrations and task.services.integrations.by_host(host)
    assert found
    return found


async def promises(place: Any, base: Any, name: str) -> None:
    """A request and a webhook are found again, and nobody else's."""
    head = await base.commit(name, "feature", {"x": "x"})
    request = Request(branch="feature", target="main", title="Add x", commit=head)
    assert await place.find_request(request) is None
    opened = await place.open_request(request)
    assert (await place.find_request(request))["id"] == opened["id"]
    untold = Request(branch="feature", target="main", title="Add x")
    assert (await place.find_request(untold))["id"] == opened["id"]
    assert await place.find_request(Request(branch="feature", target="main", title="", commit="0" * 40)) is None
    assert await place.find_webhook(HOOK) is None
    made = await place.add_webhook(HOOK)
    assert (await place.find_webhook(HOOK))["id"] == made["id"]


async def test_bitbucket_cloud_keeps_what_a_forge_promises(
    bitbucket_cloud: Cloud, bitbucket_cloud_task: Task, tmp_path: Path
) -> None:
    integration = entry(bitbucket_cloud_task, "bitbucket.org")
    api = bitbucket.cloud(integration, "t", Patience(), is_own=True)
    git = bitbucket.cloud_git(integration, "t", is_own=True)
    async with api:
        place = Repository(api, "bitbucket.org", bitbucket_cloud.base.url, "acme", "shop", git)
        assert (place.label, place.git_credentials.username) == ("acme/shop", "x-bitbucket-api-token-auth")
        new = NewRepository(description="The shop", options={"scm": "git", "is_private": True, "project": {"key": "P"}})
        await place.create(new, "task-1")
        assert await place.find("task-2") is None
        assert (await place.find("task-1"))["full_name"] == "acme/shop"
        await place.settle(new)
        assert await place.find("task-1") is None
        await bitbucket_cloud.base.commit("acme/shop", "main", {"a": "a"})
        await promises(place, bitbucket_cloud.base, "acme/shop")
        await place.protect("main", {"require_approvals_to_merge": 2, "push": None})
        await place.protect("main", {"require_approvals_to_merge": 2, "push": None})
        assert len(bitbucket_cloud.known("restrictions acme/shop")) == 2
    scenes.workspace(bitbucket_cloud_task.workspace.root)
    given = {"repoUrl": "bitbucket.org?workspace=acme&project=P&repo=shop", "title": "T", "sourceBranch": "x"}
    await bitbucket_cloud_task.run("publish:bitbucketCloud:pull-request", {**given, "targetBranch": "main"})
    if openapi.has("bitbucket.org.json"):
        found = list(openapi.problems("bitbucket.org.json", bitbucket_cloud.base))
        assert [one for one in found if not one.endswith(UNSAID)] == []
