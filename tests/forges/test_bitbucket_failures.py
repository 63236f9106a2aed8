"""Bitbucket at its worst: answers that get lost, names that are taken, tokens that end. A retry completes it."""

import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from backstage_py.errors import (
    AuthenticationError,
    BackstageError,
    ConflictError,
    InputError,
    NotAllowedError,
    NotFoundError,
    ServiceUnavailableError,
)
from backstage_py.integrations import bitbucket
from backstage_py.integrations.bitbucket_autocomplete import BitbucketAutocomplete
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.integrations.patience import Patience
from backstage_py.model.scm import ScmIntegration
from backstage_py.plugin import Services, Workspace
from tests.actions.harness import Task
from tests.forges import scenes
from tests.forges.bitbucket_cloud_host import Cloud
from tests.integrations import web_host

FAULTS = ("lose_answer", "cut_request", "refuse")
CLOUD = "/2.0/repositories/acme/shop"
PUBLISH = {
    "repoUrl": "bitbucket.org?workspace=acme&project=SHOP&repo=shop",
    "description": "The shop",
    "defaultBranch": "main",
    "sourcePath": "source",
}
REQUEST = {
    "repoUrl": PUBLISH["repoUrl"],
    "title": "Add",
    "description": "why",
    "sourceBranch": "feature/x",
    "targetBranch": "main",
}


async def again(task: Task, action: str, given: dict[str, Any], host: Any, tmp_path: Path) -> Any:
    """Run a step until nothing goes wrong any more, each time on another replica; return its last outputs."""
    parts = failures = len(host.base.faults.waiting)
    while host.base.faults.waiting:
        with pytest.raises(
            BackstageError, match=r"does not answer|could not|Server Error|git push failed|Unable to read"
        ):
            await task.run(action, given)
        failures -= 1
        assert failures >= 0, "a retry begins anew"
        elsewhere = tmp_path / f"replica-{failures}"  # what the journal holds is all that another replica has
        task.workspace.root.rename(elsewhere)
        task.workspace = Workspace(elsewhere)
    assert failures == 0, f"{parts} things go wrong, one in each run"
    result = await task.run(action, given)
    assert (await task.run(action, given)).outputs == result.outputs
    return result.outputs


@pytest.mark.thorough(sample=1)
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_repository_of_bitbucket_cloud_is_published_once_whatever_goes_wrong(
    bitbucket_cloud: Cloud, bitbucket_cloud_task: Task, tmp_path: Path, fault: str
) -> None:
    scenes.workspace(bitbucket_cloud_task.workspace.root)
    for part in (("POST", CLOUD), ("PUT", CLOUD), ("POST", "*/shop.git/git-receive-pack")):
        getattr(bitbucket_cloud.base.faults, fault)(*part)
    outputs = await again(bitbucket_cloud_task, "publish:bitbucketCloud", PUBLISH, bitbucket_cloud, tmp_path)
    [repository] = bitbucket_cloud.repositories.values()
    assert (repository["description"], repository["is_private"]) == ("The shop", True)
    assert repository["project"] == {"key": "SHOP"}
    assert await bitbucket_cloud.base.tree("acme/shop", "main") == {"s.txt": ("100644", b"s")}
    assert outputs["repoContentsUrl"] == f"{bitbucket_cloud.base.url}/acme/shop/src/main"


@pytest.mark.thorough(sample=1)
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_pull_request_on_bitbucket_cloud_is_opened_once_whatever_goes_wrong(
    bitbucket_cloud: Cloud, bitbucket_cloud_task: Task, tmp_path: Path, fault: str
) -> None:
    scenes.workspace(bitbucket_cloud_task.workspace.root)
    await bitbucket_cloud.add(
        "acme/shop", files={"README.md": "old", "kept": "k", "deep/.gitignore": "*.log\n"}, branch="main"
    )
    (bitbucket_cloud_task.workspace.root / "deep").mkdir()
    (bitbucket_cloud_task.workspace.root / "deep/a.log").write_text("what the branch ignores")
    parts = [f"{CLOUD}/refs/branches", "*/shop.git/git-receive-pack", f"{CLOUD}/pullrequests"]
    for path in parts:
        getattr(bitbucket_cloud.base.faults, fault)("POST", path)
    outputs = await again(
        bitbucket_cloud_task, "publish:bitbucketCloud:pull-request", REQUEST, bitbucket_cloud, tmp_path
    )
    assert outputs == {"pullRequestUrl": f"{bitbucket_cloud.base.url}/acme/shop/pull-requests/1"}
    [request] = bitbucket_cloud.known("requests acme/shop")
    assert (request["title"], request["summary"]) == ("Add", {"raw": "why"})
    tree = await bitbucket_cloud.base.tree("acme/shop", "feature/x")
    assert {"README.md", "kept", "run.sh", "new/new.txt", "source/s.txt", ".gitignore", "deep/.gitignore"} == set(tree)
    assert (tree["README.md"][1], tree["run.sh"][0]) == (b"hello world\n", "100755")


