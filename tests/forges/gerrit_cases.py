"""The scene of the cases for Gerrit, and cases beyond the examples of Backstage's module."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.forges import gitea_cases
from tests.forges.differences import Case
from tests.forges.gerrit_host import Gerrit

_NEW = {"repoUrl": "gerrit.com?workspace=parent&owner=owner&repo=shop", "sourcePath": "repository"}
_REVIEW = {"repoUrl": "gerrithost.org?repo=repo", "gitCommitMessage": "Change"}

CASES = [
    Case("plain", "publish:gerrit", _NEW),
    Case("below a folder", "publish:gerrit", {**_NEW, "repoUrl": "gerrit.com?workspace=parent&repo=team%2Fshop"}),
    Case("described", "publish:gerrit", {**_NEW, "description": "The shop", "defaultBranch": "main"}),
    Case("taken", "publish:gerrit", {**_NEW, "repoUrl": "gerrit.com?workspace=parent&repo=repo"}),
    Case("no parent", "publish:gerrit", {**_NEW, "repoUrl": "gerrit.com?workspace=nowhere&repo=shop"}),
    Case("unknown host", "publish:gerrit", {**_NEW, "repoUrl": "git.nowhere?workspace=parent&repo=shop"}),
    Case("wrong password", "publish:gerrit", {**_NEW, "repoUrl": "expired.gerrit.com?workspace=parent&repo=shop"}),
    Case("no key", "publish:gerrit", {**_NEW, "signCommit": True}),
    Case("dry", "publish:gerrit", _NEW, dry=True),
    Case("dry, on a branch", "publish:gerrit", {**_NEW, "defaultBranch": "main"}, dry=True),
    Case("dry, without a parent", "publish:gerrit", {"repoUrl": "gerrit.com?repo=shop"}, dry=True),
    Case(
        "configured",
        "publish:gerrit",
        {**_NEW, "gitCommitMessage": "mine"},
        config=(("defaultCommitMessage", "ours"),),
    ),
    Case("no message", "publish:gerrit:review", {"repoUrl": "gerrithost.org?repo=repo"}),
    Case("no key", "publish:gerrit:review", {**_REVIEW, "signCommit": True}),
    Case("unknown host", "publish:gerrit:review", {**_REVIEW, "repoUrl": "git.nowhere?repo=repo"}),
    Case("no such branch", "publish:gerrit:review", {**_REVIEW, "branch": "nope"}),
]


def integrations(url: str, token: str) -> Any:
    """Of an app-config whose hosts are the stand-in."""
    host = {"baseUrl": url, "gitilesBaseUrl": f"{url}/plugins/gitiles", "username": "ada", "password": token}
    hosts = [{"host": name, **host} for name in ("gerrit.com", "gerrithost.org")]
    return {"gerrit": [*hosts, {"host": "expired.gerrit.com", **host, "password": "expired"}]}


async def scene(gerrit: Gerrit, work: Path) -> None:
    """A project with two branches, and a workspace that is a clone of it and has another one in a folder."""
    await gerrit.add("repo", files={"README.md": "old\n", "keep.txt": "same\n"})
    await gerrit.base.commit("a/repo", "develop", {"README.md": "old\n", "dev.txt": "d"})
    bare = gerrit.base.bare("a/repo").path
    clone = work / "src"
    subprocess.run(["git", "clone", "--quiet", str(bare), str(clone)], check=True)
    remote = f"{gerrit.base.url}/a/repo"
    subprocess.run(["git", "-C", str(clone), "remote", "set-url", "origin", remote], check=True)
    shutil.copytree(clone / ".git", work / ".git")
    shutil.copy(clone / "keep.txt", work / "keep.txt")
    gitea_cases.write(work)
    (clone / "README.md").write_text("changed\n")
    (clone / "new.txt").write_text("new\n")
    gerrit.base.asked.clear()
