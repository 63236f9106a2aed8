"""Clones of Azure DevOps in the workspace, what is pushed from them, pipelines and pull requests: each once."""

from pathlib import Path
from typing import Any

import pytest
from pysequoia import Tsk

from backstage_py.errors import (
    BackstageError,
    ConflictError,
    ForeignError,
    InputError,
    NotAllowedError,
    NotFoundError,
    ServiceUnavailableError,
)
from tests.actions.harness import Task
from tests.forges.azure_host import Azure
from tests.forges.test_bitbucket_failures import FAULTS, again

OF = {"organization": "acme", "project": "Shop"}


@pytest.fixture
async def remote(azure: Azure, azure_task: Task) -> str:
    """A repository with two branches; its URL."""
    azure.add_project("Shop")
    await azure.add("acme", "Shop", "shop", files={"README.md": "old\r\n", "kept": "k", ".gitattributes": "* text\n"})
    await azure.base.commit("acme/Shop/shop", "dev", {"d.txt": "d"})
    return f"{azure.base.url}/acme/Shop/_git/shop"


async def cloned(task: Task, remote: str, **more: Any) -> Path:
    result = await task.run("azure:repository:clone", {"remoteUrl": remote, "targetPath": "shop", **more})
    assert result.outputs == {"cloneFullPath": str(task.workspace.path("shop"))}
    return task.workspace.path("shop")


async def test_a_repository_is_cloned_with_its_bytes(azure_task: Task, remote: str) -> None:
    folder = await cloned(azure_task, remote)
    assert (folder / "README.md").read_bytes() == b"old\r\n"
    assert {path.name for path in folder.iterdir()} == {".git", "README.md", "kept", ".gitattributes"}
    assert "recorded" not in (folder / ".git/config").read_text()
    azure_task.forget()
    (folder / "kept").write_text("changed")
    await cloned(azure_task, remote, branch="dev", cloneDepth=5)
    assert ((folder / "kept").read_text(), (folder / "d.txt").read_text()) == ("changed", "d")
    with pytest.raises(NotFoundError, match="none"):
        await azure_task.run("azure:repository:clone", {"remoteUrl": remote, "branch": "none", "targetPath": "x"})


@pytest.mark.parametrize("url", ["https://evil.example/x", "file:///etc", "ext::sh -c x"])
async def test_only_hosts_of_the_configuration_are_cloned(azure_task: Task, url: str) -> None:
    for action in ("azure:repository:clone", "azure:repo:clone"):
        with pytest.raises(InputError, match="please check your integrations config"):
            await azure_task.run(action, {"remoteUrl": url, "token": "mine"})


@pytest.mark.thorough(sample=1)
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("branch", ["feature/x", "main"])
async def test_what_changed_in_a_clone_is_pushed_once_whatever_goes_wrong(
    azure: Azure, azure_task: Task, tmp_path: Path, remote: str, fault: str, branch: str
) -> None:
    folder = await cloned(azure_task, remote)
    (folder / "README.md").write_text("new")
    (folder / "added.sh").write_text("#!/bin/sh\n")
    (folder / "added.sh").chmod(0o755)
    getattr(azure.base.faults, fault)("POST", "*/shop/git-receive-pack")
    given = {"remoteUrl": remote, "branch": branch, "sourcePath": "shop", "gitCommitMessage": "Change"}
    assert await again(azure_task, "azure:repository:push", given, azure, tmp_path) == {}
    tree = await azure.base.tree("acme/Shop/shop", branch)
    assert {name: content for name, (_, content) in tree.items()} == {
        "README.md": b"new",
        "kept": b"k",
        ".gitattributes": b"* text\n",
        "added.sh": b"#!/bin/sh\n",
    }
    assert tree["added.sh"][0] == "100755"
    log = (await azure.base.bare("acme/Shop/shop").run("log", "--format=%s", branch)).decode().split()
    assert log == ["Change", "seed"]


