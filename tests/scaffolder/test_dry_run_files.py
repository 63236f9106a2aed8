"""The files that come with a dry run: where they may go, and where not."""

from pathlib import Path

import pytest

from backstage_py.errors import BackstageError, NotAllowedError
from backstage_py.scaffolder.face import directory
from backstage_py.scaffolder.face.directory import DirectoryFile


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a.txt", "a.txt"),
        ("a/b/c.txt", "a/b/c.txt"),
        ("...", "..."),
        (".hidden/..file", ".hidden/..file"),
        ("./a", "a"),
        ("a/../b", "b"),
        ("a//b", "a/b"),
        ("line\nbreak", "line\nbreak"),
        ("dollar ${{ values.x }}/f", "dollar ${{ values.x }}/f"),
    ],
)
def test_a_path_inside_is_written(tmp_path: Path, path: str, found: str) -> None:
    directory.write(tmp_path / "content", [DirectoryFile(path, b"x", executable=True)])
    assert directory.read(tmp_path / "content") == [DirectoryFile(found, b"x", executable=True)]


@pytest.mark.parametrize("path", ["../a", "a/../../b", "/etc/passwd", "..", "a/\0", "half \ud800 character"])
def test_a_path_that_leads_out_or_is_none_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(NotAllowedError):
        directory.write(tmp_path / "content", [DirectoryFile(path, b"x")])
    assert [one.name for one in tmp_path.rglob("*")] == ["content"]


@pytest.mark.parametrize("path", [".", "", "x" * 300, "file/below"])
def test_a_path_that_is_no_file_name_says_so(tmp_path: Path, path: str) -> None:
    with pytest.raises(BackstageError, match="cannot be written"):
        directory.write(tmp_path / "content", [DirectoryFile("file", b"x"), DirectoryFile(path, b"x")])
