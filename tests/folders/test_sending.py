"""A folder is made the same somewhere else, with only what is new; whoever sends it may be hostile."""

import hashlib
import json
import random
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backstage_py.disk import QuotaError
from backstage_py.errors import BackstageError, InputError
from backstage_py.folders import changing, receiving
from backstage_py.folders.manifest import Blob, Manifest
from backstage_py.folders.packing import Packer
from backstage_py.folders.receiving import Bounds

BOUNDS = Bounds(1_000_000, 1_000)
DIGEST = "a" * 64


class Sender:
    """Packs a folder again and again, and counts what travels."""

    def __init__(self, root: Path) -> None:
        self._packer = Packer(root, bytes, 100_000_000)
        self._kept: dict[str, bytes] = {}
        self.sent: list[str] = []

    def send(self, to: Path) -> None:
        self._kept.update(dict(self._packer.pack()))
        wanted = receiving.manifest(self._packer.manifest().as_bytes(), BOUNDS)
        self.sent.clear()
        changing.change(to, wanted, changing.lacking(to, wanted), self._fetch)

    def _fetch(self, blob: Blob) -> bytes:
        self.sent.append(blob.name)
        return receiving.blob(blob, self._kept[blob.name])


def seen(root: Path) -> dict[str, Any]:
    """What a folder holds, as a user of it sees it."""
    return {
        str(path.relative_to(root)): str(path.readlink())
        if path.is_symlink()
        else (path.read_bytes(), path.stat().st_mode & 0o100)
        if path.is_file()
        else None
        for path in root.rglob("*")
    }


def test_a_folder_becomes_the_other_whatever_it_held(tmp_path: Path) -> None:
    drawn = random.Random(20)
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    sender = Sender(here)
    for _ in range(40):
        _change(drawn, here)
        sender.send(there)
        assert seen(there) == seen(here)
        sender.send(there)
        assert sender.sent == []
        if drawn.random() < 0.3:
            _change(drawn, there)
            sender.send(there)
            assert seen(there) == seen(here)


def _change(drawn: random.Random, root: Path) -> None:
    """Put files, folders and links in each other's place."""
    for _ in range(drawn.randrange(1, 6)):
        path = root.joinpath(*(drawn.choice("abc") for _ in range(drawn.randrange(1, 4))))
        if any(one.is_symlink() or one.is_file() for one in path.parents if one != root and root in one.parents):
            continue
        if path.is_symlink() or path.is_file():
            path.unlink()
        elif path.is_dir():
            shutil.rmtree(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        kind = drawn.randrange(4)
        if kind == 0:
            path.mkdir()
        elif kind == 1:
            path.symlink_to(drawn.choice(["x", "b"]))
        else:
            path.write_bytes(drawn.randbytes(drawn.choice([0, 10, 3000])))
            path.chmod(drawn.choice([0o644, 0o755]))


def test_nothing_is_written_through_a_link_that_was_there(tmp_path: Path) -> None:
    here, there, outside = tmp_path / "here", tmp_path / "there", tmp_path / "outside"
    for folder in (here / "a", there, outside):
        folder.mkdir(parents=True)
    (here / "a" / "file").write_text("new")
    (there / "a").symlink_to(outside)
    Sender(here).send(there)
    assert (there / "a" / "file").read_text() == "new"
    assert list(outside.iterdir()) == []


def manifest(**parts: Any) -> bytes:
    plain = {"version": 1, "blobs": [], "folders": [], "links": [], "files": []} | parts
    return zlib.compress(json.dumps(plain).encode())


def a_file(path: str = "f", *, parts: Any = (), size: Any = 0, digest: Any = DIGEST, mode: Any = 0o644) -> list[Any]:
    return [path, mode, 0, size, digest, parts]


BLOB = [DIGEST, 10, 10]
HOSTILE: dict[str, Callable[[], bytes]] = {
    "no zlib": lambda: b"{}",
    "no JSON": lambda: zlib.compress(b"{"),
    "deep": lambda: zlib.compress(b"[" * 200_000),
    "cut off": lambda: manifest()[:-6],
    "no object": lambda: zlib.compress(b"[]"),
    "a path upwards": lambda: manifest(files=[a_file("../f")]),
    "an absolute path": lambda: manifest(folders=["/etc"]),
    "a path that is a number": lambda: manifest(folders=[1]),
    "a path of nothing": lambda: manifest(files=[a_file("")]),
    "a link upwards": lambda: manifest(links=[["l", "../x"]]),
    "an absolute link": lambda: manifest(links=[["l", "/etc/passwd"]]),
    "a file below a link": lambda: manifest(links=[["l", "x"]], files=[a_file("l/f")]),
    "a file twice": lambda: manifest(folders=["f"], files=[a_file("f")]),
    "a negative size": lambda: manifest(files=[a_file(size=-1)]),
    "a size that is none": lambda: manifest(files=[a_file(size=True)]),
    "a digest that is a path": lambda: manifest(files=[a_file(digest="../" + "a" * 61)]),
    "a blob that is a path": lambda: manifest(blobs=[["../x", 10, 10]], files=[a_file(parts=[[0, 0, 10]], size=10)]),
    "a part outside of its blob": lambda: manifest(blobs=[BLOB], files=[a_file(parts=[[0, 5, 10]], size=10)]),
    "a size that its parts have not": lambda: manifest(blobs=[BLOB], files=[a_file(parts=[[0, 0, 10]], size=11)]),
    "a blob of a gigabyte": lambda: manifest(blobs=[[DIGEST, 10, 2**30]], files=[a_file(parts=[[0, 0, 10]], size=10)]),
    "a blob that is not there": lambda: manifest(files=[a_file(parts=[[3, 0, 1]], size=1)]),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_manifest_is_refused(name: str) -> None:
    with pytest.raises(InputError):
        receiving.manifest(HOSTILE[name](), BOUNDS)


def test_too_much_is_refused_before_it_is_read() -> None:
    with pytest.raises(BackstageError, match="larger than 64"):
        receiving.manifest(zlib.compress(b" " * 70_000_000, 1), BOUNDS)
    many = manifest(folders=[f"{one}" for one in range(2_000)])
    with pytest.raises(QuotaError, match="workspaceLimitFiles"):
        receiving.manifest(many, BOUNDS)
    same = [[0, 0, 10]] * 200_000
    with pytest.raises(QuotaError, match="workspaceLimitBytes"):
        receiving.manifest(manifest(blobs=[BLOB], files=[a_file(parts=same, size=2_000_000)]), BOUNDS)


def test_a_blob_must_be_the_one_that_the_manifest_names(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"content")
    packer = Packer(tmp_path, bytes, 1_000)
    [(name, content)] = packer.pack()
    [blob] = packer.manifest().blobs()
    assert blob.name == name
    assert receiving.blob(blob, content) == b"content"
    for changed in (content + b"x", content[:-1], zlib.compress(b"kontent")):
        with pytest.raises(InputError):
            receiving.blob(blob, changed)
    bomb = zlib.compress(b"\0" * 5_000_000)
    forged = Blob(hashlib.sha256(bomb).hexdigest(), len(bomb), 7)
    with pytest.raises(InputError, match="larger"):
        receiving.blob(forged, bomb)


def test_an_empty_manifest_is_one() -> None:
    assert receiving.manifest(Manifest().as_bytes(), BOUNDS).as_bytes() == Manifest().as_bytes()
