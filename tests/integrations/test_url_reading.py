import base64
import io
import json
import tarfile
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from backstage_py.errors import ForeignError, InputError, NotAllowedError, NotFoundError
from backstage_py.integrations import git
from backstage_py.integrations.git import GitAuthor, GitCredentials
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.integrations.hosts.url_reading import UrlReading, listed
from backstage_py.integrations.web.http import HttpClient, Limits
from backstage_py.model.scm import ScmIntegration
from backstage_py.sandbox.server import serve_sandbox
from backstage_py.settings.sections import ReadingRule
from tests.integrations.web_host import WebHost


@asynccontextmanager
async def reading(integration: ScmIntegration) -> AsyncIterator[UrlReading]:
    registry = ScmRegistry([integration])
    async with HttpClient(listed(registry, ()), Limits(attempts=1)) as http:
        yield UrlReading(http, registry)


def on(
    web_host: WebHost, kind: str, api: str | None = None, token: str | None = None, **options: Any
) -> ScmIntegration:
    base = f"{web_host.url}{api}" if api is not None else None
    return ScmIntegration(kind, web_host.authority, "host", base, None, token, options)


def tarball(**files: str) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(f"repo-abc/{name.replace('__', '/')}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content.encode()))
    return written.getvalue()


def tree(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


async def test_github_files_and_trees_are_read_and_asked_for_changes_only(tmp_path: Path) -> None:
    work = tmp_path / "work"
    (work / "skel").mkdir(parents=True)
    (work / "skel/a.txt").write_text("hello")
    (work / "README.md").write_text("read me")
    async with serve_sandbox(tmp_path / "sandbox") as sandbox:
        entry = sandbox.integrations[0]
        host = ScmIntegration("github", entry["host"], "", entry["apiBaseUrl"], entry["rawBaseUrl"], sandbox.token, {})
        async with reading(host) as reader:
            headers = {"Authorization": f"Bearer {sandbox.token}"}
            body = json.dumps({"name": "r"}).encode()
            await reader.http.request("POST", f"{sandbox.api_url}/orgs/o/repos", headers=headers, body=body)
            commit = await git.publish(
                work,
                remote_url=f"{sandbox.url}/o/r.git",
                branch="main",
                message="m",
                author=GitAuthor(),
                credentials=GitCredentials("x", sandbox.token),
            )
            found = await reader.read("https://github.com/o/r/blob/main/skel/a.txt")
            assert found
            assert found.content == b"hello"
            assert await reader.read("https://github.com/o/r/blob/main/skel/a.txt", etag=found.etag) is None
            target = tmp_path / "tree"
            assert await reader.read_tree("https://github.com/o/r/tree/main/skel", target) == commit
            assert tree(target) == ["a.txt"]
            assert await reader.read_tree("https://github.com/o/r/tree/main/skel", target, etag=commit) is None
            assert await reader.read_tree("https://github.com/o/r", tmp_path / "all") == commit
            assert tree(tmp_path / "all") == ["README.md", "skel/a.txt"]
            with pytest.raises(NotFoundError, match="could not be read as"):
                await reader.read("https://github.com/o/r/blob/main/nope")
            with pytest.raises(NotFoundError):
                await reader.read_tree("https://github.com/o/none/tree/main", tmp_path / "none")
            with pytest.raises(InputError, match="Invalid GitHub URL"):
                await reader.read("https://github.com/o/r")


async def test_github_without_a_token_reads_raw_files(web_host: WebHost) -> None:
    web_host.text("/raw/o/r/main/a.txt", "raw")
    host = ScmIntegration("github", "ghe.test", "", f"{web_host.url}/api", f"{web_host.url}/raw", None, {})
    async with reading(host) as reader:
        found = await reader.read("https://ghe.test/o/r/blob/main/a.txt")
        assert found
        assert found.content == b"raw"


async def test_a_token_of_the_caller_wins(web_host: WebHost) -> None:
    web_host.text("/api/repos/o/r/contents/a.txt", "mine")
    host = ScmIntegration("github", "ghe.test", "", f"{web_host.url}/api", None, "configured", {})
    async with reading(host) as reader:
        await reader.read("https://ghe.test/o/r/blob/main/a.txt", token="mine")
    assert web_host.requests[0].headers["Authorization"] == "Bearer mine"
    assert web_host.requests[0].query == {"ref": "main"}


async def test_a_rate_limit_is_named(web_host: WebHost) -> None:
    web_host.text("/api/repos/o/r/contents/a.txt", "{}", status=403, X_RateLimit_Remaining="0")
    host = ScmIntegration("github", "ghe.test", "", f"{web_host.url}/api", None, "t", {})
    async with reading(host) as reader:
        with pytest.raises(ForeignError, match="rate limit exceeded"):
            await reader.read("https://ghe.test/o/r/blob/main/a.txt")


async def test_gitlab(web_host: WebHost, tmp_path: Path) -> None:
    project = "/api/v4/projects/g%2Fs%2Fp"
    web_host.text(f"{project}/repository/files/x%2Fa.yaml/raw", "a: 1", ETag='"e"')
    web_host.text(f"{project}/repository/commits", json.dumps([{"id": "c0ffee"}]))
    web_host.text(f"{project}/repository/archive.tar.gz", tarball(x__a="1", y="2"))
    url = f"{web_host.url}/g/s/p/-"
    async with reading(on(web_host, "gitlab", "/api/v4", "t")) as reader:
        found = await reader.read(f"{url}/blob/main/x/a.yaml")
        assert found
        assert (found.content, found.etag) == (b"a: 1", '"e"')
        assert await reader.read_tree(f"{url}/tree/main/x", tmp_path / "t") == "c0ffee"
    assert tree(tmp_path / "t") == ["a"]
    assert web_host.requests[0].query["ref"] == "main"
    assert web_host.requests[0].headers["Authorization"] == "Bearer t"


async def test_gitea(web_host: WebHost, tmp_path: Path) -> None:
    repository = "/api/v1/repos/o/r"
    content = base64.b64encode(b"hello").decode()
    web_host.text(f"{repository}/contents/a.txt", json.dumps({"encoding": "base64", "content": content}))
    web_host.text(f"{repository}/git/commits/main", json.dumps({"sha": "abc"}))
    web_host.text(f"{repository}/archive/main.tar.gz", tarball(a="1"))
    base = f"{web_host.url}/o/r/src/branch/main"
    async with reading(on(web_host, "gitea", username="u", password="p")) as reader:
        found = await reader.read(f"{base}/a.txt")
        assert found
        assert found.content == b"hello"
        assert await reader.read_tree(base, tmp_path / "t") == "abc"
    assert tree(tmp_path / "t") == ["a"]
    assert web_host.requests[0].headers["Authorization"] == "Basic " + base64.b64encode(b"u:p").decode()


async def test_gerrit(web_host: WebHost, tmp_path: Path) -> None:
    """Addresses as ``@backstage/integration`` 2.2.0 makes them of the same configuration."""
    commit, guard = "0123456789" * 4, ")]}'\n"
    project = "/g/a/projects/team%2Fr"
    web_host.text(f"{project}/branches/main/files/x%2Fa.txt/content", base64.b64encode(b"hello").decode())
    web_host.text(f"{project}/commits/{commit}/files/a.txt/content", base64.b64encode(b"of then").decode())
    web_host.text(f"{project}/branches/main", guard + json.dumps({"ref": "refs/heads/main", "revision": "abc"}))
    archive = "/g/a/plugins/gitiles/team/r/+archive"
    web_host.text(f"{archive}/refs/heads/main/x.tar.gz", tarball(a="1"))
    web_host.text(f"{archive}/{commit}.tar.gz", tarball(b="1"))
    pages = {"baseUrl": f"{web_host.url}/g/", "gitilesBaseUrl": f"{web_host.url}/g/plugins/gitiles"}
    base = f"{web_host.url}/g/plugins/gitiles/team/r/+"
    async with reading(on(web_host, "gerrit", username="u", password="p", **pages)) as reader:
        for url, content in ((f"{base}/refs/heads/main/x/a.txt", b"hello"), (f"{base}/{commit}/a.txt", b"of then")):
            found = await reader.read(url)
            assert found
            assert found.content == content
        assert await reader.read_tree(f"{base}/refs/heads/main/x", tmp_path / "t") == "abc"
        assert await reader.read_tree(f"{base}/refs/heads/main/x", tmp_path / "t", etag="abc") is None
        assert await reader.read_tree(f"{base}/{commit}", tmp_path / "c") == commit
        for url in (f"{base}/refs/tags/v1/a", f"{base}/HEAD/a", base.removesuffix("/+")):
            with pytest.raises(InputError, match="Unsupported gitiles ref type"):
                await reader.read(url)
    assert (tree(tmp_path / "t"), tree(tmp_path / "c")) == (["repo-abc/a"], ["repo-abc/b"])  # no folder is dropped
    assert web_host.requests[0].headers["Authorization"] == "Basic " + base64.b64encode(b"u:p").decode()


async def test_gerrit_whose_files_are_shown_by_another_host(web_host: WebHost, tmp_path: Path) -> None:
    web_host.text("/projects/r/branches/main", ")]}'\n" + json.dumps({"revision": "abc"}))
    web_host.text("/r/+archive/refs/heads/main.tar.gz", tarball(a="1"))
    files = {"baseUrl": web_host.url, "gitilesBaseUrl": web_host.url}
    host = ScmIntegration("gerrit", "gerrit.test", "", None, None, None, files)
    async with reading(host) as reader:
        assert await reader.read_tree(f"{web_host.url}/r/+/refs/heads/main", tmp_path / "t") == "abc"
    assert "Authorization" not in web_host.requests[0].headers
    apart = {"baseUrl": f"{web_host.url}/g", "gitilesBaseUrl": web_host.url, "username": "u", "password": "p"}
    web_host.text("/g/a/projects/r/branches/main", ")]}'\n" + json.dumps({"revision": "abc"}))
    async with reading(on(web_host, "gerrit", **apart)) as reader:
        with pytest.raises(InputError, match="baseUrl \\(Gerrit\\) is not part of the gitilesBaseUrl"):
            await reader.read_tree(f"{web_host.url}/r/+/refs/heads/main", tmp_path / "t")


async def test_bitbucket_cloud(web_host: WebHost, tmp_path: Path) -> None:
    repository = "/2.0/repositories/w/r"
    web_host.text(f"{repository}/src/main/a.txt", "hello")
    web_host.text(f"{repository}/commits/main", json.dumps({"values": [{"hash": "abcdef"}]}))
    web_host.text("/w/r/get/main.tar.gz", tarball(a="1"))
    async with reading(on(web_host, "bitbucketCloud", "/2.0", "t", username="u")) as reader:
        found = await reader.read(f"{web_host.url}/w/r/src/main/a.txt")
        assert found
        assert found.content == b"hello"
        assert await reader.read_tree(f"{web_host.url}/w/r/src/main", tmp_path / "t") == "abcdef"
        assert await reader.read_tree(f"{web_host.url}/w/r/src/main", tmp_path / "t", etag="abc") is None
    assert tree(tmp_path / "t") == ["a"]


async def test_bitbucket_server(web_host: WebHost, tmp_path: Path) -> None:
    repository = "/rest/api/1.0/projects/P/repos/r"
    web_host.text(f"{repository}/raw/a.txt", "hello")
    web_host.text(f"{repository}/commits", json.dumps({"values": [{"id": "abc"}]}))
    web_host.text(f"{repository}/archive", tarball(d__a="1"))
    base = f"{web_host.url}/projects/P/repos/r/browse"
    async with reading(on(web_host, "bitbucketServer", "/rest/api/1.0", "t")) as reader:
        found = await reader.read(f"{base}/a.txt?at=dev")
        assert found
        assert found.content == b"hello"
        assert await reader.read_tree(f"{base}/d?at=dev", tmp_path / "t") == "abc"
    assert tree(tmp_path / "t") == ["a"]
    assert web_host.requests[0].query == {"at": "dev"}
    web_host.text(f"{repository}/branches/default", json.dumps({"displayId": "old"}))  # as before version 7.5
    async with reading(on(web_host, "bitbucketServer", "/rest/api/1.0", "t")) as reader:
        assert await reader.read_tree(f"{web_host.url}/projects/P/repos/r", tmp_path / "old") == "abc"
    assert web_host.requests[-1].query["at"] == "old"


async def test_azure(web_host: WebHost, tmp_path: Path) -> None:
    repository = "/o/p/_apis/git/repositories/r"
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as zipped:
        zipped.writestr("skel/a.txt", "1")
    web_host.text(f"{repository}/items", written.getvalue())
    web_host.text(f"{repository}/commits", json.dumps({"value": [{"commitId": "abc"}]}))
    base = f"{web_host.url}/o/p/_git/r?path=/skel&version=GBmain"
    async with reading(on(web_host, "azure", credentials=[{"personalAccessToken": "pat"}])) as reader:
        assert await reader.read_tree(base, tmp_path / "t") == "abc"
        found = await reader.read(base)
        assert found
        web_host.text(f"{repository}/items", "sign in", status=203)
        with pytest.raises(NotAllowedError, match="credentials"):
            await reader.read(base)
    assert tree(tmp_path / "t") == ["a.txt"]
    assert web_host.requests[0].headers["Authorization"] == "Basic " + base64.b64encode(b":pat").decode()


async def test_other_hosts_are_read_when_a_rule_allows_it(web_host: WebHost, tmp_path: Path) -> None:
    web_host.text("/a.yaml", "a: 1", ETag='"1"')
    rules = (ReadingRule(web_host.authority),)
    registry = ScmRegistry()
    async with HttpClient(listed(registry, rules)) as http:
        reader = UrlReading(http, registry, rules)
        found = await reader.read(f"{web_host.url}/a.yaml")
        assert found
        assert found.etag == '"1"'
        web_host.text("/a.yaml", "", status=304)
        assert await reader.read(f"{web_host.url}/a.yaml", etag=found.etag) is None
        assert web_host.requests[-1].headers["If-None-Match"] == '"1"'
        with pytest.raises(NotFoundError, match="could not read"):
            await reader.read(f"{web_host.url}/none")
        for url in ("https://nowhere.example/x", "file:///etc/passwd", "ftp://x/y"):
            with pytest.raises(NotAllowedError, match=r"backend\.reading\.allow"):
                await reader.read(url)
        with pytest.raises(NotAllowedError):
            await reader.read_tree("file:///etc", tmp_path / "t")
