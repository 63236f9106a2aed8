"""``github:commits:compare``: what came between two revisions, for the body of a pull request among others."""

import subprocess
from pathlib import Path

import pytest

from backstage_py.errors import NotFoundError
from backstage_py.integrations import git
from backstage_py.integrations.git import GitAuthor
from backstage_py.sandbox.server import Sandbox
from tests.actions.harness import Task

REPO = "github.com?owner=acme&repo=shop"
COMPARE = "github:commits:compare"


@pytest.fixture
async def revisions(github_task: Task, sandbox: Sandbox) -> list[str]:
    """Four commits, the first one first."""
    root = github_task.workspace.root
    (root / "main.go").write_text("package main\n")
    made = await github_task.run("publish:github", {"repoUrl": REPO, "protectDefaultBranch": False})
    found = [str(made.outputs["commitHash"])]
    for title in ("Round half up", "Greet `@everybody`, closes #1", "Drop **it**"):
        (root / "main.go").write_text(f"package main // {title}\n")
        found.append(await commit(root, sandbox, found[-1], f"{title}\n\nSee the notes."))
    return found


async def commit(root: Path, sandbox: Sandbox, onto: str, message: str, author: str = "Ada `L`") -> str:
    return await git.commit_onto(
        root,
        remote_url=f"{sandbox.url}/acme/shop.git",
        branch="main",
        target="refs/heads/main",
        message=message,
        author=GitAuthor(author, "ada@example.com"),
        credentials=git.GitCredentials("x", sandbox.token),
        committed_at=1_800_000_000,
        onto=onto,
        signer=None,
    )


async def test_the_commits_between_two_revisions_are_listed(
    github_task: Task, sandbox: Sandbox, revisions: list[str]
) -> None:
    first, *_, last = revisions
    out = (await github_task.run(COMPARE, {"repoUrl": REPO, "base": first, "head": "main"})).outputs
    assert (out["status"], out["aheadBy"], out["behindBy"]) == ("ahead", 3, 0)
    assert [one["sha"] for one in out["commits"]] == revisions[:0:-1]
    newest = out["commits"][0]
    assert (newest["title"], newest["author"]) == ("Drop **it**", "Ada `L`")
    assert newest["url"] == f"{sandbox.url}/acme/shop/commit/{last}"
    assert out["url"].startswith(f"{sandbox.url}/acme/shop/compare/")


async def test_what_people_wrote_into_commits_does_nothing_in_the_text(github_task: Task, revisions: list[str]) -> None:
    out = (await github_task.run(COMPARE, {"repoUrl": REPO, "base": revisions[0], "head": "main"})).outputs
    lines = out["markdown"].splitlines()
    assert lines[0].startswith("- `Drop **it**` by `` Ada `L` `` ([")
    assert "``Greet `@everybody`, closes #1``" in lines[1]


@pytest.mark.thorough
async def test_the_newest_commits_are_listed_and_the_others_counted(github_task: Task, revisions: list[str]) -> None:
    given = {"repoUrl": REPO, "base": revisions[0], "head": revisions[-1], "limit": 1}
    out = (await github_task.run(COMPARE, given)).outputs
    assert [one["title"] for one in out["commits"]] == ["Drop **it**"]
    assert out["aheadBy"] == 3
    assert out["markdown"].splitlines()[1] == f"- and 2 more: {out['url']}"
    ignoring = (await github_task.run(COMPARE, {**given, "limit": 5, "ignore": ["Drop", "closes #1"]})).outputs
    assert [one["title"] for one in ignoring["commits"]] == ["Round half up"]
    assert (ignoring["aheadBy"], len(ignoring["markdown"].splitlines())) == (3, 1)


@pytest.mark.thorough
async def test_going_back_is_told_from_going_on(github_task: Task, revisions: list[str]) -> None:
    out = (await github_task.run(COMPARE, {"repoUrl": REPO, "base": "main", "head": revisions[1]})).outputs
    assert (out["status"], out["behindBy"], out["commits"], out["markdown"]) == ("behind", 2, [], "")
    same = (await github_task.run(COMPARE, {"repoUrl": REPO, "base": "main", "head": "main"})).outputs
    assert same["status"] == "identical"


@pytest.mark.thorough
async def test_a_revision_that_is_not_there_is_named(github_task: Task, revisions: list[str]) -> None:
    with pytest.raises(NotFoundError, match=r"'none' or 'main' .*acme/shop"):
        await github_task.run(COMPARE, {"repoUrl": REPO, "base": "none", "head": "main"})


@pytest.mark.thorough
async def test_long_histories_come_in_pages(github_task: Task, sandbox: Sandbox, revisions: list[str]) -> None:
    repository = sandbox.store.find("acme", "shop")
    assert repository
    script = ""
    for number in range(120):
        script += f"commit refs/heads/main\ncommitter Ada <a@example.com> {1_900_000_000 + number} +0000\n"
        script += f"data 3\n{number:03}\n" + (f"from {revisions[-1]}\n\n" if not number else "\n")
    bare = sandbox.store.bare(repository).path
    subprocess.run(["git", "fast-import", "--quiet"], cwd=bare, input=script, text=True, check=True)
    given = {"repoUrl": REPO, "base": revisions[0], "head": "main", "limit": 250}
    out = (await github_task.run(COMPARE, given)).outputs
    assert out["aheadBy"] == len(out["commits"]) == 123
    assert [one["title"] for one in out["commits"]][:2] == ["119", "118"]
    assert [one["title"] for one in out["commits"]][-1] == "Round half up"
