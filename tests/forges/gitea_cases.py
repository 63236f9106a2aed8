"""The scene of the cases for Gitea, and cases beyond the examples of Backstage's module."""

from pathlib import Path
from typing import Any

from tests.forges.differences import Case
from tests.forges.gitea_host import Gitea

_SHOP = {"repoUrl": "gitea.com?repo=shop&owner=owner", "description": "The shop"}

CASES = [
    Case("taken", "publish:gitea", {**_SHOP, "repoUrl": "gitea.com?repo=taken&owner=owner"}),
    Case("no organization", "publish:gitea", {**_SHOP, "repoUrl": "gitea.com?repo=shop&owner=nobody"}),
    Case("may not", "publish:gitea", {**_SHOP, "repoUrl": "gitea.com?repo=shop&owner=closed"}),
    Case("unknown host", "publish:gitea", {**_SHOP, "repoUrl": "git.nowhere?repo=shop&owner=owner"}),
    Case("no repository", "publish:gitea", {**_SHOP, "repoUrl": "gitea.com?owner=owner"}),
    Case("no user", "publish:gitea", {**_SHOP, "repoUrl": "anonymous.gitea.com?repo=shop&owner=owner"}),
    Case("wrong password", "publish:gitea", {**_SHOP, "repoUrl": "expired.gitea.com?repo=shop&owner=owner"}),
    Case("no key", "publish:gitea", {**_SHOP, "signCommit": True}),
    Case("private", "publish:gitea", {**_SHOP, "repoVisibility": "private", "sourcePath": "repository"}),
    Case("climbing", "publish:gitea", {**_SHOP, "sourcePath": "../repository"}),
    Case(
        "configured",
        "publish:gitea",
        {**_SHOP, "gitCommitMessage": "mine"},
        config=(("defaultCommitMessage", "ours"),),
    ),
]


def integrations(url: str, token: str) -> Any:
    """Of an app-config whose ``gitea.com`` is the stand-in."""
    host = {"baseUrl": url, "username": "ada", "password": token}
    wrong = {"host": "expired.gitea.com", **host, "password": "expired"}
    return {"gitea": [{"host": "gitea.com", **host}, wrong, {"host": "anonymous.gitea.com", "baseUrl": url}]}


async def scene(gitea: Gitea, work: Path) -> None:
    """An organization with a repository, and a workspace."""
    gitea.organizations += ["owner", "closed"]
    await gitea.add("owner/taken", description="theirs")
    write(work)
    gitea.base.asked.clear()


def write(work: Path) -> None:
    """Files to publish."""
    texts: dict[str, bytes] = {
        "README.md": b"hello\n",
        "run.sh": b"#!/bin/sh\n",
        "repository/main.go": b"package main\n",
        "repository/deep/t.bin": b"\x00\xff",
        ".gitignore": b"ignored.txt\n",
        "ignored.txt": b"no",
    }
    for name, text in texts.items():
        path = work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
    (work / "run.sh").chmod(0o755)
