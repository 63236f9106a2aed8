"""Bitbucket Server at its worst: answers that get lost, names that are taken, tokens that end. A retry completes it."""

from pathlib import Path

import pytest

from backstage_py.errors import AuthenticationError, BackstageError, ConflictError, NotAllowedError, NotFoundError
from backstage_py.integrations import bitbucket
from backstage_py.integrations.forges.bitbucket_server import Repository
from backstage_py.integrations.forges.forge import NewRepository
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.integrations.patience import Patience
from backstage_py.model.scm import ScmIntegration
from backstage_py.plugin import Services
from tests.actions.harness import Task
from tests.forges import scenes
from tests.forges.bitbucket_server_host import Server
from tests.forges.test_bitbucket_failures import FAULTS, again
from tests.forges.test_bitbucket_promises import entry, promises

HERE = "/rest/api/1.0/projects/SHOP/repos"
PUBLISH = {
    "repoUrl": "hosted.bitbucket.com?project=SHOP&repo=shop",
    "description": "The shop",
    "defaultBranch": "main",
    "sourcePath": "source",
    "enableLFS": True,
}
REQUEST = {
    "repoUrl": PUBLISH["repoUrl"],
    "title": "Add",
    "sourceBranch": "feature/x",
    "reviewers": ["grace"],
}


@pytest.mark.thorough(sample=1)
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_repository_is_published_once_whatever_goes_wrong(
    bitbucket_server: Server, bitbucket_server_task: Task, tmp_path: Path, fault: str
) -> None:
    scenes.workspace(bitbucket_server_task.workspace.root)
    large = "/rest/git-lfs/admin/projects/SHOP/repos/shop/enabled"
    for part in (("POST", HERE), ("PUT", f"{HERE}/shop"), ("POST", "*/shop.git/git-receive-pack"), ("PUT", large)):
        getattr(bitbucket_server.base.faults, fault)(*part)
    outputs = await again(bitbucket_server_task, "publish:bitbucketServer", PUBLISH, bitbucket_server, tmp_path)
    [repository] = bitbucket_server.repositories.values()
    assert (repository["description"], repository["public"], repository["lfs"]) == ("The shop", False, True)
    assert await bitbucket_server.base.tree("scm/SHOP/shop", "main") == {"s.txt": ("100644", b"s")}
    url = bitbucket_server.base.url
    assert outputs["remoteUrl"] == f"{url}/scm/SHOP/shop.git"
    assert outputs["repoContentsUrl"] == f"{url}/projects/SHOP/repos/shop/browse"


@pytest.mark.thorough(sample=1)
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_pull_request_is_opened_once_whatever_goes_wrong(
    bitbucket_server: Server, bitbucket_server_task: Task, tmp_path: Path, fault: str
) -> None:
    scenes.workspace(bitbucket_server_task.workspace.root)
    await bitbucket_server.add("SHOP", "shop", branch="main", files={"README.md": "old", "kept": "k"})
    parts = [f"{HERE}/shop/branches", "*/shop.git/git-receive-pack", f"{HERE}/shop/pull-requests"]
    for path in parts:
        getattr(bitbucket_server.base.faults, fault)("POST", path)
    action = "publish:bitbucketServer:pull-request"
    outputs = await again(bitbucket_server_task, action, REQUEST, bitbucket_server, tmp_path)
    url = f"{bitbucket_server.base.url}/projects/SHOP/repos/shop/pull-requests/1"
    assert outputs == {"pullRequestUrl": url}
    [request] = bitbucket_server.known("requests SHOP/shop")
    assert (request["title"], request["reviewers"]) == ("Add", [{"user": {"name": "grace"}}])
    tree = await bitbucket_server.base.tree("scm/SHOP/shop", "feature/x")
    assert (tree["README.md"][1], tree["kept"][1], tree["run.sh"][0]) == (b"hello world\n", b"k", "100755")


