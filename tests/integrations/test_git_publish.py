import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backstage_py.errors import BackstageError, ConflictError, NotFoundError, ServiceUnavailableError
from backstage_py.integrations import git
from backstage_py.integrations.git import GitAuthor, GitCredentials
from backstage_py.integrations.web.http import HttpClient, listed_hosts
from backstage_py.model import json
from backstage_py.sandbox.server import Sandbox, serve_sandbox


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    async with serve_sandbox(tmp_path / "sandbox") as running:
        authority = running.url.removeprefix("http://")
        async with HttpClient(listed_hosts([authority])) as http:
            headers = {"Authorization": f"Bearer {running.token}"}
            await http.request(
                "POST", f"{running.api_url}/orgs/o/repos", headers=headers, body=json.dumps({"name": "r"})
            )
        yield running


@pytest.fixture
def work(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


async def publish(sandbox: Sandbox, work: Path, repo: str = "r", password: str | None = None) -> str:
    return await git.publish(
        work,
        remote_url=f"{sandbox.url}/o/{repo}.git",
        branch="main",
        message="first commit",
        author=GitAuthor("Ada", "ada@example.com"),
        credentials=GitCredentials("x-access-token", password or sandbox.token),
    )


async def cloned(sandbox: Sandbox, tmp_path: Path) -> Path:
    target = tmp_path / "clone"
    await git.clone(f"{sandbox.url}/o/r.git", target, ref="main", credentials=GitCredentials("x", sandbox.token))
    return target


def said(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.thorough
async def test_bytes_modes_and_links_arrive_as_they_are(sandbox: Sandbox, work: Path, tmp_path: Path) -> None:
    (work / "crlf.txt").write_bytes(b"a\r\nb\r\n")
    (work / ".gitattributes").write_text("* text=auto eol=lf ident\n*.bin filter=lfs\n")
    (work / "x.bin").write_bytes(b"\0\1$Id$")
    (work / "run.sh").write_text("#!/bin/sh\n")
    (work / "run.sh").chmod(0o755)
    (work / "link").symlink_to("run.sh")
    (work / ".gitignore").write_text("*.log\n")
    (work / "a.log").write_text("noise")
    commit = await publish(sandbox, work)
    clone = await cloned(sandbox, tmp_path)
    assert said(clone, "log", "--format=%H %an <%ae> %s") == f"{commit} Ada <ada@example.com> first commit"
    assert said(clone, "ls-tree", "-r", "--format=%(objectmode) %(path)", "HEAD").splitlines() == [
        "100644 .gitattributes",
        "100644 .gitignore",
        "100644 crlf.txt",
        "120000 link",
        "100755 run.sh",
        "100644 x.bin",
    ]
    blob = subprocess.run(["git", "show", "HEAD:crlf.txt"], cwd=clone, capture_output=True, check=True).stdout
    assert blob == b"a\r\nb\r\n"


@pytest.mark.thorough
async def test_nothing_of_a_git_folder_in_the_workspace_is_honoured(
    sandbox: Sandbox, work: Path, tmp_path: Path
) -> None:
    """CVE-2024-53983: git configuration of a workspace gave tokens away."""
    proof = tmp_path / "proof"
    script = tmp_path / "evil.sh"
    script.write_text(f"#!/bin/sh\ntouch {proof}\n")
    script.chmod(0o755)
    said(work, "init", "--quiet")
    for key in ("core.fsmonitor", "filter.x.clean", "credential.helper", "core.sshCommand", "core.askPass"):
        said(work, "config", key, str(script))
    for hook in ("pre-commit", "pre-push", "post-index-change", "reference-transaction"):
        (work / ".git/hooks").mkdir(exist_ok=True)
        (work / ".git/hooks" / hook).symlink_to(script)
    (work / ".gitattributes").write_text("* filter=x\n")
    (work / "a.txt").write_text("a")
    await publish(sandbox, work)
    assert not proof.exists()
    clone = await cloned(sandbox, tmp_path)
    assert sorted(path.name for path in clone.iterdir()) == [".git", ".gitattributes", "a.txt"]


async def test_files_of_an_inner_repository_are_published(sandbox: Sandbox, work: Path, tmp_path: Path) -> None:
    (work / "sub").mkdir()
    said(work / "sub", "init", "--quiet")
    (work / "sub/a.txt").write_text("a")
    await publish(sandbox, work)
    clone = await cloned(sandbox, tmp_path)
    assert (clone / "sub/a.txt").read_text() == "a"
    assert (work / "sub/.git").is_dir()


async def test_the_token_is_in_no_argument_and_no_url(
    sandbox: Sandbox, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "arguments"
    real = subprocess.run(["which", "git"], capture_output=True, text=True, check=True).stdout.strip()
    (tmp_path / "bin").mkdir()
    wrapper = tmp_path / "bin/git"
    wrapper.write_text(f'#!/bin/sh\necho "$@" >> {log}\nexec {real} "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    (work / "a").write_text("a")
    await publish(sandbox, work)
    arguments = log.read_text()
    assert "push" in arguments
    assert sandbox.token not in arguments
    assert GitCredentials("x-access-token", sandbox.token).header() not in arguments


@pytest.mark.thorough
@pytest.mark.parametrize("repo", ["none", "r"])
async def test_a_refusal_is_told_without_the_token(sandbox: Sandbox, work: Path, repo: str) -> None:
    (work / "a").write_text("a")
    token = "wrong-token" if repo == "r" else sandbox.token
    with pytest.raises(BackstageError, match="git push failed") as raised:
        await publish(sandbox, work, repo, token)
    assert token not in raised.value.message
    assert repo == "r" or isinstance(raised.value, NotFoundError)


@pytest.mark.thorough
async def test_publishing_again_finds_what_was_pushed_before(sandbox: Sandbox, work: Path) -> None:
    (work / "a").write_text("a")
    first = await publish(sandbox, work)
    await asyncio.sleep(1.1)  # the next commit has another time, so another hash
    assert await publish(sandbox, work) == first
    (work / "a").write_text("b")
    with pytest.raises(ConflictError, match="Publish to a repository or branch that is empty"):
        await publish(sandbox, work)


async def test_a_host_that_is_not_there_is_named(work: Path) -> None:
    with pytest.raises(ServiceUnavailableError, match="Check the network"):
        await git.publish(
            work,
            remote_url="http://127.0.0.1:9/x.git",
            branch="main",
            message="m",
            author=GitAuthor(),
            credentials=None,
        )


@pytest.mark.parametrize("url", ["ext::touch proof", "file:///etc", "/etc"])
async def test_only_http_transports_are_used(work: Path, url: str) -> None:
    with pytest.raises(BackstageError, match="git push failed"):
        await git.publish(work, remote_url=url, branch="main", message="m", author=GitAuthor(), credentials=None)


async def test_a_cancelled_push_leaves_no_process(work: Path) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        with pytest.raises(TimeoutError):
            await git.publish(
                work,
                remote_url=f"http://127.0.0.1:{port}/x.git",
                branch="main",
                message="m",
                author=GitAuthor(),
                credentials=None,
                seconds=2,
            )
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert f"127.0.0.1:{port}" not in listed
