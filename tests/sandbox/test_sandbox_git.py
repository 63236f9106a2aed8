"""git itself against the sandbox: what a user's clone, fetch and push do."""

import asyncio
import os
import tracemalloc
from pathlib import Path

import aiohttp
import pytest

from backstage_py.model.json import Json
from backstage_py.sandbox.server import Sandbox, serve_sandbox
from tests.sandbox.harness import Client, WorkTree, clone, new_tree, with_token


async def _pushable(client: Client, tmp_path: Path, name: str = "svc", **fields: Json) -> tuple[WorkTree, str]:
    created = await client.create(name, **fields)
    tree = await new_tree(tmp_path / f"tree-{name}")
    await tree.git("remote", "add", "origin", with_token(created["clone_url"], client.sandbox.token))
    return tree, str(created["clone_url"])


async def test_what_was_pushed_can_be_cloned_by_anyone(client: Client, tmp_path: Path) -> None:
    tree, url = await _pushable(client, tmp_path)
    head = await tree.commit({"README.md": "hello\n", "bin/run": b"\x00\xff"})
    (tree.path / "bin/run").chmod(0o755)
    head = await tree.commit({})
    await tree.git("push", "--quiet", "origin", "main")
    copy = await clone(url, tmp_path / "copy")
    assert await copy.git("rev-parse", "HEAD") == head
    assert (copy.path / "bin/run").read_bytes() == b"\x00\xff"
    assert os.access(copy.path / "bin/run", os.X_OK)


async def test_a_push_needs_a_token(client: Client, tmp_path: Path) -> None:
    tree, url = await _pushable(client, tmp_path)
    await tree.commit({"a": "1"})
    nobody = await tree.try_git("push", url, "main")
    assert nobody.code != 0
    assert "could not read Username" in nobody.err
    stranger = await tree.try_git("push", with_token(url, "wrong"), "main")
    assert stranger.code != 0
    assert "Authentication failed" in stranger.err


async def test_a_private_repository_is_cloned_with_a_token_only(client: Client, tmp_path: Path) -> None:
    tree, url = await _pushable(client, tmp_path, private=True)
    await tree.commit({"a": "1"})
    await tree.git("push", "--quiet", "origin", "main")
    assert (await tree.try_git("clone", url, str(tmp_path / "nobody"))).code != 0
    copy = await clone(with_token(url, client.sandbox.token), tmp_path / "copy")
    assert (copy.path / "a").read_text() == "1"


@pytest.mark.thorough
async def test_open_clones_need_no_token_to_read_and_one_to_write(tmp_path: Path) -> None:
    async with serve_sandbox(tmp_path / "sandbox", open_clones=True) as sandbox, aiohttp.ClientSession() as session:
        client = Client(sandbox, session)
        tree, url = await _pushable(client, tmp_path, private=True)
        await tree.commit({"a": "1"})
        assert (await tree.try_git("push", url, "main")).code != 0
        await tree.git("push", "--quiet", "origin", "main")
        copy = await clone(url, tmp_path / "copy")
        assert (copy.path / "a").read_text() == "1"
        assert (await client.send("GET", "/repos/org/svc", token="")).status == 404


async def test_an_unknown_repository_is_not_found(client: Client, tmp_path: Path) -> None:
    tree = await new_tree(tmp_path / "tree")
    url = with_token(f"{client.sandbox.url}/org/nothing.git", client.sandbox.token)
    ended = await tree.try_git("ls-remote", url)
    assert "not found" in ended.err


async def test_the_first_branch_pushed_becomes_the_default(client: Client, tmp_path: Path) -> None:
    tree, url = await _pushable(client, tmp_path)
    await tree.commit({"a": "1"})
    await tree.git("push", "--quiet", "origin", "main:trunk")
    assert (await client.send("GET", "/repos/org/svc")).json["default_branch"] == "trunk"
    copy = await clone(url, tmp_path / "copy")
    assert await copy.git("branch", "--show-current") == "trunk"


async def test_many_branches_are_fetched_with_a_compressed_request(client: Client, tmp_path: Path) -> None:
    tree, url = await _pushable(client, tmp_path)
    for number in range(60):
        await tree.commit({"n": str(number)})
        await tree.git("branch", f"b{number}")
    await tree.git("push", "--quiet", "origin", "--all")
    copy = await clone(url, tmp_path / "copy")
    assert len((await copy.git("branch", "--remotes")).splitlines()) == 62
    await tree.commit({"n": "more"})
    await tree.git("push", "--quiet", "origin", "main")
    await copy.git("pull", "--quiet")  # tells what it has, which git sends with gzip
    assert (copy.path / "n").read_text() == "more"


