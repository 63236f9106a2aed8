"""The scene of the cases for GitHub, and cases beyond the examples of Backstage's module."""

import re
from pathlib import Path
from typing import Any

from tests.forges import scenes
from tests.forges.differences import Case
from tests.forges.github_host import PREFIX, Github

_REPO = {"repoUrl": "github.com?owner=owner&repo=repo"}
_TAKEN = {"repoUrl": "github.com?owner=owner&repo=taken"}
_OWN = {"repoUrl": "github.com?owner=ada&repo=shop"}
_PULL = {**_REPO, "branchName": "new-app", "title": "Create", "description": "why"}
_WANTED = {
    **_REPO,
    "description": "The shop",
    "repoVisibility": "internal",
    "access": "owner/team",
    "collaborators": [
        {"user": "user:default/bob", "access": "push"},
        {"team": "group:default/crew", "access": "maintain"},
    ],
    "topics": ["Service", "payments"],
    "repoVariables": {"REGION": "eu"},
    "secrets": {"KEY": "very-secret"},
    "oidcCustomization": {"useDefault": False, "includeClaimKeys": ["repo"]},
    "customProperties": {"tier": "1"},
    "subscribe": True,
    "workflowAccess": "organization",
    "homepage": "https://shop.test",
    "hasWiki": False,
}
_PUBLISHED = {name: value for name, value in _WANTED.items() if name != "workflowAccess"}

CASES = [
    Case("everything", "publish:github", {**_PUBLISHED, "sourcePath": "source", "requiredCommitSigning": True}),
    Case("everything", "github:repo:create", {**_WANTED, "autoInit": True}),
    Case("of a user", "publish:github", {**_OWN, "customProperties": {"tier": "1"}, "access": "bob"}),
    Case("of a user", "github:repo:create", {**_OWN, "repoVisibility": "public"}),
    Case("taken", "publish:github", _TAKEN),
    Case("unknown host", "publish:github", {"repoUrl": "git.nowhere?owner=owner&repo=repo"}),
    Case("no owner", "publish:github", {"repoUrl": "github.com?repo=repo"}),
    Case("wrong token", "publish:github", {**_REPO, "token": "expired"}),
    Case("trunk", "publish:github", {**_REPO, "defaultBranch": "trunk", "protectEnforceAdmins": False}),
    Case("no protection", "publish:github", {**_REPO, "protectDefaultBranch": False, "gitCommitMessage": "mine"}),
    Case("as a user", "publish:github", _REPO, config=(("requireScmUserCredentials", True),)),
    Case("configured", "publish:github", _REPO, config=(("defaultCommitMessage", "ours"),)),
    Case("restricted", "github:branch-protection:create", {**_REPO, "restrictions": {"users": ["bob"], "teams": []}}),
    Case(
        "bypassed",
        "github:branch-protection:create",
        {**_REPO, "bypassPullRequestAllowances": {"users": ["bob"]}, "requireBranchesToBeUpToDate": False},
    ),
    Case("no such workflow", "github:actions:dispatch", {**_REPO, "workflowId": "none", "branchOrTagName": "main"}),
    Case("no such issue", "github:issues:label", {**_REPO, "number": 99, "labels": ["bug"]}),
    Case("dry", "github:issues:create", {**_REPO, "title": "T"}, dry=True),
    Case("dry", "github:webhook", {**_REPO, "webhookUrl": "https://ci.test"}, dry=True),
    Case("there already", "github:webhook", {**_TAKEN, "webhookUrl": "https://there.test"}),
    Case(
        "named",
        "github:deployKey:create",
        {**_REPO, "publicKey": "ssh-ed25519 AAAA x", "privateKey": "p"}
        | {"deployKeyName": "my key", "privateKeySecretName": "MINE"},
    ),
    Case("dry", "publish:github:pull-request", _PULL, dry=True),
    Case("climbing", "publish:github:pull-request", {**_PULL, "targetPath": "../x"}),
    Case("deleting", "publish:github:pull-request", {**_PULL, "filesToDelete": ["kept", "none", "run.sh"]}),
    Case(
        "deleting in a folder",
        "publish:github:pull-request",
        {**_PULL, "targetPath": "deep", "filesToDelete": ["gone.txt"]},
    ),
    Case("nothing", "publish:github:pull-request", {**_PULL, "sourcePath": "same", "createWhenEmpty": False}),
    Case(
        "nothing, open",
        "publish:github:pull-request",
        {**_PULL, "branchName": "open", "sourcePath": "same"} | {"update": True, "createWhenEmpty": False},
    ),
    Case("many", "publish:github:pull-request", {**_PULL, "assignees": [f"a{number}" for number in range(12)]}),
    Case("author", "publish:github:pull-request", _PULL, config=(("defaultAuthor", {"name": "Platform"}),)),
    Case(
        "nobody",
        "publish:github:pull-request",
        {**_PULL, "forceEmptyGitAuthor": True},
        config=(("defaultAuthor", {"name": "Platform"}),),
    ),
    Case("no such base", "publish:github:pull-request", {**_PULL, "targetBranchName": "none"}),
    Case("open", "publish:github:pull-request", {**_PULL, "branchName": "open"}),
    Case("update", "publish:github:pull-request", {**_PULL, "branchName": "open", "update": True}),
    Case(
        "update elsewhere",
        "publish:github:pull-request",
        {**_PULL, "branchName": "open", "update": True, "targetBranchName": "test", "targetPath": "deep"},
    ),
    Case("update of nothing", "publish:github:pull-request", {**_PULL, "update": True}),
    Case("closed", "publish:github:pull-request", {**_PULL, "branchName": "closed"}),
    Case("update of closed", "publish:github:pull-request", {**_PULL, "branchName": "closed", "update": True}),
    Case("never proposed", "publish:github:pull-request", {**_PULL, "branchName": "test"}),
    Case("update of never proposed", "publish:github:pull-request", {**_PULL, "branchName": "test", "update": True}),
]

