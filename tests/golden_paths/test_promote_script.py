"""``deploy/promote.sh``, with which pipelines deploy: run against real repositories."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.golden_paths import produced

pytestmark = pytest.mark.thorough

OLD, NEW = (f"sha256:{letter * 64}" for letter in "ab")
BRANCH = "trunk"  # as the host of these repositories has it
_NOBODY = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.com")
    done = subprocess.run(
        ["git", *who, *arguments], cwd=folder, env=os.environ | _NOBODY, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@dataclass(frozen=True)
class Origin:
    """The repository at its host; each pipeline has a clone of its own."""

    folder: Path

    def commit(self, message: str) -> str:
        """Push a change of the code."""
        clone = self.clone(message)
        git(clone, "commit", "--allow-empty", "--message", message)
        git(clone, "push", "origin", BRANCH)
        return git(clone, "rev-parse", "HEAD")

    def clone(self, name: str) -> Path:
        git(self.folder, "clone", "--quiet", "origin.git", name)
        return self.folder / name

    def pipeline(self, name: str, digest: str, commit: str) -> subprocess.Popen[str]:
        """Begin what the last job of a pipeline does."""
        return self.promote(self.clone(name), digest, commit)

    def promote(self, clone: Path, digest: str, commit: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["deploy/promote.sh", "staging", digest, commit],
            cwd=clone,
            env=os.environ | _NOBODY | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def deployed(self) -> dict[str, str]:
        text = git(self.folder / "origin.git", "show", f"{BRANCH}:deploy/staging/values.yaml")
        image: dict[str, str] = yaml.safe_load(text)["image"]
        return {key: image[key] for key in ("digest", "tag")}

    def messages(self) -> list[str]:
        return git(self.folder / "origin.git", "log", "--format=%s", BRANCH).splitlines()


def said(pipeline: subprocess.Popen[str], status: int = 0) -> str:
    output, _ = pipeline.communicate()
    assert pipeline.returncode == status, output
    return output


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    first = produced.produce(produced.skeleton("go"), tmp_path / "first")
    git(first, "init", "--quiet", f"--initial-branch={BRANCH}")
    git(first, "add", "--all")
    git(first, "commit", "--quiet", "--message", "Begin")
    git(tmp_path, "clone", "--quiet", "--bare", "first", "origin.git")
    return Origin(tmp_path)


def test_what_was_built_is_written_where_the_environment_is_said(origin: Origin) -> None:
    before = git(origin.folder / "origin.git", "show", f"{BRANCH}:deploy/staging/values.yaml")
    commit = origin.commit("Change")
    assert "staging gets sha256:bbb" in said(origin.pipeline("a", NEW, commit))
    assert origin.deployed() == {"digest": NEW, "tag": commit}
    assert origin.messages() == [f"Deploy {commit[:7]} to staging [skip ci]", "Change", "Begin"]
    after = git(origin.folder / "origin.git", "show", f"{BRANCH}:deploy/staging/values.yaml")
    changed = set(after.splitlines()) - set(before.splitlines())
    assert changed == {f'  digest: "{NEW}"', f'  tag: "{commit}"'}


def test_the_same_again_is_no_commit(origin: Origin) -> None:
    commit = origin.commit("Change")
    said(origin.pipeline("a", NEW, commit))
    assert "has this image already" in said(origin.pipeline("b", NEW, commit))
    assert len(origin.messages()) == 3


def test_a_pipeline_that_ends_late_takes_nothing_back(origin: Origin) -> None:
    old, new = origin.commit("Old"), origin.commit("New")
    said(origin.pipeline("new", NEW, new))
    assert "which is newer" in said(origin.pipeline("old", OLD, old))
    assert origin.deployed() == {"digest": NEW, "tag": new}


def test_pipelines_that_end_together_leave_the_newer_image(origin: Origin) -> None:
    old, new = origin.commit("Old"), origin.commit("New")
    both = [origin.pipeline("new", NEW, new), origin.pipeline("old", OLD, old)]
    for pipeline in both:
        said(pipeline)
    assert origin.deployed() == {"digest": NEW, "tag": new}


def test_a_change_that_comes_between_is_kept(origin: Origin) -> None:
    commit = origin.commit("Change")
    clone, other = origin.clone("a"), origin.clone("other")
    hook = clone / ".git/hooks/pre-push"
    hook.write_text(
        f'#!/bin/sh\nrm "$0"\ncd {other} && unset GIT_DIR && git -c user.name=o -c user.email=o@example.com '
        f"commit --quiet --allow-empty --message Between && git push --quiet origin {BRANCH}\n"
    )
    hook.chmod(0o755)
    assert f"{BRANCH} has moved on, attempt 1" in said(origin.promote(clone, NEW, commit))
    assert origin.deployed()["digest"] == NEW
    assert origin.messages()[1] == "Between"


def test_a_job_that_may_not_push_says_so(origin: Origin) -> None:
    commit = origin.commit("Change")
    hook = origin.folder / "origin.git/hooks/pre-receive"
    hook.write_text(f"#!/bin/sh\necho {BRANCH} is protected >&2\nexit 1\n")
    hook.chmod(0o755)
    patient = origin.folder / "bin"
    patient.mkdir()
    (patient / "sleep").symlink_to("/bin/true")
    path = f"{patient}{os.pathsep}{os.environ['PATH']}"
    told = said(origin.promote(origin.clone("a"), NEW, commit, PATH=path), status=1)
    assert f"{BRANCH} is protected" in told
    assert told.endswith("may this job push there?\n")


def test_a_host_that_names_no_branch_is_said(origin: Origin) -> None:
    clone = origin.clone("a")
    (origin.folder / "origin.git").rename(origin.folder / "gone.git")
    assert "names no default branch" in said(origin.promote(clone, NEW, "HEAD"), status=1)


@pytest.mark.parametrize("digest", ["", "latest", "sha256:", "sha256:abc|d"])
def test_what_is_no_digest_is_refused(origin: Origin, digest: str) -> None:
    assert "is no digest" in said(origin.pipeline("a", digest, "HEAD"), status=2)
