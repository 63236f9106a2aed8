"""The client that the built-in actions use, unchanged, with nothing but another base URL."""

import asyncio

import pytest
from github import Auth, Github, InputGitTreeElement, UnknownObjectException

from backstage_py.sandbox.server import Sandbox


def _publish(sandbox: Sandbox) -> None:
    with Github(
        base_url=sandbox.api_url,
        auth=Auth.Token(sandbox.token),
        retry=None,
        seconds_between_requests=None,
        seconds_between_writes=None,
    ) as github:
        assert github.get_user().login == "sandbox"
        assert github.get_user("org").type == "Organization"
        organisation = github.get_organization("org")
        repository = organisation.create_repo("svc", private=True, description="made", has_wiki=False)
        assert repository.private
        repository.replace_topics(["service"])
        repository.add_to_collaborators("ada", permission="push")
        organisation.get_team_by_slug("builders").update_team_repository(repository, "admin")
        repository.create_file("README.md", "first", "hello\n")
        repository.get_branch("main").edit_protection(strict=True, contexts=["build"], enforce_admins=True)
        assert repository.get_branch("main").get_protection().enforce_admins
        repository.create_variable("REGION", "eu")
        repository.create_secret("TOKEN", "s3cret")
        repository.create_hook("web", {"url": "https://hooks.example.org"}, ["push"])


def _pull_request(sandbox: Sandbox) -> None:
    with Github(
        base_url=sandbox.api_url,
        auth=Auth.Token(sandbox.token),
        retry=None,
        seconds_between_requests=None,
        seconds_between_writes=None,
    ) as github:
        repository = github.get_user().create_repo("svc", auto_init=True)
        base = repository.get_branch("main").commit
        blob = repository.create_git_blob("aGVsbG8=", "base64")
        element = InputGitTreeElement("docs/hello.txt", "100644", "blob", sha=blob.sha)
        tree = repository.create_git_tree([element], base.commit.tree)
        commit = repository.create_git_commit("hello", tree, [base.commit])
        repository.create_git_ref("refs/heads/topic", commit.sha)
        pull = repository.create_pull(base="main", head="topic", title="Hello", body="Please", draft=True)
        pull.create_review_request(reviewers=["ada"])
        pull.add_to_labels("docs")
        pull.add_to_assignees("grace")
        again = repository.get_pull(pull.number)
        assert (again.additions, again.changed_files, again.draft) == (1, 1, True)
        assert [label.name for label in again.labels] == ["docs"]
        contents = repository.get_contents("docs/hello.txt", ref="topic")
        assert not isinstance(contents, list)
        assert contents.decoded_content == b"hello"
        assert repository.get_archive_link("tarball").startswith(sandbox.url)
        with pytest.raises(UnknownObjectException):
            repository.get_contents("nothing")


async def test_pygithub_publishes_a_repository(sandbox: Sandbox) -> None:
    await asyncio.to_thread(_publish, sandbox)
    kept = sandbox.store.find("org", "svc")
    assert kept is not None
    assert kept.topics == ("service",)
    assert kept.book("variables")["REGION"]["value"] == "eu"
    files = b"".join(path.read_bytes() for path in sandbox.store.folder.rglob("*") if path.is_file())
    assert b"s3cret" not in files


async def test_pygithub_opens_a_pull_request(sandbox: Sandbox) -> None:
    await asyncio.to_thread(_pull_request, sandbox)
