"""The repository that a golden path has made on the git host: a work tree of it, and what its branch holds."""

import os
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.helm_source import over

Change = tuple[str, Callable[[str], str]]
"""A path, and what becomes of the file's text."""

BRANCH = "main"
_WHO = {"NAME": "Ada", "EMAIL": "ada@example.org"}


@dataclass(frozen=True)
class Repository:
    """``bare`` is the git host's, ``tree`` a clone of it in which a developer works."""

    name: str
    bare: Path
    tree: Path

    def git(self, *arguments: str) -> str:
        """Run git in the work tree as a developer does."""
        return _git("-C", str(self.tree), *arguments)

    def revision(self, name: str = BRANCH) -> str:
        """Return the commit that a branch of the git host is at."""
        return _git("--git-dir", str(self.bare), "rev-parse", name).strip()

    def file(self, path: str) -> str:
        """Return what a file of the newest commit holds."""
        return _git("--git-dir", str(self.bare), "show", f"{BRANCH}:{path}")

    def change(self, message: str, *changes: Change) -> str:
        """Change files of the newest commit and push that; return the new commit."""
        self._catch_up()
        for path, change in changes:
            file = self.tree / path
            before = file.read_text(encoding="utf-8") if file.exists() else ""
            after = change(before)
            assert after != before, f"{path} stays as it is"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(after, encoding="utf-8")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        self.git("push", "--quiet", "origin", BRANCH)
        return self.revision()

    def merge(self, branch: str) -> str:
        """Merge a branch, as a person does with a pull request; return the new commit."""
        self._catch_up()
        self.git("merge", "--quiet", "--no-ff", "--message", f"Merge {branch}", f"origin/{branch}")
        self.git("push", "--quiet", "origin", BRANCH)
        return self.revision()

    def _catch_up(self) -> None:
        self.git("fetch", "--quiet", "origin")
        self.git("checkout", "--quiet", "-B", BRANCH, f"origin/{BRANCH}")

    def export(self, revision: str, folder: Path) -> Path:
        """Write what a commit holds into a folder."""
        with tempfile.TemporaryFile() as archive:
            command = ["git", "--git-dir", str(self.bare), "archive", revision]
            subprocess.run(command, stdout=archive, check=True)
            archive.seek(0)
            folder.mkdir(parents=True, exist_ok=True)
            subprocess.run(["tar", "-x", "-C", str(folder)], stdin=archive, check=True)
        return folder


def cloned(name: str, bare: Path, tree: Path) -> Repository:
    """Clone a repository of the git host."""
    _git("clone", "--quiet", str(bare), str(tree))
    return Repository(name, bare, tree)


def values(**more: Any) -> Callable[[str], str]:
    """Return a change of a values file: these go over what it says, object by object."""
    return lambda text: yaml.safe_dump(over(yaml.safe_load(text) or {}, more), sort_keys=False)


def words(path: str, before: str, after: str) -> Change:
    """Return a change of a file by its words."""
    return path, lambda text: text.replace(before, after)


def _git(*arguments: str) -> str:
    who = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in _WHO.items()}
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False, env={**os.environ, **who})
    assert done.returncode == 0, f"git {' '.join(arguments)}: {done.stderr}"
    return done.stdout