@pytest.mark.thorough
async def test_what_is_pushed_from_a_clone_is_signed_and_is_one_commit(
    azure: Azure, azure_task: Task, tmp_path: Path, remote: str
) -> None:
    folder = await cloned(azure_task, remote)
    (folder / "new").write_text("n")
    key = str(Tsk.generate("Ada <ada@test>"))
    azure_task.configured(scaffolder={"defaultCommitSigning": True, "defaultCommitSigningKey": key})
    azure.base.faults.lose_answer("POST", "*/shop/git-receive-pack")
    given = {"remoteUrl": remote, "branch": "main", "sourcePath": "shop"}
    await again(azure_task, "azure:repository:push", given, azure, tmp_path)
    bare = azure.base.bare("acme/Shop/shop")
    assert (await bare.run("rev-list", "--count", "main")).strip() == b"2"
    assert b"\ngpgsig -----BEGIN PGP SIGNATURE-----" in await bare.run("cat-file", "commit", "main")


async def test_a_branch_that_somebody_pushed_to_is_not_written_over(
    azure: Azure, azure_task: Task, remote: str
) -> None:
    await cloned(azure_task, remote)
    (azure_task.workspace.root / "shop/new").write_text("n")
    await azure.base.commit("acme/Shop/shop", "dev", {"e.txt": "e"})
    with pytest.raises(ConflictError, match=r"'dev' has commits that this task did not make"):
        await azure_task.run("azure:repository:push", {"remoteUrl": remote, "branch": "dev", "sourcePath": "shop"})


async def test_the_older_names_do_the_same(azure: Azure, azure_task: Task, remote: str) -> None:
    folder = azure_task.workspace.root
    await azure_task.run("azure:repo:clone", {"remoteUrl": remote, "server": "dev.azure.com"})
    (folder / "new.txt").write_text("n")
    pushed = await azure_task.run("azure:repo:push", {"gitCommitMessage": "Change"})
    tip = (await azure.base.bare("acme/Shop/shop").run("rev-parse", "scaffolder")).decode().strip()
    assert pushed.outputs == {"commitHash": tip}
    given = {**OF, "repoId": "shop", "title": "Add", "sourceBranch": "scaffolder"}
    opened = await azure_task.run("azure:repo:pr", given)
    assert opened.outputs == {"pullRequestId": 1}
    assert azure.known("requests acme/Shop/shop")[0]["targetRefName"] == "refs/heads/main"


async def test_what_is_no_clone_is_not_pushed(azure_task: Task, remote: str) -> None:
    (azure_task.workspace.root / "a").write_text("a")
    with pytest.raises(InputError, match=r"is no clone: clone the repository before"):
        await azure_task.run("azure:repository:push", {"remoteUrl": remote})
    with pytest.raises(InputError, match=r"must not contain spaces"):
        await azure_task.run("azure:repository:push", {"remoteUrl": remote, "branch": "a b"})
    folder = await cloned(azure_task, remote)
    (folder / ".git/hooks").symlink_to("/etc")
    with pytest.raises(NotAllowedError, match="leads to files outside"):
        await azure_task.run("azure:repository:push", {"remoteUrl": remote, "sourcePath": "shop"})


async def test_a_clone_that_a_template_wrote_runs_nothing(azure: Azure, azure_task: Task, remote: str) -> None:
    folder = await cloned(azure_task, remote)
    trap = azure_task.workspace.root / "trapped"
    (folder / ".git/hooks").mkdir(exist_ok=True)
    (folder / ".git/hooks/pre-push").write_text(f"#!/bin/sh\ntouch {trap}\n")
    (folder / ".git/hooks/pre-push").chmod(0o755)
    filters = f'[core]\n\tfsmonitor = touch {trap}\n[filter "x"]\n\tclean = touch {trap}\n'
    (folder / ".git/config").write_text((folder / ".git/config").read_text() + filters)
    (folder / ".gitattributes").write_text("* filter=x\n")
    await azure_task.run("azure:repository:push", {"remoteUrl": remote, "sourcePath": "shop"})
    assert not trap.exists()
    assert set(await azure.base.tree("acme/Shop/shop", "scaffolder")) == {"README.md", "kept", ".gitattributes"}


