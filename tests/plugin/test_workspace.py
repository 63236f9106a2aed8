import os
from pathlib import Path

import pytest

from backstage_py.errors import NotAllowedError
from backstage_py.plugin import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "work").mkdir()
    return Workspace(tmp_path / "work")


OUTSIDE = ["../x", "a/../../x", "/etc/passwd", "a/b/../../../work2", "a\0b", "a/b\0c", "a/\ud800"]


@pytest.mark.parametrize("path", OUTSIDE)
def test_a_path_may_not_leave(workspace: Workspace, path: str) -> None:
    with pytest.raises(NotAllowedError, match="outside its parent"):
        workspace.path(path)


@pytest.mark.parametrize("path", ["", ".", "a", "a/../b", "a/b/c.txt", "...", "a/", "a//b", "a/./b"])
def test_a_path_inside_is_given_back_absolute(workspace: Workspace, path: str) -> None:
    assert workspace.path(path) == Path(os.path.normpath(workspace.root / path))


def test_a_link_that_leaves_is_refused_at_the_moment_of_use(workspace: Workspace, tmp_path: Path) -> None:
    assert workspace.path("out/secret") == workspace.root / "out" / "secret"
    (workspace.root / "out").symlink_to(tmp_path)
    with pytest.raises(NotAllowedError):
        workspace.path("out/secret")


def test_a_workspace_that_became_a_link_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    (workspace.root / "a").touch()
    assert workspace.path("a") == workspace.root / "a"
    workspace.root.rename(tmp_path / "elsewhere")
    workspace.root.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NotAllowedError):
        workspace.path("a")


def test_a_path_below_a_file_is_given_back_as_it_reads(workspace: Workspace) -> None:
    (workspace.root / "a").touch()
    assert workspace.path("a/b") == workspace.root / "a" / "b"


def test_a_dangling_link_that_leaves_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    (workspace.root / "file").symlink_to(tmp_path / "not-yet")
    with pytest.raises(NotAllowedError):
        workspace.path("file")


def test_a_chain_of_links_that_stays_inside_is_followed(workspace: Workspace) -> None:
    (workspace.root / "a").symlink_to("b")
    (workspace.root / "b").symlink_to("c")
    (workspace.root / "c").mkdir()
    assert workspace.path("a/file") == workspace.root / "c" / "file"


def test_a_loop_of_links_is_refused(workspace: Workspace) -> None:
    (workspace.root / "a").symlink_to("b")
    (workspace.root / "b").symlink_to("a")
    with pytest.raises(NotAllowedError):
        workspace.path("a/file")


def test_files_are_listed_in_order_without_following_links(workspace: Workspace, tmp_path: Path) -> None:
    (workspace.root / "b").mkdir()
    (workspace.root / "b" / "2").touch()
    (workspace.root / "a").touch()
    (workspace.root / "b" / "1").symlink_to(tmp_path)
    (workspace.root / "link").symlink_to(tmp_path)
    found = [workspace.relative(path) for path in workspace.files()]
    assert found == ["a", "b/1", "b/2", "link"]