_FILLED = ("owner/repo", "owner/reponame", "owner/repository")
_EMPTY = (
    "customOwner/customPathRepo",
    "legacyOwner/legacyRepo",
    "branchOwner/customBranchRepo",
    "customOwner/fullCustomRepo",
    "minimalOwner/minimalRepo",
    "customOwner/customBuildPathRepo",
    "branchPathOwner/customBranchPathRepo",
    "customOwnerName/customRepoName",
    "tokenOwner/customTokenRepo",
    "tokenOwner/specificTokenRepo",
    "docsOwner/docSiteRepo",
)
_CREATING = {"publish:github", "github:repo:create"}
_MARK = re.compile(r"(?:\n\n)?<!-- scaffolder task: \S+ -->")
_SHA = re.compile(r"[0-9a-f]{40}")


def integrations(url: str, token: str) -> Any:
    """Of an app-config whose ``github.com`` is the stand-in."""
    return {
        "github": [
            {"host": "github.com", "apiBaseUrl": f"{url}{PREFIX}", "rawBaseUrl": f"{url}/raw"} | {"token": token}
        ]
    }


async def scene(github: Github, work: Path) -> None:
    """Repositories, where the action makes none, with branches, an issue and pull requests; and a workspace."""
    about = github.base.about

    async def make() -> None:
        await github.base.repository("owner/taken")
        hook = {"config": {"url": "https://there.test"}, "events": ["push"]}
        await github.ask("POST", "/repos/owner/taken/hooks", hook)
        if about == "github:repo:push":
            await github.base.repository("testuser/test")
            await github.base.repository("owner/reponame")
        elif about == "publish:github:pull-request":
            await _proposed(github)
        elif about not in _CREATING:
            for name in _FILLED:
                await _filled(github, name)
            for name in _EMPTY:
                await github.base.repository(name)

    kind = about if about in {*_CREATING, "github:repo:push", "publish:github:pull-request"} else "others"
    await scenes.once(github.base, f"github {kind}", make)
    scenes.workspace(work, "source", "same")
    (work / "same/s.txt").write_text("same")
    (work / "pixel.bin").write_bytes(b"\x00\xff")
    (work / "dangling").symlink_to("nowhere")
    github.base.asked.clear()