async def test_pushes_to_different_branches_at_once_all_arrive(client: Client, tmp_path: Path) -> None:
    tree, url = await _pushable(client, tmp_path)
    await tree.commit({"a": "1"})
    await tree.git("push", "--quiet", "origin", "main")
    copies = [await clone(url, tmp_path / f"copy{number}") for number in range(8)]

    async def push(number: int) -> str:
        await copies[number].git("switch", "--quiet", "--create", f"b{number}")
        head = await copies[number].commit({f"f{number}": "x"})
        target = with_token(url, client.sandbox.token)
        await copies[number].git("push", "--quiet", target, f"b{number}")
        return head

    heads = await asyncio.gather(*(push(number) for number in range(8)))
    branches = (await client.send("GET", "/repos/org/svc/branches")).json
    assert {branch["commit"]["sha"] for branch in branches} >= set(heads)


async def test_of_pushes_to_one_branch_at_once_one_wins_and_no_commit_is_lost(client: Client, tmp_path: Path) -> None:
    tree, url = await _pushable(client, tmp_path)
    await tree.commit({"a": "1"})
    await tree.git("push", "--quiet", "origin", "main")
    copies = [await clone(url, tmp_path / f"copy{number}") for number in range(6)]
    heads = [await copy.commit({f"f{number}": "x"}) for number, copy in enumerate(copies)]
    target = with_token(url, client.sandbox.token)
    ended = await asyncio.gather(*(copy.try_git("push", target, "main") for copy in copies))
    winners = [head for head, result in zip(heads, ended, strict=True) if result.code == 0]
    assert len(winners) == 1
    assert (await client.send("GET", "/repos/org/svc/branches/main")).json["commit"]["sha"] == winners[0]


@pytest.mark.thorough
async def test_a_large_push_and_clone_take_little_memory(client: Client, tmp_path: Path) -> None:
    tree, url = await _pushable(client, tmp_path)
    await tree.commit({"large": os.urandom(32 * 1024 * 1024)})
    tracemalloc.start()
    try:
        await tree.git("push", "--quiet", "origin", "main")
        copy = await clone(url, tmp_path / "copy")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (copy.path / "large").stat().st_size == 32 * 1024 * 1024
    assert peak < 8 * 1024 * 1024


async def test_a_push_above_the_limit_is_refused(tmp_path: Path) -> None:
    async with (
        serve_sandbox(tmp_path / "sandbox", max_push=1024 * 1024) as sandbox,
        aiohttp.ClientSession() as session,
    ):
        tree, _ = await _pushable(Client(sandbox, session), tmp_path)
        await tree.commit({"large": os.urandom(4 * 1024 * 1024)})
        assert (await tree.try_git("push", "origin", "main")).code != 0
        await tree.git("reset", "--quiet", "--soft", "HEAD")
        remote = await tree.git("ls-remote", "origin")
    assert remote == ""


async def test_a_restart_keeps_everything(tmp_path: Path) -> None:
    async with serve_sandbox(tmp_path / "sandbox", tokens={"t": "ada"}) as sandbox, aiohttp.ClientSession() as session:
        client = Client(sandbox, session)
        await client.create(description="kept")
        await client.send("PUT", "/repos/org/svc/topics", {"names": ["kept"]})
        await client.put_file("a.txt", "kept")
    async with serve_sandbox(tmp_path / "sandbox", tokens={"t": "ada"}) as sandbox, aiohttp.ClientSession() as session:
        client = Client(sandbox, session)
        repository = (await client.send("GET", "/repos/org/svc")).json
        assert (repository["description"], repository["topics"]) == ("kept", ["kept"])
        copy = await clone(repository["clone_url"], tmp_path / "copy")
        assert (copy.path / "a.txt").read_text() == "kept"


async def test_what_a_killed_creation_left_is_cleared(client: Client, sandbox: Sandbox) -> None:
    remains = sandbox.store.folder / "org" / "svc.git"
    (remains / "refs").mkdir(parents=True)
    assert (await client.send("GET", "/repos/org/svc")).status == 404
    await client.create()
    assert (await client.put_file("a", "1"))["commit"]["parents"] == []


@pytest.mark.parametrize(
    "path",
    ["HEAD", "objects/info/packs", "config", "info/refs", "info/refs?service=git-annex", "hooks/post-receive"],
)
async def test_only_the_smart_protocol_is_spoken(client: Client, path: str) -> None:
    await client.create()
    answer = await client.send("GET", f"{client.sandbox.url}/org/svc.git/{path}")
    assert answer.status in {403, 404}
    assert b"ref: refs/" not in answer.raw
