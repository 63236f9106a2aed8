from pathlib import Path

import pytest

from backstage_py.errors import InputError, NotAllowedError, NotFoundError, PermanentError
from tests.actions.harness import Task


@pytest.fixture
def filled(task: Task) -> Task:
    for name in ("a.txt", "b.tmp", "sub/c.tmp", "sub/deep/d.tmp", ".hidden/e.tmp", "keep.md"):
        path = task.workspace.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return task


@pytest.mark.parametrize(
    ("files", "deleted"),
    [
        (["a.txt"], {"a.txt"}),
        (["./a.txt"], {"a.txt"}),
        (["*.tmp"], {"b.tmp"}),
        (["**/*.tmp"], {"b.tmp", "sub/c.tmp", "sub/deep/d.tmp", ".hidden/e.tmp"}),
        (["sub"], {"sub/c.tmp", "sub/deep/d.tmp"}),
        (["sub/"], {"sub/c.tmp", "sub/deep/d.tmp"}),
        (["{a.txt,b.tmp}"], {"a.txt", "b.tmp"}),
        (["nope", "sub/../a.txt"], {"a.txt"}),
        ([], set()),
    ],
)
async def test_files_are_deleted_by_path_folder_and_pattern(filled: Task, files: list[str], deleted: set[str]) -> None:
    before = set(filled.tree())
    result = await filled.run("fs:delete", {"files": files})
    assert before - set(filled.tree()) == deleted
    root = filled.workspace.root
    assert sorted(result.log.messages) == sorted(f"File {root / name} deleted successfully" for name in deleted)


async def test_folders_stay_as_they_do_in_backstage(filled: Task) -> None:
    await filled.run("fs:delete", {"files": ["sub"]})
    assert (filled.workspace.root / "sub/deep").is_dir()


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "sub/../../x"])
async def test_deleting_and_renaming_stay_in_the_workspace(filled: Task, name: str) -> None:
    message = "Relative path is not allowed to refer to a directory outside its parent"
    with pytest.raises(NotAllowedError, match=message):
        await filled.run("fs:delete", {"files": [name]})
    for pair in ({"from": name, "to": "y"}, {"from": "a.txt", "to": name}):
        with pytest.raises(NotAllowedError, match=message):
            await filled.run("fs:rename", {"files": [pair]})
    with pytest.raises(NotAllowedError, match=message):
        await filled.run("fs:read", {"path": name})
    with pytest.raises(NotAllowedError, match=message):
        await filled.run("fs:readdir", {"paths": [name]})


async def test_links_that_lead_out_are_not_followed(filled: Task, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x.tmp").write_text("kept")
    (filled.workspace.root / "out").symlink_to(outside)
    await filled.run("fs:delete", {"files": ["**/*.tmp"]})
    with pytest.raises(NotAllowedError):
        await filled.run("fs:delete", {"files": ["out/x.tmp"]})
    with pytest.raises(NotAllowedError):
        await filled.run("fs:rename", {"files": [{"from": "a.txt", "to": "out/a.txt"}]})
    with pytest.raises(NotAllowedError):
        await filled.run("fs:readdir", {"paths": ["out"]})
    listed = await filled.run("fs:readdir", {"paths": ["."]})
    assert "out" in {file["name"] for file in listed.outputs["files"]}
    assert [path.name for path in outside.iterdir()] == ["x.tmp"]


async def test_a_link_is_removed_and_renamed_itself(filled: Task) -> None:
    root = filled.workspace.root
    (root / "link").symlink_to("a.txt")
    await filled.run("fs:rename", {"files": [{"from": "link", "to": "link2"}]})
    assert str((root / "link2").readlink()) == "a.txt"
    await filled.run("fs:delete", {"files": ["link2"]})
    assert (root / "a.txt").exists()


async def test_files_and_folders_are_renamed_in_order(filled: Task) -> None:
    root = filled.workspace.root
    files = [{"from": "a.txt", "to": "new/dir/z.txt"}, {"from": "sub", "to": "moved"}]
    result = await filled.run("fs:rename", {"files": files})
    assert {"new/dir/z.txt", "moved/c.tmp", "moved/deep/d.tmp"} <= set(filled.tree())
    assert result.log.messages == [
        f"File {root / 'a.txt'} renamed to {root / 'new/dir/z.txt'} successfully",
        f"File {root / 'sub'} renamed to {root / 'moved'} successfully",
    ]


async def test_what_is_there_is_only_replaced_when_asked(filled: Task) -> None:
    pair = {"from": "a.txt", "to": "keep.md"}
    with pytest.raises(PermanentError, match=r"dest already exists\."):
        await filled.run("fs:rename", {"files": [pair]})
    await filled.run("fs:rename", {"files": [{**pair, "overwrite": True}]})
    assert filled.tree()["keep.md"] == b"a.txt"
    await filled.run("fs:rename", {"files": [{"from": "keep.md", "to": "sub", "overwrite": True}]})
    assert filled.tree()["sub"] == b"a.txt"


async def test_renaming_says_what_is_wrong(filled: Task) -> None:
    with pytest.raises(PermanentError, match="ENOENT: no such file or directory"):
        await filled.run("fs:rename", {"files": [{"from": "none", "to": "x"}]})
    with pytest.raises(PermanentError, match="subdirectory of itself"):
        await filled.run("fs:rename", {"files": [{"from": "sub", "to": "sub/inner"}]})
    with pytest.raises(InputError, match="from and to"):
        await filled.run("fs:rename", {"files": [{"from": "", "to": "x"}]})


async def test_folders_are_listed(filled: Task) -> None:
    root = filled.workspace.root
    flat = await filled.run("fs:readdir", {"paths": ["."]})
    assert [file["path"] for file in flat.outputs["files"]] == ["a.txt", "b.tmp", "keep.md"]
    assert [folder["name"] for folder in flat.outputs["folders"]] == [".hidden", "sub"]
    deep = await filled.run("fs:readdir", {"paths": ["sub"], "recursive": True})
    assert deep.outputs == {
        "files": [
            {"name": "c.tmp", "path": "sub/c.tmp", "fullPath": str(root / "sub/c.tmp")},
            {"name": "d.tmp", "path": "sub/deep/d.tmp", "fullPath": str(root / "sub/deep/d.tmp")},
        ],
        "folders": [{"name": "deep", "path": "sub/deep", "fullPath": str(root / "sub/deep")}],
    }
    with pytest.raises(NotFoundError, match="ENOENT"):
        await filled.run("fs:readdir", {"paths": ["none"]})


async def test_a_file_is_read_as_text(filled: Task) -> None:
    (filled.workspace.root / "a.txt").write_bytes(b"caf\xe9")
    assert (await filled.run("fs:read", {"path": "a.txt"})).outputs == {"content": "caf\N{REPLACEMENT CHARACTER}"}
    with pytest.raises(NotFoundError):
        await filled.run("fs:read", {"path": "sub"})
