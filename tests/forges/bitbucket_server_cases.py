"""The scene of the cases for Bitbucket Server, and cases beyond the examples of Backstage's module."""

from pathlib import Path

from tests.forges import scenes
from tests.forges.bitbucket_server_host import Server
from tests.forges.differences import Case

_NEW = "hosted.bitbucket.com?project=project&repo=shop"
_THERE = "hosted.bitbucket.com?project=project&repo=there"
_REQUEST = "publish:bitbucketServer:pull-request"
HOSTS = ("hosted.bitbucket.com", "no-credentials.bitbucket.com")

CASES = [
    Case("taken", "publish:bitbucketServer", {"repoUrl": _THERE}),
    Case("no project", "publish:bitbucketServer", {"repoUrl": "hosted.bitbucket.com?repo=shop"}),
    Case("unknown project", "publish:bitbucketServer", {"repoUrl": "hosted.bitbucket.com?project=NONE&repo=shop"}),
    Case("expired", "publish:bitbucketServer", {"repoUrl": _NEW, "token": "expired"}),
    Case("weak", "publish:bitbucketServer", {"repoUrl": _NEW, "token": "weak"}),
    Case("user token", "publish:bitbucketServer", {"repoUrl": _NEW}, config=(("requireScmUserCredentials", True),)),
    Case("no credentials", "publish:bitbucketServer", {"repoUrl": "no-credentials.bitbucket.com?project=p&repo=r"}),
    Case(
        "branch there",
        _REQUEST,
        {"repoUrl": _THERE, "title": "T", "sourceBranch": "proposed", "targetBranch": "master", "description": "d"},
    ),
    Case("no such target", _REQUEST, {"repoUrl": _THERE, "title": "T", "sourceBranch": "x", "targetBranch": "none"}),
    Case("no such repository", _REQUEST, {"repoUrl": _NEW, "title": "T", "sourceBranch": "x", "targetBranch": "main"}),
]


def integrations(url: str, token: str) -> list[dict[str, str]]:
    """Two servers, one of them without credentials."""
    api = {"apiBaseUrl": f"{url}/rest/api/1.0"}
    return [{"host": HOSTS[0], "token": token, **api}, {"host": HOSTS[1], **api}]


async def scene(server: Server, work: Path) -> None:
    """Repositories of which some have branches, and a workspace."""
    is_new = server.base.about == "publish:bitbucketServer"
    files = {"README.md": "hello\n", "kept": "k"}

    async def make() -> None:
        await server.base.repository("scm/project/there", branch="master", files=files)
        await server.base.commit("scm/project/there", "proposed", {"p.txt": "p"})
        if not is_new:
            await server.base.repository("scm/project/repo", branch="master", files=files)
            await server.base.commit("scm/project/repo", "development", {"d.txt": "d"})

    await scenes.once(server.base, f"bitbucket server {is_new}", make)
    await server.add("project", "there")
    if not is_new:
        await server.add("project", "repo")
    folders = ("packages/backend", "packages/api", "custom/source/path", "src/backend", "different/root/path")
    scenes.workspace(work, *folders)
    server.base.asked.clear()
