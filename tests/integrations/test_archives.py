import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from backstage_py.errors import ForeignError
from backstage_py.integrations.hosts.archives import Bounds, unpack_tar, unpack_zip


def tar_of(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for info, content in members:
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def file(name: str, content: bytes = b"x", mode: int = 0o644) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.mode = mode
    return info, content


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


def tree(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "target").mkdir()
    return tmp_path / "target"


def test_a_folder_of_a_repository_is_unpacked_with_its_modes(tmp_path: Path, target: Path) -> None:
    archive = tar_of(
        tmp_path / "a.tgz",
        file("repo-1a2b/README.md"),
        file("repo-1a2b/skel/run.sh", b"#!", 0o755),
        file("repo-1a2b/skel/deep/x", b"y"),
        link("repo-1a2b/skel/latest", "deep/x"),
    )
    unpack_tar(archive, target, subpath="skel")
    assert tree(target) == ["deep", "deep/x", "latest", "run.sh"]
    assert (target / "run.sh").stat().st_mode & 0o111
    assert (target / "latest").read_bytes() == b"y"


@pytest.mark.parametrize("name", ["r/../../evil", "/etc/evil", "r/a/../../../evil", "..\\evil"])
def test_a_member_that_climbs_out_is_refused(tmp_path: Path, target: Path, name: str) -> None:
    with pytest.raises(ForeignError, match="leads out of it"):
        unpack_tar(tar_of(tmp_path / "a.tgz", file(name)), target)
    assert not list(tmp_path.rglob("evil"))


def test_links_that_lead_out_are_left_out_and_nothing_is_written_through_them(tmp_path: Path, target: Path) -> None:
    archive = tar_of(
        tmp_path / "a.tgz",
        link("r/out", str(tmp_path)),
        file("r/out/evil"),
        link("r/up", "../.."),
        file("r/up/evil"),
        link("r/hard", "/etc/passwd", tarfile.LNKTYPE),
    )
    unpack_tar(archive, target)
    assert tree(target) == ["out", "out/evil", "up", "up/evil"]
    assert not any(path.is_symlink() for path in target.rglob("*"))
    assert not (tmp_path / "evil").exists()


def test_a_chain_of_links_does_not_lead_out(tmp_path: Path, target: Path) -> None:
    (target / "there").symlink_to(tmp_path)
    with pytest.raises(ForeignError, match="leads out of it"):
        unpack_tar(tar_of(tmp_path / "a.tgz", file("r/there/evil")), target)
    assert not (tmp_path / "evil").exists()


def test_devices_are_left_out(tmp_path: Path, target: Path) -> None:
    unpack_tar(tar_of(tmp_path / "a.tgz", link("r/pipe", "", tarfile.FIFOTYPE), file("r/x")), target)
    assert tree(target) == ["x"]


def test_number_and_size_are_bounded(tmp_path: Path, target: Path) -> None:
    archive = tar_of(tmp_path / "a.tgz", *(file(f"r/{number}", b"0" * 100) for number in range(20)))
    with pytest.raises(ForeignError, match="more than 10 files"):
        unpack_tar(archive, target, bounds=Bounds(members=10))
    with pytest.raises(ForeignError, match="unpacks to more"):
        unpack_tar(archive, target, bounds=Bounds(size=1000))


def test_a_zip_is_unpacked_under_the_same_rules(tmp_path: Path, target: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as zipped:
        zipped.writestr("skel/a.txt", "a")
        executable = zipfile.ZipInfo("skel/run.sh")
        executable.external_attr = 0o100755 << 16
        zipped.writestr(executable, "#!")
        outward = zipfile.ZipInfo("skel/out")
        outward.external_attr = 0o120777 << 16
        zipped.writestr(outward, "../../x")
    unpack_zip(path, target, strip=1)
    assert tree(target) == ["a.txt", "run.sh"]
    assert (target / "run.sh").stat().st_mode & 0o111
    with zipfile.ZipFile(path, "w") as zipped:
        zipped.writestr("../evil", "a")
    with pytest.raises(ForeignError, match="leads out of it"):
        unpack_zip(path, target)


def test_what_is_no_archive_is_said_to_be_none(tmp_path: Path, target: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"<html>sign in</html>")
    with pytest.raises(ForeignError, match="cannot be unpacked"):
        unpack_tar(path, target)
    with pytest.raises(ForeignError, match="cannot be unpacked"):
        unpack_zip(path, target)
