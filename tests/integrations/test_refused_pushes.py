"""What a git host says when it refuses a push, and what to do about it; the host speaks git's protocol by hand."""

from pathlib import Path

import pytest
from aiohttp import web

from backstage_py.errors import BackstageError
from backstage_py.integrations import git
from backstage_py.integrations.git import GitAuthor, GitCredentials
from tests.integrations.web_host import WebHost

_SIDE_BAND, _REMOTE = b"\x01", b"\x02"
_WORKFLOW = "create or update workflow `.github/workflows/ci.yml`"
_KIND = "application/x-git-receive-pack"


def packet(text: bytes) -> bytes:
    return b"%04x" % (len(text) + 4) + text


def refusing(host: WebHost, reason: str, remote: str) -> None:
    """Let pushes to an empty repository be refused with a reason, and lines of the host before it."""
    nobody = b"0" * 40 + b" capabilities^{}\0report-status side-band-64k\n"
    opening = packet(b"# service=git-receive-pack\n") + b"0000" + packet(nobody) + b"0000"
    host.text("/o/r.git/info/refs", opening, Content_Type=f"{_KIND}-advertisement")
    report = packet(b"unpack ok\n") + packet(f"ng refs/heads/main {reason}\n".encode()) + b"0000"
    said = packet(_REMOTE + remote.encode() + b"\n") + packet(_SIDE_BAND + report) + b"0000"

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=said, headers={"Content-Type": f"{_KIND}-result"})

    host.answers["/o/r.git/git-receive-pack"] = answer


@pytest.mark.parametrize(
    ("reason", "remote", "advice"),
    [
        (
            "protected branch hook declined",
            "error: GH006: Protected branch update failed for refs/heads/main.",
            "A rule protects the branch",
        ),
        (
            "pre-receive hook declined",
            "GitLab: You are not allowed to push code to protected branches on this project.",
            "A rule protects the branch",
        ),
        ("push declined due to repository rule violations", "error: GH013: Repository rule", "A rule protects"),
        (
            f"refusing to allow an OAuth App to {_WORKFLOW} without `workflow` scope",
            "",
            "Give the token the scope 'workflow'",
        ),
        (
            f"refusing to allow a GitHub App to {_WORKFLOW} without `workflows` permission",
            "",
            "Give the GitHub App the permission 'workflows'",
        ),
        (
            "pre-receive hook declined",
            "error: GH001: Large files detected. File x.bin is 120 MB; this exceeds GitHub's file size limit",
            "give it to Git LFS",
        ),
        ("push declined due to repository rule violations", "GITHUB PUSH PROTECTION: secrets", "Take the secret out"),
        ("commit 1 : missing Change-Id in message footer", "", "Gerrit wants"),
        ("prohibited by Gerrit: not permitted: create", "", "'Push' and 'Create Reference'"),
        ("pre-receive hook declined", "no tickets in the message", "rules of the host"),
    ],
)
async def test_a_refused_push_says_what_to_do(
    web_host: WebHost, tmp_path: Path, reason: str, remote: str, advice: str
) -> None:
    refusing(web_host, reason, remote)
    (tmp_path / "a").write_text("a")
    with pytest.raises(BackstageError) as raised:
        await git.publish(
            tmp_path,
            remote_url=f"{web_host.url}/o/r.git",
            branch="main",
            message="m",
            author=GitAuthor(),
            credentials=GitCredentials("u", "secret"),
        )
    assert raised.value.message.startswith("git push failed: ")
    assert reason in raised.value.message
    assert remote in raised.value.message
    assert advice in raised.value.message
    assert "empty" not in raised.value.message
    assert raised.value.is_refusal