async def test_a_repository_of_somebody_else_is_not_taken(
    bitbucket_server: Server, bitbucket_server_task: Task
) -> None:
    scenes.workspace(bitbucket_server_task.workspace.root)
    bitbucket_server.base.faults.refuse("POST", HERE)
    with pytest.raises(BackstageError):
        await bitbucket_server_task.run("publish:bitbucketServer", PUBLISH)
    await bitbucket_server.add("SHOP", "shop", description="theirs")
    for _ in range(2):
        with pytest.raises(ConflictError, match=r"Unable to create repository, .*already taken.*Choose another name"):
            await bitbucket_server_task.run("publish:bitbucketServer", PUBLISH)
    assert bitbucket_server.repositories["SHOP/shop"]["description"] == "theirs"


async def test_a_repository_that_is_deleted_between_two_runs_is_named(
    bitbucket_server: Server, bitbucket_server_task: Task
) -> None:
    scenes.workspace(bitbucket_server_task.workspace.root)
    bitbucket_server.base.faults.refuse("POST", "*/shop.git/git-receive-pack")
    with pytest.raises(BackstageError):
        await bitbucket_server_task.run("publish:bitbucketServer", PUBLISH)
    await bitbucket_server.base.delete("scm/SHOP/shop")
    with pytest.raises(NotFoundError, match=r"[Nn]ot found"):
        await bitbucket_server_task.run("publish:bitbucketServer", PUBLISH)


@pytest.mark.parametrize(
    ("token", "kind", "said"),
    [
        ("expired", AuthenticationError, r"Authentication failed.*renew it in the integration's configuration"),
        (
            "weak",
            NotAllowedError,
            r"not permitted to access this resource\. The token's owner needs the right to write",
        ),
    ],
)
async def test_a_token_that_may_not_is_named(
    bitbucket_server_task: Task, token: str, kind: type[BackstageError], said: str
) -> None:
    scenes.workspace(bitbucket_server_task.workspace.root)
    with pytest.raises(kind, match=said):
        await bitbucket_server_task.run("publish:bitbucketServer", {**PUBLISH, "token": token})


async def test_a_password_is_used_where_there_is_no_token(
    bitbucket_server: Server, bitbucket_server_task: Task
) -> None:
    base = bitbucket_server.base
    options = {"username": "ada", "password": base.token}
    api = f"{base.url}/rest/api/1.0"
    host = ScmIntegration("bitbucketServer", "hosted.bitbucket.com", "", api, None, None, options)
    bitbucket_server_task.services = Services(integrations=ScmRegistry([host]), config={})
    scenes.workspace(bitbucket_server_task.workspace.root)
    await bitbucket_server_task.run("publish:bitbucketServer", PUBLISH)
    assert {one.headers["authorization"].partition(" ")[0] for one in base.asked} == {"Basic"}
    assert set(await base.tree("scm/SHOP/shop", "main")) == {"s.txt"}


async def test_it_keeps_what_a_forge_promises(bitbucket_server: Server, bitbucket_server_task: Task) -> None:
    integration = entry(bitbucket_server_task, "hosted.bitbucket.com")
    git = bitbucket.server_git(integration, "t", is_own=True)
    async with bitbucket.server(integration, "t", Patience(), is_own=True) as api:
        place = Repository(api, integration.host, bitbucket_server.base.url, "SHOP", "shop", git)
        assert (place.label, place.git_credentials.header()) == ("SHOP/shop", "Bearer t")
        new = NewRepository(description="The shop", options={"defaultBranch": "main", "public": False})
        await place.create(new, "task-1")
        assert await place.find("task-2") is None
        assert (await place.find("task-1"))["slug"] == "shop"
        await place.settle(new)
        assert await place.find("task-1") is None
        await bitbucket_server.base.commit("scm/SHOP/shop", "main", {"a": "a"})
        await promises(place, bitbucket_server.base, "scm/SHOP/shop")
        await place.protect("main", {"read-only": ["ada"]})
        await place.protect("main", {"read-only": ["ada"]})
        [rule] = bitbucket_server.known("restrictions SHOP/shop")
        assert rule["matcher"]["id"] == "refs/heads/main"
