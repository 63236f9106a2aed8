"""Nothing that a client sends leaves the sandbox's folder or learns a token."""

import base64
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from backstage_py.sandbox import names
from backstage_py.sandbox.gitrepo.process import Git
from backstage_py.sandbox.records import Repository
from backstage_py.sandbox.server import Sandbox, serve_sandbox
from backstage_py.sandbox.store import RepositoryStore
from tests.sandbox.harness import Client, new_tree, with_token

_BAD = ["..", ".", "a/b", "../../x", "x.git", "X.GIT", "", "a b", "ä", "a\n", "-\0", "x" * 101, "~", "$(id)"]


@pytest.mark.thorough(sample=15)
@pytest.mark.parametrize("name", _BAD)
async def test_a_bad_repository_name_is_refused(client: Client, tmp_path: Path, name: str) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert (await client.send("POST", "/orgs/org/repos", {"name": name})).status == 422
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("owner", ["api", "RAW", "codeload", "%2e%2e", "a%20b", "..%2f..", "%2Fetc"])
async def test_a_bad_owner_is_refused(client: Client, tmp_path: Path, owner: str) -> None:
    before = sorted(tmp_path.rglob("*"))
    url = URL(f"{client.sandbox.api_url}/orgs/{owner}/repos", encoded=True)
    headers = {"Authorization": f"token {client.sandbox.token}"}
    async with client.session.post(url, json={"name": "x"}, headers=headers) as answer:
        assert answer.status in {404, 422}
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.thorough(sample=4)
@pytest.mark.parametrize(
    "path",
    [
        "/org/..%2f..%2f..%2fetc/info/refs?service=git-upload-pack",
        "/..%2f..%2f../etc/info/refs?service=git-upload-pack",
        "/org/%2e%2e/info/refs?service=git-upload-pack",
        "/org/svc.git/..%2f..%2fsvc.json",
        "/raw/org/svc/main/..%2f..%2f..%2fsvc.json",
        "/raw/org/svc/main/%2e%2e/%2e%2e/svc.json",
        "/raw/org/svc/..%2f..%2fHEAD",
        "/org/svc/blob/main/..%2f..%2fetc%2fpasswd",
        "/org/svc/blob/--output=x/a",
        "/codeload/org/svc/legacy.tar.gz/..%2f..",
        "/codeload/org/svc/legacy.tar.gz/--output=x",
        "/api/v3/repos/org/..%2fsvc",
        "/api/v3/repos/org/svc/contents/..%2f..%2fsvc.json",
        "/api/v3/repos/org/svc/tarball/--remote=x",
        "/api/v3/repos/org/svc/commits/--all",
    ],
)
async def test_no_path_reaches_another_file(client: Client, path: str) -> None:
    await client.create(description="kept beside the repository")
    await client.put_file("a", "1")
    url = URL(f"{client.sandbox.url}{path}", encoded=True)
    headers = {"Authorization": f"token {client.sandbox.token}"}
    async with client.session.get(url, headers=headers) as answer:
        assert answer.status in {401, 403, 404, 422}
        assert b"kept beside" not in await answer.read()


async def test_a_symlink_in_a_repository_leads_nowhere(client: Client, tmp_path: Path) -> None:
    created = await client.create()
    tree = await new_tree(tmp_path / "tree")
    (tree.path / "link").symlink_to("/etc/passwd")
    await tree.commit({})
    await tree.git("push", "--quiet", with_token(created["clone_url"], client.sandbox.token), "main")
    for path in ("/raw/org/svc/main/link", "/org/svc/blob/main/link"):
        assert b"root:" not in (await client.send("GET", f"{client.sandbox.url}{path}")).raw
    assert (await client.send("GET", "/repos/org/svc/contents/link")).json["target"] == "/etc/passwd"


async def test_an_owners_folder_that_is_a_link_is_not_followed(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (sandbox.store.folder / "org").symlink_to(tmp_path / "outside")
    with pytest.raises(names.InvalidNameError, match="outside"):
        await sandbox.store.create(Repository("org", "svc"))
    assert list((tmp_path / "outside").iterdir()) == []


@given(owner=st.text(max_size=20), name=st.text(max_size=20))
def test_any_name_gives_a_path_inside_or_an_error(
    owner: str, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = RepositoryStore(tmp_path_factory.getbasetemp() / "any", Git())
    try:
        names.owner(owner)
        names.repository(name)
    except names.InvalidNameError:
        assert store.find(owner, name) is None
        return
    path = store.bare(Repository(owner, name)).path
    assert path.parent.parent == store.folder
    assert path.suffix == ".git"


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=30))
def test_a_path_that_passes_stays_inside(text: str) -> None:
    try:
        path = names.tree_path(text)
    except names.InvalidNameError:
        return
    assert not {"..", ".", ".git"} & {part.lower() for part in path.split("/")}
    assert not path.startswith("/")


async def test_a_token_is_neither_logged_nor_kept(tmp_path: Path) -> None:
    token = "very-secret-token"
    with structlog.testing.capture_logs() as logs:
        async with serve_sandbox(tmp_path / "sandbox", tokens={token: "ada"}) as sandbox:
            import aiohttp

            async with aiohttp.ClientSession() as session:
                client = Client(sandbox, session)
                created = await client.create()
                await client.put_file("a", "1")
                tree = await new_tree(tmp_path / "tree")
                await tree.commit({"b": "2"})
                await tree.try_git("push", with_token(created["clone_url"], token), "main:other")
            shown = repr(sandbox)
    needles = (token, base64.b64encode(f"x-access-token:{token}".encode()).decode())
    kept = b"".join(path.read_bytes() for path in (tmp_path / "sandbox").rglob("*") if path.is_file())
    assert logs
    for needle in needles:
        assert needle not in str(logs)
        assert needle not in shown
        assert needle.encode() not in kept
