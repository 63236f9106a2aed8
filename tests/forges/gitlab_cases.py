"""The scene of the cases for GitLab, and cases beyond the examples of Backstage's module."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from tests.forges.differences import Case
from tests.forges.gitlab_world import Gitlab

_REPO = "gitlab.com?repo=repo&owner=owner"
_NUMBERS = (12, 112, 123, 456, 789)

CASES = [
    Case("subgroup", "publish:gitlab", {"repoUrl": "gitlab.com?repo=shop&owner=owner%2Fsub", "defaultBranch": "main"}),
    Case("user", "publish:gitlab", {"repoUrl": "gitlab.com?repo=shop&owner=ada"}),
    Case("nobody", "publish:gitlab", {"repoUrl": "gitlab.com?repo=shop&owner=nobody"}),
    Case("taken", "publish:gitlab", {"repoUrl": _REPO}),
    Case("there", "publish:gitlab", {"repoUrl": _REPO, "skipExisting": True}),
    Case(
        "everything",
        "publish:gitlab",
        {
            "repoUrl": "gitlab.com?repo=shop&owner=owner",
            "defaultBranch": "main",
            "sourcePath": "source",
            "topics": ["a"],
            "repoVisibility": "internal",
            "gitAuthorName": "Ada",
            "gitAuthorEmail": "ada@test",
            "token": "user-oauth",
            "setUserAsOwner": True,
            "ownerUsername": "grace",
            "settings": {"description": "The shop", "name": "Shop!", "path": "the-shop", "auto_devops_enabled": False},
            "branches": [{"name": "dev", "create": True, "ref": "main"}, {"name": "dev", "protect": True}],
            "projectVariables": [{"key": "A", "value": "1", "masked": True, "description": "why"}],
        },
    ),
    Case(
        "bad branch",
        "publish:gitlab",
        {"repoUrl": "gitlab.com?repo=s&owner=owner", "branches": [{"name": "d", "create": True, "ref": "no"}]},
    ),
    Case(
        "a variable twice",
        "publish:gitlab",
        {
            "repoUrl": "gitlab.com?repo=shop&owner=owner",
            "projectVariables": [{"key": "A", "value": "1"}, {"key": "A", "value": "2"}],
        },
    ),
    Case("owner unknown", "publish:gitlab", {"repoUrl": "gitlab.com?repo=shop&owner=owner", "ownerUsername": "nobody"}),
    Case("user token", "publish:gitlab", {"repoUrl": _REPO}, config=(("requireScmUserCredentials", True),)),
    Case("expired", "publish:gitlab", {"repoUrl": "gitlab.com?repo=shop&owner=owner", "token": "expired"}),
    Case("weak", "publish:gitlab", {"repoUrl": "gitlab.com?repo=shop&owner=owner", "token": "weak"}),
    Case("unknown host", "publish:gitlab", {"repoUrl": "git.nowhere?repo=shop&owner=owner"}),
    Case(
        "full request",
        "publish:gitlab:merge-request",
        {
            "repoUrl": _REPO,
            "title": "T",
            "branchName": "feature/x",
            "assignee": "grace",
            "reviewers": ["grace", "nobody", "linus"],
            "labels": ["a", "b"],
            "assignReviewersFromApprovalRules": True,
            "autoMerge": True,
        },
    ),
    Case(
        "labels as text",
        "publish:gitlab:merge-request",
        {"repoUrl": _REPO, "title": "T", "branchName": "b", "labels": "a,b"},
    ),
    Case("branch there", "publish:gitlab:merge-request", {"repoUrl": _REPO, "title": "T", "branchName": "test"}),
    Case(
        "branch there, nothing to do",
        "publish:gitlab:merge-request",
        {"repoUrl": _REPO, "title": "T", "branchName": "test", "commitAction": "skip"},
    ),
    Case(
        "nothing to do",
        "publish:gitlab:merge-request",
        {"repoUrl": _REPO, "title": "T", "branchName": "b", "commitAction": "skip"},
    ),
    Case(
        "by project",
        "publish:gitlab:merge-request",
        {"repoUrl": "gitlab.com?project=owner%2Frepo", "title": "T", "branchName": "b"},
    ),
    Case(
        "files differ",
        "publish:gitlab:merge-request",
        {"repoUrl": _REPO, "title": "T", "branchName": "b", "sourcePath": "seeded"},
    ),
    Case(
        "no such project",
        "publish:gitlab:merge-request",
        {"repoUrl": "gitlab.com?repo=no&owner=owner", "title": "T", "branchName": "b"},
    ),
    Case(
        "to main",
        "gitlab:repo:push",
        {"repoUrl": _REPO, "branchName": "main", "commitMessage": "m", "sourcePath": "seeded"},
    ),
    Case(
        "nothing to push",
        "gitlab:repo:push",
        {"repoUrl": _REPO, "branchName": "main", "commitMessage": "m", "sourcePath": "same"},
    ),
    Case(
        "empty commit",
        "gitlab:repo:push",
        {"repoUrl": _REPO, "branchName": "main", "commitMessage": "m", "sourcePath": "same", "allowEmpty": True},
    ),
    Case(
        "create what is there",
        "gitlab:repo:push",
        {"repoUrl": _REPO, "branchName": "main", "commitMessage": "m", "sourcePath": "same", "commitAction": "create"},
    ),
    Case(
        "delete",
        "gitlab:repo:push",
        {"repoUrl": _REPO, "branchName": "main", "commitMessage": "m", "sourcePath": "same", "commitAction": "delete"},
    ),
    Case(
        "update what is not there",
        "gitlab:repo:push",
        {
            "repoUrl": _REPO,
            "branchName": "main",
            "commitMessage": "m",
            "sourcePath": "source",
            "commitAction": "update",
        },
    ),
    Case(
        "below a folder",
        "gitlab:repo:push",
        {
            "repoUrl": _REPO,
            "branchName": "new",
            "commitMessage": "m",
            "sourcePath": "source",
            "targetPath": "./deploy/",
        },
    ),
    Case("dry groups", "gitlab:group:ensureExists", {"repoUrl": "gitlab.com", "path": ["a/b"]}, dry=True),
    Case(
        "some groups",
        "gitlab:group:ensureExists",
        {"repoUrl": "gitlab.com", "path": ["owner/new", {"name": "Deep", "slug": "deep"}], "description": "d"},
    ),
    Case(
        "dry access",
        "gitlab:group:access",
        {"repoUrl": "gitlab.com", "path": "owner", "userIds": [1], "groupIds": [2], "accessLevel": "Owner"},
        dry=True,
    ),
    Case(
        "access again",
        "gitlab:group:access",
        {"repoUrl": "gitlab.com", "path": "owner", "userIds": [7], "groupIds": [8], "accessLevel": "guest"},
    ),
    Case(
        "remove",
        "gitlab:group:access",
        {"repoUrl": "gitlab.com", "path": "owner", "userIds": [7], "groupIds": [8], "action": "remove"},
    ),
    Case(
        "remove stranger",
        "gitlab:group:access",
        {"repoUrl": "gitlab.com", "path": "owner", "userIds": [99], "action": "remove"},
    ),
    Case("nobody to add", "gitlab:group:access", {"repoUrl": "gitlab.com", "path": "owner"}),
    Case(
        "level unknown",
        "gitlab:group:access",
        {"repoUrl": "gitlab.com", "path": "owner", "userIds": [1], "accessLevel": "king"},
    ),
    Case(
        "migrate",
        "gitlab:group:migrate",
        {
            "sourceUrl": "https://old.test",
            "sourceFullPath": "a/b",
            "sourceAccessToken": "s",
            "destinationUrl": "gitlab.com?owner=owner&repo=b",
            "destinationAccessToken": "d",
        },
    ),
    Case("by repoUrl", "gitlab:issues:create", {"repoUrl": _REPO, "title": "T"}),
    Case(
        "by path",
        "gitlab:issues:create",
        {"repoUrl": _REPO, "title": "T", "projectId": "owner/repo", "weight": 2, "milestoneId": 4},
    ),
    Case(
        "epic",
        "gitlab:issues:create",
        {"repoUrl": _REPO, "title": "T", "epicId": 31, "dueDate": "2026-03-04T05:06:07Z"},
    ),
    Case("epic elsewhere", "gitlab:issues:create", {"repoUrl": _REPO, "title": "T", "epicId": 32}),
    Case("epic unknown", "gitlab:issues:create", {"repoUrl": _REPO, "title": "T", "epicId": 33}),
    Case("a day", "gitlab:issues:create", {"repoUrl": _REPO, "title": "T", "dueDate": "Aug 14, 2026"}),
    Case("no day", "gitlab:issues:create", {"repoUrl": _REPO, "title": "T", "dueDate": "20260814"}),
    Case("no such issue", "gitlab:issue:edit", {"repoUrl": _REPO, "projectId": 12, "issueIid": 9}),
    Case(
        "edit all",
        "gitlab:issue:edit",
        {
            "repoUrl": _REPO,
            "projectId": 12,
            "issueIid": 1,
            "stateEvent": "close",
            "labels": "",
            "milestoneId": 0,
            "dueDate": "2026-01-02",
            "weight": 0,
        },
    ),
    Case(
        "no variables",
        "gitlab:pipeline:trigger",
        {"repoUrl": _REPO, "projectId": 12, "tokenDescription": "d", "branch": "main"},
    ),
    Case(
        "access token",
        "gitlab:projectAccessToken:create",
        {"repoUrl": _REPO, "projectId": "owner/repo", "token": "user-oauth", "expiresAt": "2026-05-06"},
    ),
    Case(
        "no scopes", "gitlab:projectDeployToken:create", {"repoUrl": _REPO, "projectId": 12, "name": "n", "scopes": []}
    ),
    Case(
        "deploy token",
        "gitlab:projectDeployToken:create",
        {"repoUrl": _REPO, "projectId": 12, "name": "n", "scopes": ["read_registry"], "username": "u"},
    ),
    Case("user by number", "gitlab:user:info", {"repoUrl": "gitlab.com", "userId": 7}),
    Case("user token", "gitlab:user:info", {"repoUrl": "gitlab.com"}, config=(("requireScmUserCredentials", True),)),
    Case("no such user", "gitlab:user:info", {"repoUrl": "gitlab.com", "userId": 77}),
]


async def scene(gitlab: Gitlab, work: Path) -> None:
    """Groups, projects and users that the cases speak of, and a workspace."""
    for name in ("owner", "group_name", "owner/sub", "namespace-or-owner", "test-group"):
        gitlab.add_group(name)
    gitlab.add_group("other")
    gitlab.group("owner")["id"] = 40
    gitlab.group("owner/sub")["parent_id"] = 40
    gitlab.group("other")["id"] = 41
    for number in _NUMBERS:
        gitlab.add_group(f"group{number}", id=number)
    for user, number in (("grace", 7), ("linus", 8), ("my-assignee", 9)):
        gitlab.add_user(user, id=number)
    await _repository(gitlab)
    for number in _NUMBERS:
        await gitlab.add_project(f"owner/p{number}", id=number, is_seed=True)
    gitlab.known("issues 12").append({"id": 500, "iid": 1, "title": "old", "state": "opened", "web_url": "u"})
    gitlab.known("epics").extend([{"id": 31, "group_id": 40}, {"id": 32, "group_id": 41}])
    gitlab.known("members 40").append({"id": 7, "access_level": 30})
    gitlab.known("shares 40").append({"group_id": 8, "group_access": 30})
    _write(work)
    gitlab.base.asked.clear()


_kept: list[tempfile.TemporaryDirectory[str]] = []


async def _repository(gitlab: Gitlab) -> None:
    """A project with two branches; its repository is made once in a process, and copied then."""
    folder = gitlab.base.host.store.folder
    if _kept:
        shutil.copytree(_kept[0].name, folder, dirs_exist_ok=True)
    await gitlab.add_project("owner/repo", files={"README.md": "hello\n", "keep.txt": "same\n"})
    if not _kept:
        await gitlab.base.commit("owner/repo", "test", {"b.txt": "b"})
        _kept.append(tempfile.TemporaryDirectory())
        shutil.copytree(folder, _kept[0].name, dirs_exist_ok=True)


def _write(work: Path) -> None:
    texts: dict[str, Any] = {
        "README.md": "hello world\n",
        "path/to/my/changes/x.sh": "#!/bin/sh\n",
        "source/s.txt": "s",
        "source/deep/t.bin": b"\x00\xff",
        "seeded/README.md": "changed\n",
        "seeded/keep.txt": "same\n",
        "seeded/new.txt": "new\n",
        "same/README.md": "hello\n",
        "same/keep.txt": "same\n",
        "Subdirectory/d.txt": "d",
        ".gitignore": "ignored.txt\n",
        "ignored.txt": "no",
    }
    for name, text in texts.items():
        path = work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    (work / "path/to/my/changes/x.sh").chmod(0o755)
