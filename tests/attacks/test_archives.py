"""An archive of a repository writes what it shows, below the folder that it is unpacked to, or nothing at all."""

import io
import json
import struct
import tarfile
import zipfile
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from backstage_py.errors import BackstageError, ForeignError
from backstage_py.integrations.hosts import archives
from backstage_py.integrations.hosts.archives import Bounds, unpack_tar, unpack_zip
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.integrations.hosts.url_reading import UrlReading, listed
from backstage_py.integrations.web.http import HttpClient
from backstage_py.model.scm import ScmIntegration
from tests.actions.harness import Task
from tests.integrations.web_host import WebHost

Member = tuple[tarfile.TarInfo, bytes]
Fetch = Callable[[bytes], Awaitable[None]]


def member(name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, target: str = "", **pax: str) -> Member:
    info = tarfile.TarInfo(f"repo-abc/{name}")
    info.pax_headers = pax
    info.size, info.type, info.linkname = len(content), kind, target
    return info, content


def link(name: str, target: str) -> Member:
    return member(name, kind=tarfile.SYMTYPE, target=target)


def hard(name: str, target: str) -> Member:
    return member(name, kind=tarfile.LNKTYPE, target=target)


def tarball(*members: Member) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return written.getvalue()


def zipped(*members: tuple[str, bytes, int]) -> bytes:
    """Names, contents and Unix modes."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, mode in members:
            info = zipfile.ZipInfo(name)
            info.external_attr, info.compress_type = mode << 16, zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return written.getvalue()


FILE, LINK = 0o100644, 0o120777


@pytest.fixture
async def fetch(task: Task, victim: WebHost) -> AsyncIterator[Fetch]:
    """Fetches a repository whose host sends this archive."""
    host = ScmIntegration("github", victim.authority, "", victim.url, None, None, {})
    victim.text("/repos/o/r/commits/main", json.dumps({"sha": "abc"}))
    registry = ScmRegistry([host])
    async with HttpClient(listed(registry, [])) as http:
        task.services = replace(task.services, url_reader=UrlReading(http, registry, []), integrations=registry)

        async def fetch_(archive: bytes) -> None:
            victim.text("/repos/o/r/tarball/abc", archive)
            await task.run("fetch:plain", {"url": f"{victim.url}/o/r/tree/main/"})

        yield fetch_


@pytest.fixture
async def fetch_zip(task: Task, victim: WebHost) -> AsyncIterator[Fetch]:
    """As ``fetch``, from Azure."""
    host = ScmIntegration("azure", victim.authority, "", None, None, None, {})
    repository = "/o/p/_apis/git/repositories/r"
    victim.text(f"{repository}/commits", json.dumps({"value": [{"commitId": "abc"}]}))
    registry = ScmRegistry([host])
    async with HttpClient(listed(registry, [])) as http:
        task.services = replace(task.services, url_reader=UrlReading(http, registry, []), integrations=registry)

        async def fetch_(archive: bytes) -> None:
            victim.text(f"{repository}/items", archive)
            await task.run("fetch:plain", {"url": f"{victim.url}/o/p/_git/r?version=GBmain"})

        yield fetch_


LOOPS = [
    [link("a", "a")],
    [link("a", "b"), link("b", "a")],
    [link("a", "b/x"), link("b", "a/x")],
    [link("d/a", "../d/a/b")],
    [link(f"l{number}", f"l{number + 1}") for number in range(45)],
]
CHAINS = [
    [link("a", "d/e"), link("d/e", "f/../.."), link("up", "a/../x")],
    [link("here", "."), link("up", "here/../etc/passwd")],
    [link("here", "."), link("up", "here/here/../here/..")],
    [link("x/deep", "../y"), link("y", "."), link("up", "x/deep/../.."), link("z", "x/deep/../secret")],
]
CONTRADICTIONS = [
    [member("d", kind=tarfile.DIRTYPE), link("d", "e"), member("d/x", b"1")],
    [link("d", "e"), member("d/x", b"1")],
    [member("d/x", b"1"), link("d", "e")],
    [member("f", b"1"), member("f/x", b"1")],
    [member("f", b"1"), link("f", "e")],
    [link("f", "e"), member("f", b"1")],
    [link("f", "e"), link("f", "g")],
]
CLIMBING = [
    [member("../../evil", b"1")],
    [member("a/../../../evil", b"1")],
    [member("a\\..\\..\\evil", b"1")],
    [(tarfile.TarInfo("/etc/evil"), b"")],
    [member("x" * 256, b"1")],
    [member("d/" * 2100 + "x", b"1")],
]


@pytest.mark.parametrize("members", [*LOOPS, *CHAINS, *CONTRADICTIONS, *CLIMBING])
async def test_what_leads_out_or_nowhere_is_refused_before_anything_is_written(
    task: Task, fetch: Fetch, tmp_path: Path, members: list[Member], monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []
    monkeypatch.setattr(archives._Unpacked, "place", lambda _self, name: written.append(Path(name)))
    with pytest.raises(ForeignError, match="archive"):
        await fetch(tarball(member("before", b"1"), *members))
    assert (written, task.tree()) == ([], {})
    assert not list(tmp_path.rglob("evil"))


async def test_links_that_stay_inside_are_kept_as_they_are(task: Task, fetch: Fetch) -> None:
    chain = [link(f"l{number}", f"l{number + 1}") for number in range(39)]
    await fetch(tarball(member("d/x", b"1"), link("a", "d"), link("b", "a/x"), link("d/up", "../d/./x"), *chain))
    root = task.workspace.root
    assert root.joinpath("b").read_bytes() == root.joinpath("d/up").read_bytes() == b"1"
    assert root.joinpath("l0").readlink() == Path("l1")


async def test_links_out_hard_links_and_devices_are_left_out(task: Task, fetch: Fetch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    special = [member(f"s{kind!r}", kind=kind) for kind in (tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)]
    outward = [link("a", "/etc/passwd"), link("b", "../secret"), link("c", "d/../../secret")]
    hards = [hard("h", "/etc/passwd"), hard("i", "../../secret"), hard("j", "repo-abc/x")]
    await fetch(tarball(member("x", b"1"), *special, *outward, *hards))
    assert task.tree() == {"x": b"1"}


async def test_an_archive_as_large_as_its_bounds_is_unpacked_and_no_larger(tmp_path: Path) -> None:
    path = tmp_path / "a.tgz"
    path.write_bytes(tarball(*(member(f"f{number}", b"0" * 100) for number in range(20))))
    for number, (exact, above) in enumerate(
        [(Bounds(members=20), Bounds(members=19)), (Bounds(size=2000), Bounds(size=1999))]
    ):
        target = tmp_path / f"t{number}"
        target.mkdir()
        with pytest.raises(ForeignError, match="more than"):
            unpack_tar(path, target, bounds=above)
        assert list(target.iterdir()) == []
        unpack_tar(path, target, bounds=exact)
        assert len(list(target.iterdir())) == 20


def zeros(size: int) -> bytes:
    return tarball(member("zeros", bytes(size)))


async def test_a_bomb_is_refused_by_its_ratio_and_a_small_one_is_no_bomb(task: Task, fetch: Fetch) -> None:
    await fetch(zeros(32 * 1024 * 1024))
    assert len(task.tree()["zeros"]) == 32 * 1024 * 1024
    with pytest.raises(ForeignError, match="200 times its size"):
        await fetch(zeros(32 * 1024 * 1024 + 1))


async def test_a_bomb_that_is_nobodys_file_is_refused_too(fetch: Fetch) -> None:
    """Members that are left out have to be read over; headers are read whole into memory."""
    info, _ = hard("h", "x")
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        info.size = 1 << 40
        tar.addfile(info)
    huge = tarfile.TarInfo("././@PaxHeader")
    huge.type, huge.size = tarfile.XHDTYPE, 1 << 40
    longer = replace_type(huge, tarfile.GNUTYPE_LONGNAME)
    for header in (huge, longer):
        with pytest.raises(ForeignError, match="header"):
            await fetch(zlib_gzip(header.tobuf() + bytes(1024)))
    with pytest.raises(ForeignError):
        await fetch(data.getvalue())


def replace_type(info: tarfile.TarInfo, kind: bytes) -> tarfile.TarInfo:
    found = tarfile.TarInfo(info.name)
    found.size, found.type = info.size, kind
    return found


def zlib_gzip(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=31)
    return packer.compress(content) + packer.flush()


@pytest.mark.parametrize(
    "archive",
    [
        b"",
        b"<html>sign in</html>",
        tarball(member("x", b"1" * 5000))[:60],
        zlib_gzip(b"\0" * 511),
        zlib_gzip(b"x" * 5000),
        tarball(member("x", b"1", size="-1")),
        zlib_gzip(b"".join(replace_type(tarfile.TarInfo("p"), tarfile.XHDTYPE).tobuf() for _ in range(3000))),
        zlib_gzip(replace_type(tarfile.TarInfo("p"), tarfile.GNUTYPE_LONGNAME).tobuf() * 3000),
    ],
    ids=["empty", "html", "cut", "short", "text", "size", "headers", "long names"],
)
async def test_what_is_broken_is_an_error_with_a_sentence(task: Task, fetch: Fetch, archive: bytes) -> None:
    with pytest.raises(ForeignError, match="archive"):
        await fetch(archive)
    assert task.tree() == {}


@pytest.mark.parametrize(
    "members",
    [
        [("../evil", b"1", FILE)],
        [("/etc/evil", b"1", FILE)],
        [("a\\..\\..\\evil", b"1", FILE)],
        [("a", b"a", LINK)],
        [("a", b"b", LINK), ("b", b"a", LINK)],
        [("here", b".", LINK), ("up", b"here/here/../..", LINK), ("deep/x", b"../here/..", LINK)],
        [("d/", b"", 0o40755), ("d", b"e", LINK)],
        [("d", b"e", LINK), ("d/x", b"1", FILE)],
        [("zeros", bytes(33 * 1024 * 1024), FILE)],
    ],
)
async def test_a_zip_obeys_the_same_rules(task: Task, fetch_zip: Fetch, members: list[tuple[str, bytes, int]]) -> None:
    with pytest.raises(ForeignError, match="archive"):
        await fetch_zip(zipped(("before", b"1", FILE), *members))
    assert task.tree() == {}


async def test_a_zip_is_unpacked_with_its_links(task: Task, fetch_zip: Fetch) -> None:
    await fetch_zip(zipped(("d/x", b"1", FILE), ("a", b"d/x", LINK), ("out", b"/etc/passwd", LINK)))
    assert task.workspace.root.joinpath("a").read_bytes() == b"1"
    assert not task.workspace.root.joinpath("out").is_symlink()


def nul_name() -> bytes:
    return zipped(("aZ/evil", b"1", FILE)).replace(b"aZ/evil", b"a\0/evil")


def overlapping() -> bytes:
    """Many members that share one compressed body, as in the bomb of David Fifield."""
    body = zlib_deflate(bytes(4 * 1024 * 1024))
    local = struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, 8, 0, 0, 0, len(body), 4 * 1024 * 1024, 1, 0) + b"a" + body
    entries = b"".join(
        struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, 0, 8, 0, 0, 0, len(body), 4194304, 4, 0, 0, 0, 0, 0, 0)
        + b"%04d" % number
        for number in range(2000)
    )
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 2000, 2000, len(entries), len(local), 0)
    return local + entries + end


def zlib_deflate(content: bytes) -> bytes:
    packer = zlib.compressobj(9, wbits=-15)
    return packer.compress(content) + packer.flush()


def large_directory() -> bytes:
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 0xFFFF, 0xFFFF, 65 * 1024 * 1024, 0, 0)
    return zipped(("x", b"1", FILE))[:-22] + end


def encrypted() -> bytes:
    whole = bytearray(zipped(("x", b"1", FILE)))
    whole[whole.index(b"PK\1\2") + 8] |= 1
    whole[6] |= 1
    return bytes(whole)


@pytest.mark.parametrize("make", [nul_name, overlapping, large_directory, encrypted])
async def test_a_zip_that_no_tool_makes_is_refused(task: Task, fetch_zip: Fetch, make: Callable[[], bytes]) -> None:
    with pytest.raises(ForeignError, match="archive"):
        await fetch_zip(make())
    assert task.tree() == {}


async def test_the_claims_of_a_zip_are_not_believed(tmp_path: Path) -> None:
    content = bytearray(zipped(("x", b"1" * 5000, FILE)))
    for signature, at in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
        struct.pack_into("<I", content, content.index(signature) + at, 10)
    path, target = tmp_path / "a.zip", tmp_path / "t"
    target.mkdir()
    path.write_bytes(content)
    with pytest.raises(ForeignError):
        unpack_zip(path, target, bounds=Bounds(size=100))
    assert sum(file.stat().st_size for file in target.iterdir()) <= 100


@pytest.mark.parametrize("name", ["out", "d/out"])
async def test_what_is_zipped_does_not_lie_outside_the_workspace(task: Task, tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text("secret")
    (task.workspace.root / "d").mkdir()
    (task.workspace.root / name).symlink_to(tmp_path / "secret")
    with pytest.raises(BackstageError):
        await task.run("roadiehq:utils:zip", {"path": ".", "outputPath": "a.zip"})
    assert not (task.workspace.root / "a.zip").exists()
