"""The scene of the cases for Bitbucket Cloud, and cases beyond the examples of Backstage's module."""

from pathlib import Path

from tests.forges import scenes
from tests.forges.bitbucket_cloud_host import Cloud
from tests.forges.differences import Case

_NEW = "bitbucket.org?workspace=workspace&project=P&repo=shop"
_THERE = "bitbucket.org?workspace=workspace&project=project&repo=there"
_RESTRICT = "bitbucketCloud:branchRestriction:create"
_REQUEST = "publish:bitbucketCloud:pull-request"

CASES = [
    Case("taken", "publish:bitbucketCloud", {"repoUrl": _THERE}),
    Case("no workspace", "publish:bitbucketCloud", {"repoUrl": "bitbucket.org?project=P&repo=shop"}),
    Case("no project", "publish:bitbucketCloud", {"repoUrl": "bitbucket.org?workspace=workspace&repo=shop"}),
    Case("unknown workspace", "publish:bitbucketCloud", {"repoUrl": "bitbucket.org?workspace=nobody&project=P&repo=s"}),
    Case("expired", "publish:bitbucketCloud", {"repoUrl": _NEW, "token": "expired"}),
    Case("weak", "publish:bitbucketCloud", {"repoUrl": _NEW, "token": "weak"}),
    Case("user token", "publish:bitbucketCloud", {"repoUrl": _NEW}, config=(("requireScmUserCredentials", True),)),
    Case("unknown host", "publish:bitbucketCloud", {"repoUrl": "git.nowhere?workspace=w&project=P&repo=s"}),
    Case(
        "no target",
        "bitbucket:pipelines:run",
        {"workspace": "test-workspace", "repo_slug": "test-repo-slug", "body": {}},
    ),
    Case(
        "branch there",
        _REQUEST,
        {"repoUrl": _THERE, "title": "T", "sourceBranch": "proposed", "targetBranch": "master", "description": "d"},
    ),
    Case("no such target", _REQUEST, {"repoUrl": _THERE, "title": "T", "sourceBranch": "x", "targetBranch": "none"}),
    Case("type of branch", _RESTRICT, {"repoUrl": _THERE, "kind": "delete", "branchType": "release", "value": None}),
    Case("as the user", _RESTRICT, {"repoUrl": _THERE, "kind": "force", "token": "mine"}),
]


async def scene(cloud: Cloud, work: Path) -> None:
    """Two repositories of which one has branches, and a workspace."""

    async def make() -> None:
        await cloud.base.repository("workspace/there", branch="master", files={"README.md": "hello\n", "kept.txt": "k"})
        await cloud.base.commit("workspace/there", "development", {"d.txt": "d"})
        await cloud.base.commit("workspace/there", "proposed", {"p.txt": "p"})
        await cloud.base.repository("test-workspace/test-repo-slug")

        if cloud.base.about != "publish:bitbucketCloud":
            await cloud.base.repository("workspace/repo", branch="master", files={"README.md": "hello\n", "kept": "k"})
            await cloud.base.commit("workspace/repo", "development", {"d.txt": "d"})

    await scenes.once(cloud.base, f"bitbucket cloud {cloud.base.about == 'publish:bitbucketCloud'}", make)
    await cloud.add("workspace/there")
    await cloud.add("test-workspace/test-repo-slug")
    if cloud.base.about != "publish:bitbucketCloud":
        await cloud.add("workspace/repo")
    scenes.workspace(work, "repoRoot")
    cloud.base.asked.clear()
