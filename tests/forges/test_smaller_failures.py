"""Gitea and Gerrit at their worst: lost answers, cut pushes, taken names, passwords that end. A retry completes it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from backstage_py.errors import (
    AuthenticationError,
    BackstageError,
    ConflictError,
    InputError,
    NotAllowedError,
    NotFoundError,
    ServiceUnavailableError,
)
from backstage_py.plugin import Workspace
from backstage_py.sandbox.gitrepo import objects, refs
from tests.actions.harness import Task
from tests.forges import gitea_cases
from tests.forges.gerrit_host import Gerrit
from tests.forges.gitea_host import Gitea
from tests.forges.test_smaller_hosts import BY_NAME, services

GITEA = {"repoUrl": "gitea.com?owner=acme&repo=shop", "description": "The shop", "sourcePath": "repository"}
GERRIT = {
    "repoUrl": "gerrit.com?workspace=parent&owner=acme&repo=team%2Fshop",
    "description": "The shop",
    "defaultBranch": "main",
    "sourcePath": "repository",
}
REVIEW = {"repoUrl": "gerrit.com?repo=shop", "gitCommitMessage": "Change"}
CREATE = {"gitea": ("POST", "/api/v1/orgs/acme/repos"), "gerrit": ("PUT", "/a/projects/team/shop")}
DESCRIBE = {"gitea": ("PATCH", "/api/v1/repos/acme/shop"), "gerrit": ("PUT", "/a/projects/team/shop/description")}
GIVEN = {"gitea": GITEA, "gerrit": GERRIT}
FAULTS = ("lose_answer", "cut_request", "refuse")


@pytest.fixture
async def host(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Any]:
    async with BY_NAME[request.param].serve(tmp_path / "host") as running:
        if isinstance(running, Gitea):
            running.organizations.append("acme")
        yield running


@pytest.fixture
def task(host: Any, tmp_path: Path) -> Task:
    made = Task(tmp_path / "task", services(BY_NAME[kind_of(host)], host.base.url, host.base.token))
    gitea_cases.write(made.workspace.root)
    return made


def kind_of(host: Any) -> str:
    return "gitea" if isinstance(host, Gitea) else "gerrit"


def described(host: Any) -> list[tuple[str, str]]:
    known = host.repositories if isinstance(host, Gitea) else host.projects
    return [(name, one["description"]) for name, one in known.items()]


both = pytest.mark.parametrize("host", ["gitea", "gerrit"], indirect=True)
on_gitea = pytest.mark.parametrize("host", ["gitea"], indirect=True)
on_gerrit = pytest.mark.parametrize("host", ["gerrit"], indirect=True)


@both
@pytest.mark.parametrize("fault", FAULTS)
async def test_everything_may_go_wrong_once_and_another_replica_goes_on(
    host: Any, task: Task, tmp_path: Path, fault: str
) -> None:
    kind = kind_of(host)
    parts = [CREATE[kind], DESCRIBE[kind], ("POST", "*shop*/git-receive-pack")]
    for part in parts:
        getattr(host.base.faults, fault)(*part)
    failures = 0
    while host.base.faults.waiting:
        with pytest.raises(BackstageError) as raised:
            await task.run(f"publish:{kind}", GIVEN[kind])
        assert "already exist" not in raised.value.message
        failures += 1
        assert failures <= len(parts), raised.value
        elsewhere = tmp_path / f"replica-{failures}"  # what the journal holds is all that another replica has
        task.workspace.root.rename(elsewhere)
        task.workspace = Workspace(elsewhere)
    result = await task.run(f"publish:{kind}", GIVEN[kind])
    assert failures == len(parts)
    repository, branch = {"gitea": ("acme/shop", "main"), "gerrit": ("a/team/shop", "main")}[kind]
    assert described(host) == [(repository.removeprefix("a/"), "The shop")]
    tree = await host.base.tree(repository, branch)
    assert {path: content for path, (_, content) in tree.items()} == {
        "main.go": b"package main\n",
        "deep/t.bin": b"\x00\xff",
    }
    commit = await objects.read_commit(host.base.bare(repository), str(result.outputs["commitHash"]))
    subject, trailer = commit.message.strip().split("\n\n")
    assert (subject, trailer[:12], len(trailer), commit.parents) == ("initial commit", "Change-Id: I", 52, ())
    assert (await task.run(f"publish:{kind}", GIVEN[kind])).outputs == result.outputs


@both
async def test_a_name_of_somebody_else_is_not_taken(host: Any, task: Task) -> None:
    kind = kind_of(host)
    host.base.faults.refuse(*CREATE[kind])
    with pytest.raises(BackstageError):
        await task.run(f"publish:{kind}", GIVEN[kind])
    await host.add("acme/shop" if kind == "gitea" else "team/shop", description="theirs")
    for _ in range(2):
        with pytest.raises(ConflictError, match=r"Unable to create repository, .*already exists.*Choose another name"):
            await task.run(f"publish:{kind}", GIVEN[kind])
    assert [text for _, text in described(host)] == ["theirs"]


@both
async def test_a_repository_that_is_deleted_between_two_runs_is_named(host: Any, task: Task) -> None:
    kind = kind_of(host)
    host.base.faults.refuse("POST", "*shop*/git-receive-pack")
    with pytest.raises(BackstageError):
        await task.run(f"publish:{kind}", GIVEN[kind])
    await host.base.delete("acme/shop" if kind == "gitea" else "a/team/shop")
    with pytest.raises(NotFoundError, match="not found"):
        await task.run(f"publish:{kind}", GIVEN[kind])


@both
async def test_a_wrong_password_and_a_missing_one_are_named(host: Any, task: Task) -> None:
    kind = kind_of(host)
    said = {"gitea": (InputError, "wrong, expired or revoked"), "gerrit": (AuthenticationError, "password is wrong")}
    url = str(GIVEN[kind]["repoUrl"]).replace(f"{kind}.com", f"expired.{kind}.com")
    with pytest.raises(said[kind][0], match=said[kind][1]):
        await task.run(f"publish:{kind}", {**GIVEN[kind], "repoUrl": url})


@both
async def test_a_limit_of_the_rate_is_waited_for(host: Any, task: Task) -> None:
    kind = kind_of(host)
    host.base.faults.refuse(*CREATE[kind], status=429, body={"message": "slow down"})
    result = await task.run(f"publish:{kind}", GIVEN[kind])
    assert any("limits the rate of requests; going on in 1 s" in line for line in result.log.messages)
    task.configured(scaffolder={"rateLimitWait": {"milliseconds": 1}})
    task.forget()
    host.base.faults.refuse(*CREATE[kind], status=429, body={"message": "slow down"})
    with pytest.raises(ServiceUnavailableError, match=r"scaffolder\.rateLimitWait says how long"):
        await task.run(f"publish:{kind}", GIVEN[kind])


@on_gitea
async def test_without_an_owner_the_repository_is_the_users(host: Gitea, task: Task) -> None:
    result = await task.run("publish:gitea", {**GITEA, "repoUrl": "gitea.com?repo=shop"})
    assert result.outputs["remoteUrl"] == f"{host.base.url}/ada/shop.git"
    assert set(await host.base.tree("ada/shop", "main")) == {"main.go", "deep/t.bin"}


@on_gitea
async def test_who_may_not_is_told_so(host: Gitea, task: Task) -> None:
    host.organizations.append("closed")
    with pytest.raises(NotAllowedError, match=r"not allowed to create .*\. Let the integration's user create"):
        await task.run("publish:gitea", {**GITEA, "repoUrl": "gitea.com?owner=closed&repo=shop"})


@on_gerrit
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_change_is_proposed_once(host: Gerrit, task: Task, fault: str) -> None:
    await host.add("shop", files={"README.md": "old\n", "keep.txt": "same\n"})
    getattr(host.base.faults, fault)("POST", "/a/shop/git-receive-pack")
    with pytest.raises(BackstageError):
        await task.run("publish:gerrit:review", REVIEW)
    result = await task.run("publish:gerrit:review", REVIEW)
    await host.take_in()
    [change] = host.changes
    assert (change["branch"], change["subject"]) == ("master", "Change")
    assert result.outputs["reviewUrl"] == f"{host.base.url}/#/q/{change['change_id']}"
    bare = host.base.bare("a/shop")
    commit = await objects.read_commit(bare, change["current_revision"])
    assert commit.parents == (await refs.commit_of(bare, "refs/heads/master"),)
    tree = await host.base.tree("a/shop", change["current_revision"])
    assert (tree["README.md"][1], tree["keep.txt"][1], tree["run.sh"][0]) == (b"hello\n", b"same\n", "100755")
    assert "ignored.txt" not in tree
    again = await task.run("publish:gerrit:review", REVIEW)
    assert again.outputs == result.outputs


@on_gerrit
async def test_a_review_for_a_branch_that_is_not_there_names_it(host: Gerrit, task: Task) -> None:
    await host.add("shop", files={"README.md": "old\n"})
    with pytest.raises(NotFoundError, match=r"refs/heads/nope\. Correct the branch"):
        await task.run("publish:gerrit:review", {**REVIEW, "branch": "nope"})


@on_gerrit
async def test_a_clone_in_the_workspace_that_leads_out_is_refused(host: Gerrit, task: Task, tmp_path: Path) -> None:
    await host.add("shop", files={"README.md": "old\n"})
    for lead in (Path("objects/info/alternates"), Path("objects/pack")):
        inner = task.workspace.root / ".git"
        (inner / "objects" / "info").mkdir(parents=True, exist_ok=True)
        if lead.name == "pack":
            (inner / lead).symlink_to(tmp_path)
        else:
            (inner / lead).write_text(f"{tmp_path}\n")
        with pytest.raises(NotAllowedError, match="leads to files outside"):
            await task.run("publish:gerrit:review", REVIEW)
        (inner / lead).unlink()
    (task.workspace.root / ".git" / "HEAD").write_text("ref: refs/heads/../../../x\n")
    await task.run("publish:gerrit:review", REVIEW)  # no commit of its own: it counts as no clone