async def test_a_branch_of_somebody_else_is_not_taken(
    bitbucket_cloud: Cloud, bitbucket_cloud_task: Task, tmp_path: Path
) -> None:
    scenes.workspace(bitbucket_cloud_task.workspace.root)
    await bitbucket_cloud.add("acme/shop", files={"README.md": "old"}, branch="main")
    bitbucket_cloud.base.faults.refuse("POST", f"{CLOUD}/refs/branches")
    with pytest.raises(BackstageError):
        await bitbucket_cloud_task.run("publish:bitbucketCloud:pull-request", REQUEST)
    await bitbucket_cloud.base.commit("acme/shop", "feature/x", {"theirs": "t"})
    with pytest.raises(InputError, match=r"Unable to create branch, Branch .* already exists\. Choose another name"):
        await bitbucket_cloud_task.run("publish:bitbucketCloud:pull-request", REQUEST)
    assert set(await bitbucket_cloud.base.tree("acme/shop", "feature/x")) == {"theirs"}


async def test_a_branch_that_somebody_pushes_to_meanwhile_is_not_written_over(
    bitbucket_cloud: Cloud, bitbucket_cloud_task: Task, tmp_path: Path
) -> None:
    scenes.workspace(bitbucket_cloud_task.workspace.root)
    await bitbucket_cloud.add("acme/shop", files={"README.md": "old"}, branch="main")
    bitbucket_cloud.base.faults.refuse("POST", "*/shop.git/git-receive-pack")
    with pytest.raises(BackstageError):
        await bitbucket_cloud_task.run("publish:bitbucketCloud:pull-request", REQUEST)
    await bitbucket_cloud.base.commit("acme/shop", "feature/x", {"theirs": "t"})
    with pytest.raises(ConflictError, match=r"feature/x.*commits that this task did not make|rejected"):
        await bitbucket_cloud_task.run("publish:bitbucketCloud:pull-request", REQUEST)
    assert set(await bitbucket_cloud.base.tree("acme/shop", "feature/x")) == {"theirs", "README.md"}


async def test_a_repository_of_somebody_else_is_not_taken(bitbucket_cloud: Cloud, bitbucket_cloud_task: Task) -> None:
    scenes.workspace(bitbucket_cloud_task.workspace.root)
    bitbucket_cloud.base.faults.refuse("POST", CLOUD)
    with pytest.raises(BackstageError):
        await bitbucket_cloud_task.run("publish:bitbucketCloud", PUBLISH)
    await bitbucket_cloud.add("acme/shop", description="theirs")
    for _ in range(2):
        with pytest.raises(InputError, match=r"Unable to create repository, .* already exists\. Choose another name"):
            await bitbucket_cloud_task.run("publish:bitbucketCloud", PUBLISH)
    assert bitbucket_cloud.repositories["acme/shop"]["description"] == "theirs"


async def test_a_repository_that_is_deleted_between_two_runs_is_named(
    bitbucket_cloud: Cloud, bitbucket_cloud_task: Task
) -> None:
    scenes.workspace(bitbucket_cloud_task.workspace.root)
    bitbucket_cloud.base.faults.refuse("POST", "*/shop.git/git-receive-pack")
    with pytest.raises(BackstageError):
        await bitbucket_cloud_task.run("publish:bitbucketCloud", PUBLISH)
    await bitbucket_cloud.base.delete("acme/shop")
    with pytest.raises(NotFoundError, match=r"[Nn]ot found"):
        await bitbucket_cloud_task.run("publish:bitbucketCloud", PUBLISH)


@pytest.mark.parametrize(
    ("token", "kind", "said"),
    [
        ("expired", AuthenticationError, r"Token is invalid, expired.*renew it in the integration's configuration"),
        ("weak", NotAllowedError, r"The token lacks a scope: give it repository:write, pullrequest:write"),
    ],
)
async def test_a_token_that_may_not_is_named(
    bitbucket_cloud_task: Task, token: str, kind: type[BackstageError], said: str
) -> None:
    scenes.workspace(bitbucket_cloud_task.workspace.root)
    with pytest.raises(kind, match=said):
        await bitbucket_cloud_task.run("publish:bitbucketCloud", {**PUBLISH, "token": token})


