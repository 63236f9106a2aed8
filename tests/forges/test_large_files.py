"""Files that .gitattributes gives to Git LFS are pointers in what is published, and their contents are uploaded."""

import hashlib

import pytest

from backstage_py.errors import BackstageError, ServiceUnavailableError
from tests.actions.harness import Task
from tests.forges.gitlab_world import Gitlab

GIVEN = {"repoUrl": "gitlab.com?owner=acme&repo=shop", "defaultBranch": "main"}


@pytest.mark.thorough
async def test_large_files_are_uploaded_and_pointed_to(gitlab: Gitlab, gitlab_task: Task) -> None:
    gitlab.add_group("acme")
    root = gitlab_task.workspace.root
    big, other = bytes(range(256)) * 512, b"other\r\n"
    known = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 3\n"
    (root / "deep").mkdir()
    (root / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    (root / "deep/.gitattributes").write_text("no.bin !filter\n")
    for name, content in {
        "big ü.bin": big,
        "run.bin": other,
        "known.bin": known,
        "a.txt": b"a",
        "deep/no.bin": b"n",
    }.items():
        (root / name).write_bytes(content)
    (root / "run.bin").chmod(0o755)
    (root / "link.bin").symlink_to("a.txt")
    result = await gitlab_task.run("publish:gitlab", GIVEN)
    [told] = [text for level, text in result.log.lines if level == "warning"]
    assert told.startswith("The contents behind Git LFS pointers are not in the new repository; ")
    assert "will miss them: known.bin." in told
    names = {hashlib.sha256(one).hexdigest(): one for one in (big, other)}
    assert gitlab.base.large == names
    tree = await gitlab.base.tree("acme/shop", "main")
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{next(iter(names))}\nsize {len(big)}\n".encode()
    assert tree["big ü.bin"] == ("100644", pointer)
    assert tree["run.bin"][0] == "100755"
    assert b"size 7\n" in tree["run.bin"][1]
    assert (tree["known.bin"][1], tree["a.txt"][1], tree["deep/no.bin"][1]) == (known, b"a", b"n")
    assert tree["link.bin"] == ("120000", b"a.txt")


@pytest.mark.thorough
async def test_an_upload_that_is_cut_goes_on_in_a_retry(gitlab: Gitlab, gitlab_task: Task) -> None:
    gitlab.add_group("acme")
    root = gitlab_task.workspace.root
    (root / ".gitattributes").write_text("*.bin filter=lfs\n")
    (root / "x.bin").write_bytes(b"x")
    gitlab.base.faults.cut_request("PUT", "/large/*")
    with pytest.raises(ServiceUnavailableError):
        await gitlab_task.run("publish:gitlab", GIVEN)
    gitlab.base.faults.refuse("POST", "*/info/lfs/objects/batch", 403, {"message": "Git LFS is disabled"})
    with pytest.raises(BackstageError, match=r"Git LFS is disabled\. Switch LFS on"):
        await gitlab_task.run("publish:gitlab", GIVEN)
    await gitlab_task.run("publish:gitlab", GIVEN)
    assert list(gitlab.base.large.values()) == [b"x"]


async def test_pointers_alone_are_published_where_the_host_refuses_lfs(gitlab: Gitlab, gitlab_task: Task) -> None:
    gitlab.add_group("acme")
    root = gitlab_task.workspace.root
    (root / ".gitattributes").write_text("*.bin filter=lfs\n")
    (root / "x.bin").write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 3\n")
    gitlab.base.faults.refuse("POST", "*/info/lfs/objects/batch", 403, {"message": "Git LFS is disabled"})
    await gitlab_task.run("publish:gitlab", GIVEN)
    assert set(await gitlab.base.tree("acme/shop", "main")) == {".gitattributes", "x.bin"}