async def _filled(github: Github, name: str) -> None:
    base = github.base
    workflow = {".github/workflows/WORKFLOW_ID": "on: workflow_dispatch\njobs: {}\n"}
    files = {"README.md": "hello\n", "kept": "k", "s.txt": "same", "deep/gone.txt": "g", **workflow}
    await base.repository(name, files=files)
    for branch in ("test", "release-1.0", "my-awesome-branch"):
        await base.commit(name, branch, {**files, "t.txt": "t"})
    await github.ask("POST", f"/repos/{name}/issues", {"title": "An issue"})


async def _proposed(github: Github) -> None:
    """Pull requests of branches that are behind their base: one is open, one closed."""
    base, name = github.base, "owner/repo"
    await _filled(github, name)
    for branch in ("open", "closed"):
        main = await github.ask("GET", f"/repos/{name}/git/ref/heads/main")
        ref = {"ref": f"refs/heads/{branch}", "sha": main["object"]["sha"]}
        await github.ask("POST", f"/repos/{name}/git/refs", ref)
        await base.commit(name, branch, {"earlier.txt": "e", "README.md": f"{branch}\n"})
        pull = {"title": branch, "head": branch, "base": "main"}
        made = await github.ask("POST", f"/repos/{name}/pulls", pull)
        if branch == "closed":
            await github.ask("PATCH", f"/repos/{name}/pulls/{made['number']}", {"state": "closed"})
    await base.commit(name, "main", {"meanwhile.txt": "m"})


def comparable(requests: list[Any]) -> list[Any]:
    """The requests that change something, without what differs from run to run.

    How something is read is each client's own affair. Blobs and trees are seen in what is left: the module sends each
    file as a blob, and this service sends small texts with the tree. The order of secrets and variables is that of
    their names, since a table has its objects sorted.
    """
    found = [
        [method, path.replace("heads%2F", "heads/"), query, _body(path, body)]
        for method, path, query, body, _ in requests
        if method not in {"GET", "HEAD"} and not path.endswith(("/git/blobs", "/git/trees"))
    ]
    named = [at for at, one in enumerate(found) if "/secrets/" in one[1] or one[1].endswith("/variables")]
    for at, one in zip(named, sorted((found[at] for at in named), key=str), strict=True):
        found[at] = one
    return found


def _body(path: str, body: Any) -> Any:
    if not isinstance(body, dict):
        return body
    kept = {
        name: value for name, value in body.items() if name != "repository_id"
    }  # the path has it, and GitHub reads that
    if "/secrets/" in path:
        kept |= {"encrypted_value": "<sealed>", "key_id": "<key>"}
    if path.endswith("/hooks"):
        kept.pop("name", None)  # "web", which is GitHub's default
    if "/git/refs" in path:
        kept["sha"] = "<the commit>"
    if "/pulls" in path and "head" in kept:
        kept["head"] = kept["head"].removeprefix(f"{path.split('/')[1]}:")  # GitHub takes both
    if re.search(r"/pulls/\d+$", path):
        kept = {name: value for name, value in kept.items() if name not in {"head", "draft"}}  # GitHub changes neither
    if path.endswith("/issues") and "body" in kept:
        kept["body"] = _MARK.sub("", kept["body"])
    return kept


def plain(output: Any) -> Any:
    """Outputs without the hashes of commits that have a moment in them."""
    return {key: "<the commit>" if _SHA.fullmatch(str(value)) else value for key, value in output.items()}