async def test_without_a_token_nothing_is_tried(bitbucket_cloud: Cloud, bitbucket_cloud_task: Task) -> None:
    bitbucket_cloud_task.services = Services(integrations=ScmRegistry(), config={})
    for action, given in (
        ("publish:bitbucketCloud", PUBLISH),
        ("bitbucket:pipelines:run", {"workspace": "a", "repo_slug": "b"}),
    ):
        with pytest.raises(InputError, match="Authorization has not been provided for Bitbucket Cloud"):
            await bitbucket_cloud_task.run(action, given)
    assert bitbucket_cloud.base.asked == []


async def test_a_pipeline_is_started_at_most_once(bitbucket_cloud: Cloud, bitbucket_cloud_task: Task) -> None:
    await bitbucket_cloud.add("acme/shop")
    given = {"workspace": "acme", "repo_slug": "shop", "body": {"target": {"ref_name": "main"}}}
    bitbucket_cloud.base.faults.lose_answer("POST", f"{CLOUD}/pipelines")
    with pytest.raises(ServiceUnavailableError):
        await bitbucket_cloud_task.run("bitbucket:pipelines:run", given)
    with pytest.raises(ConflictError, match="It is not known whether an earlier run of this step did"):
        await bitbucket_cloud_task.run("bitbucket:pipelines:run", given)
    assert len(bitbucket_cloud.known("pipelines acme/shop")) == 1


async def test_a_rule_of_branches_is_made_once(bitbucket_cloud: Cloud, bitbucket_cloud_task: Task) -> None:
    await bitbucket_cloud.add("acme/shop")
    given = {"repoUrl": PUBLISH["repoUrl"], "kind": "push", "groups": [{"slug": "admins"}]}
    bitbucket_cloud.base.faults.lose_answer("POST", f"{CLOUD}/branch-restrictions")
    with pytest.raises(ServiceUnavailableError):
        await bitbucket_cloud_task.run("bitbucketCloud:branchRestriction:create", given)
    result = await bitbucket_cloud_task.run("bitbucketCloud:branchRestriction:create", given)
    [rule] = bitbucket_cloud.known("restrictions acme/shop")
    assert json.loads(str(result.outputs["json"]))["data"] == rule


async def test_a_limit_of_the_rate_is_waited_for_and_bounded() -> None:
    answers = iter([(429, {"Retry-After": "15"}), (200, {}), (429, {"Retry-After": "90"})])

    async def limited(_: web.BaseRequest) -> web.StreamResponse:
        status, headers = next(answers)
        said = {"type": "error", "error": {"message": "Rate limit for this resource has been exceeded"}}
        return web.json_response(said, status=status, headers=headers)

    said: list[str] = []

    async def sleep(_seconds: float) -> None: ...

    async with web_host.serve() as host:
        host.answers["/2.0/x"] = limited
        entry = ScmIntegration("bitbucketCloud", "bitbucket.org", "", f"{host.url}/2.0", None, "t", {})
        async with bitbucket.cloud(entry, "t", Patience(60, said.append, sleep), is_own=True) as api:
            await api.call("GET", "/x")
            with pytest.raises(
                ServiceUnavailableError, match=r"Bitbucket may be asked again in 90 s; scaffolder\.rate"
            ):
                await api.call("GET", "/x")
    assert said == [f"Bitbucket limits the rate of requests; going on in {left} s" for left in (15, 5)]


async def test_forms_are_completed_with_what_bitbucket_cloud_has(bitbucket_cloud: Cloud) -> None:
    await bitbucket_cloud.add("acme/shop", files={"a": "a"}, branch="main", project={"key": "SHOP"})
    await bitbucket_cloud.base.commit("acme/shop", "dev", {"b": "b"})
    await bitbucket_cloud.add("acme/other", project={"key": "OTHER"})
    bitbucket_cloud.known("projects acme").extend({"key": f"P{number}"} for number in range(120))
    url = f"{bitbucket_cloud.base.url}/2.0"
    host = ScmIntegration("bitbucketCloud", "bitbucket.org", "", url, None, "own", {"username": "u"})
    complete = BitbucketAutocomplete(ScmRegistry([host]))

    async def ids(resource: str, **context: str) -> list[Any]:
        return [one["id"] for one in await complete(resource=resource, token="mine", context=context)]

    assert await ids("workspaces") == ["acme"]
    assert len(await ids("projects", workspace="acme")) == 120
    assert await ids("repositories", workspace="acme", project="SHOP") == ["shop"]
    assert await ids("branches", workspace="acme", repository="shop") == ["dev", "main"]
    assert {one.headers["authorization"] for one in bitbucket_cloud.base.asked} == {"Bearer mine"}
    for resource, said in (
        ("nope", "Invalid resource: nope"),
        ("projects", "Missing workspace context parameter"),
        ("repositories", "Missing workspace and/or project context parameter"),
        ("branches", "Missing workspace and/or repository context parameter"),
    ):
        with pytest.raises(InputError, match=said):
            await complete(resource=resource, token="t", context={})