@pytest.mark.thorough(sample=1)
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_pull_request_is_opened_once_whatever_goes_wrong(
    azure: Azure, azure_task: Task, tmp_path: Path, remote: str, fault: str
) -> None:
    parts = [
        ("POST", "/acme/Shop/_apis/git/repositories/shop/pullrequests"),
        ("PATCH", "/acme/Shop/_apis/git/repositories/shop/pullrequests/1"),
        ("PATCH", "/acme/Shop/_apis/wit/workitems/7"),
    ]
    for part in parts:
        getattr(azure.base.faults, fault)(*part)
    more = {"autoComplete": True, "mergeStrategy": "Squash", "workItemId": "7"}
    given = {**OF, "repoName": "shop", "title": "Add", "sourceBranch": "dev", **more}
    assert await again(azure_task, "azure:pr:create", given, azure, tmp_path) == {"pullRequestId": 1}
    [request] = azure.known("requests acme/Shop/shop")
    assert request["completionOptions"] == {"deleteSourceBranch": True, "mergeStrategy": 2}
    assert [one["url"] for one in azure.known("relations 7")] == [request["artifactId"]]
    azure_task.forget()
    with pytest.raises(ConflictError, match=r"TF401179.*Have the open pull request completed"):
        await azure_task.run("azure:pr:create", given)


@pytest.mark.thorough(sample=1)
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_pipeline_is_created_once_whatever_goes_wrong(
    azure: Azure, azure_task: Task, tmp_path: Path, fault: str
) -> None:
    getattr(azure.base.faults, fault)("POST", "/acme/Shop/_apis/build/definitions")
    given = {**OF, "repository": "shop", "pipelineName": "shop", "pipelineYamlFile": "azure-pipelines.yml"}
    outputs = await again(azure_task, "azure:pipeline:create", given, azure, tmp_path)
    assert outputs["pipelineId"] == "1"
    assert len(azure.known("pipelines Shop")) == 1
    azure_task.forget()
    with pytest.raises(ConflictError, match=r"already exists for folder.*Choose another name"):
        await azure_task.run("azure:pipeline:create", given)


async def test_a_pipeline_is_started_at_most_once(azure: Azure, azure_task: Task) -> None:
    azure.base.faults.lose_answer("POST", "/acme/Shop/_apis/pipelines/42/runs")
    with pytest.raises(ServiceUnavailableError):
        await azure_task.run("azure:pipeline:run", {**OF, "pipelineId": "42"})
    with pytest.raises(ConflictError, match="It is not known whether an earlier run of this step did"):
        await azure_task.run("azure:pipeline:run", {**OF, "pipelineId": "42"})
    assert len(azure.known("runs")) == 1


async def test_a_run_is_waited_for_by_the_next_replica_too(azure: Azure, azure_task: Task) -> None:
    given = {**OF, "pipelineId": "7", "pollingInterval": 0.01, "failIfNotSuccessful": True}
    azure.base.faults.refuse("GET", "/acme/Shop/_apis/pipelines/7/runs/1")
    with pytest.raises(BackstageError):
        await azure_task.run("azure:pipeline:run", given)
    with pytest.raises(ForeignError, match=r"Pipeline run was not successful: Failed, see http"):
        await azure_task.run("azure:pipeline:run", given)
    assert len(azure.known("runs")) == 1
    with pytest.raises(InputError, match="is no number"):
        await azure_task.run("azure:pipeline:run", {**OF, "pipelineId": "shop"})


async def test_a_host_that_is_not_configured_gets_no_token(azure: Azure, azure_task: Task) -> None:
    with pytest.raises(InputError, match=r"No matching integration configuration for host evil\.example"):
        await azure_task.run("azure:pipeline:run", {**OF, "pipelineId": "1", "host": "evil.example", "token": "mine"})
    assert azure.base.asked == []
