from pathlib import Path

import pytest

from backstage_py.errors import NotAllowedError, NotFoundError
from tests.actions.harness import Task


async def test_a_folder_is_copied_as_it_is(task: Task) -> None:
    task.put("s/a.txt", "${{ values.x }}")
    task.put("s/deep/run.sh", "#!", 0o755)
    (task.template / "s/link").symlink_to("a.txt")
    (task.template / "s/out").symlink_to("/etc")
    (task.workspace.root / "t").mkdir()
    (task.workspace.root / "t/a.txt").write_text("old")
    result = await task.run("fetch:plain", {"url": "./s", "targetPath": "t"})
    assert task.tree() == {"t/a.txt": b"${{ values.x }}", "t/deep/run.sh": b"#!", "t/link": b"a.txt"}
    assert (task.workspace.root / "t/deep/run.sh").stat().st_mode & 0o100
    assert result.log.messages[0] == "Fetching plain content from remote URL"


async def test_one_file_is_copied(task: Task) -> None:
    task.put("LICENSE", b"\0binary")
    await task.run("fetch:plain:file", {"url": "./LICENSE", "targetPath": "docs/LICENSE"})
    assert task.tree() == {"docs/LICENSE": b"\0binary"}
    with pytest.raises(NotFoundError):
        await task.run("fetch:plain:file", {"url": "./none", "targetPath": "x"})


@pytest.mark.parametrize("target", ["../x", "out/x"])
async def test_the_target_is_contained(task: Task, tmp_path: Path, target: str) -> None:
    task.put("a", "a")
    (task.workspace.root / "out").symlink_to(tmp_path)
    with pytest.raises(NotAllowedError):
        await task.run("fetch:plain:file", {"url": "./a", "targetPath": target})
    with pytest.raises(NotAllowedError):
        await task.run("fetch:plain", {"url": ".", "targetPath": target})
    assert not (tmp_path / "x").exists()
