"""Snapshots of workspaces: what is stored of them, what comes back, and what is refused."""

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from backstage_py.disk import MIB, QuotaError
from backstage_py.errors import BackstageError
from backstage_py.folders import packing
from backstage_py.model.task import Claim, ClaimLost, TaskStatus, Transition
from backstage_py.plugin import ActionContext, action
from backstage_py.scaffolder.snapshots.archives import Archives
from backstage_py.scaffolder.snapshots.providers import FolderBlobs
from backstage_py.scaffolder.snapshots.snapshots import Snapshots
from backstage_py.scaffolder.snapshots.store import Outside, SnapshotStore
from backstage_py.scaffolder.snapshots.taker import SnapshotTaker
from backstage_py.settings.sections import ScaffolderSettings, TaskRecoverySettings
from backstage_py.storage.database import Database
from backstage_py.storage.scaffolder.claims import ClaimStore
from backstage_py.storage.scaffolder.snapshots import SnapshotTable
from backstage_py.storage.scaffolder.tables import blobs, snapshots
from backstage_py.storage.scaffolder.tasks import TaskStore
from backstage_py.storage.scaffolder.upkeep import TaskUpkeep
from backstage_py.storage.scaffolder.workspaces import WorkspaceTable
from tests.scaffolder.harness import database_url, template, world
from tests.storage import boxes, fresh

BOX = boxes.box(b"k" * 32)
BIG = 20 * MIB


@dataclass
class Keeping:
    """One task, its claims, and where its snapshots are kept."""

    database: Database
    outside: Outside | None
    folder: Path
    claim: Claim
    largest: int = 256 * MIB

    @property
    def claims(self) -> ClaimStore:
        return ClaimStore(self.database, BOX)

    @property
    def kept(self) -> Snapshots:
        store = SnapshotStore(SnapshotTable(self.database), BOX, self.outside)
        return Snapshots(store, Archives(WorkspaceTable(self.database, BOX), self.outside, self.largest), self.largest)

    async def taker(self) -> SnapshotTaker:
        self.folder.mkdir(exist_ok=True)
        return await self.kept.begin(self.claim, self.folder)

    async def claim_again(self) -> None:
        upkeep = TaskUpkeep(self.database, self.claims._feed)
        await upkeep.recover(await upkeep.running())
        [self.claim] = await self.claims.claim("next", 1, keep_secrets=True)

    async def restored(self, position: int, folder: Path) -> SnapshotTaker:
        found = await self.kept.find(self.claim, position)
        assert found is not None
        folder.mkdir()
        return await self.kept.restore(found, self.claim, folder)

    async def positions(self) -> list[int]:
        query = sa.select(snapshots.c.position).order_by(snapshots.c.position)
        return list(await self.database.read(lambda connection: connection.execute(query).scalars().all()))

    async def stored(self) -> int:
        """The bytes of all blobs that are stored."""
        query = sa.select(blobs.c.size)
        return sum(await self.database.read(lambda connection: connection.execute(query).scalars().all()))

    async def blobs(self) -> int:
        query = sa.select(blobs.c.name)
        return len(await self.database.read(lambda connection: connection.execute(query).all()))


@asynccontextmanager
async def keeping(tmp_path: Path, outside: Outside | None = None) -> AsyncIterator[Keeping]:
    database = Database(database_url.get() or f"sqlite:///{tmp_path / 'tasks.sqlite'}")
    try:
        await fresh.upgrade(database)
        await TaskStore(database, BOX).create('{"steps": [{}, {}]}', created_by=None, secrets={}, starts_over=False)
        [claim] = await ClaimStore(database, BOX).claim("first", 1, keep_secrets=True)
        yield Keeping(database, outside, tmp_path / "workspace", claim)
    finally:
        await database.close()


def settle(folder: Path) -> None:
    """Wait until a change of a file surely has another mark."""
    newest = max(path.lstat().st_ctime for path in folder.rglob("*"))
    while time.time() < newest + 0.15:
        time.sleep(0.01)


def tree(folder: Path) -> dict[str, Any]:
    """What a folder holds: the content and mode of files, the targets of links, None for folders."""
    found: dict[str, Any] = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = str(path.readlink())
        elif path.is_dir():
            found[name] = None
        else:
            found[name] = (path.read_bytes(), path.stat().st_mode & 0o7777, path.stat().st_mtime_ns)
    return found


async def test_all_that_a_workspace_holds_comes_back(tmp_path: Path) -> None:
    async with keeping(tmp_path) as k:
        take = await k.taker()
        (k.folder / "src/empty").mkdir(parents=True)
        (k.folder / "src/run.sh").write_text("echo hello")
        (k.folder / "src/run.sh").chmod(0o755)
        (k.folder / "src/secret").write_text("hidden")
        (k.folder / "src/secret").chmod(0o400)
        (k.folder / "nothing").touch()
        (k.folder / "big").write_bytes(os.urandom(BIG))
        Path(os.fsdecode(bytes(k.folder) + b"/not-utf-8-\xff")).write_text("odd")
        (k.folder / "src/link").symlink_to("../big")
        (k.folder / "dangling").symlink_to("src/nowhere")
        os.mkfifo(k.folder / "pipe")
        await take(0)
        (k.folder / "pipe").unlink()
        (k.folder / "src/secret").chmod(0o600)
        await k.restored(0, tmp_path / "there")
        assert tree(tmp_path / "there") == tree(k.folder)


async def test_rights_that_others_must_not_have_do_not_come_back(tmp_path: Path) -> None:
    async with keeping(tmp_path) as k:
        take = await k.taker()
        for name, mode in {"all": 0o777, "as-root": 0o4755, "odd": 0o611}.items():
            (k.folder / name).touch()
            (k.folder / name).chmod(mode)
        await take(0)
        await k.restored(0, tmp_path / "there")
        modes = {path.name: path.stat().st_mode & 0o7777 for path in (tmp_path / "there").iterdir()}
        assert modes == {"all": 0o755, "as-root": 0o755, "odd": 0o600}


async def test_a_step_that_changed_nothing_stores_nothing(tmp_path: Path) -> None:
    async with keeping(tmp_path) as k:
        take = await k.taker()
        await take(0)
        assert (await k.positions(), await k.blobs()) == ([0], 0)
        (k.folder / "a").write_text("a")
        await take(1)
        settle(k.folder)
        for position in (2, 3, 4):
            await take(position)
        assert (await k.positions(), await k.blobs()) == ([0, 1], 1)
        (k.folder / "a").touch()
        await take(5)
        assert await k.positions() == [0, 1]
        await k.restored(5, tmp_path / "there")
        assert (tmp_path / "there/a").read_text() == "a"


async def test_only_what_changed_is_stored_and_a_content_once(tmp_path: Path) -> None:
    async with keeping(tmp_path) as k:
        take = await k.taker()
        for number in range(20):
            (k.folder / f"f{number}").write_bytes(os.urandom(10_000))
        await take(0)
        first = await k.stored()
        (k.folder / "f1").write_bytes(os.urandom(1_000))
        (k.folder / "f2").rename(k.folder / "moved")
        (k.folder / "copy").write_bytes((k.folder / "f3").read_bytes())
        (k.folder / "f4").unlink()
        (k.folder / "f5").chmod(0o755)
        await take(1)
        assert first > 200_000
        assert await k.stored() - first < 1_500
        expected = tree(k.folder)
        await k.restored(1, tmp_path / "there")
        assert tree(tmp_path / "there") == expected


async def test_a_change_that_leaves_size_and_times_is_noticed(tmp_path: Path) -> None:
    async with keeping(tmp_path) as k:
        take = await k.taker()
        file = k.folder / "a"
        for position, content in enumerate("abcdefgh"):
            file.write_text(content)
            os.utime(file, ns=(1, 1))
            await take(position)
        await k.restored(7, tmp_path / "there")
        assert (tmp_path / "there/a").read_text() == "h"


async def test_an_attempt_goes_on_from_the_snapshot_of_another_and_shares_its_blobs(tmp_path: Path) -> None:
    async with keeping(tmp_path) as k:
        take = await k.taker()
        (k.folder / "a").write_bytes(os.urandom(50_000))
        await take(0)
        (k.folder / "b").write_text("of a step that was not recorded")
        await take(1)
        first = await k.stored()
        await k.claim_again()
        again = await k.restored(0, tmp_path / "there")
        assert await k.positions() == [0]
        await again(1)
        assert await k.positions() == [0]
        (tmp_path / "there/b").write_text("of the second attempt")
        await again(2)
        assert await k.stored() - first < 500
        await k.claim_again()
        await k.restored(2, tmp_path / "elsewhere")
        assert (tmp_path / "elsewhere/b").read_text() == "of the second attempt"
        assert (tmp_path / "elsewhere/a").read_bytes() == (k.folder / "a").read_bytes()


async def test_an_attempt_that_starts_over_uses_nothing_of_earlier_ones(tmp_path: Path) -> None:
    async with keeping(tmp_path) as k:
        take = await k.taker()
        for position in range(4):
            (k.folder / "a").write_text(f"first {position}")
            await take(position)
        await k.claim_again()
        k.folder = tmp_path / "second"
        take = await k.taker()
        (k.folder / "a").write_text("second")
        for position in range(4):
            await take(position)
        await k.restored(3, tmp_path / "there")
        assert (tmp_path / "there/a").read_text() == "second"


async def test_a_lost_attempt_changes_no_snapshot(tmp_path: Path) -> None:
    async with keeping(tmp_path, FolderBlobs(tmp_path / "blobs")) as k:
        take = await k.taker()
        (k.folder / "a").write_text("first")
        await take(0)
        await k.claim_again()
        (k.folder / "a").write_text("late")
        with pytest.raises(ClaimLost):
            await take(1)
        (k.folder / "a").write_text("later")
        with pytest.raises(ClaimLost):
            await take(0)
        await k.restored(1, tmp_path / "there")
        assert (tmp_path / "there/a").read_text() == "first"


@pytest.mark.parametrize("outside", [False, True])
async def test_what_no_step_needs_any_more_is_dropped(tmp_path: Path, outside: bool) -> None:
    folder = tmp_path / "blobs"
    async with keeping(tmp_path, FolderBlobs(folder) if outside else None) as k:
        take = await k.taker()
        for position in range(6):
            (k.folder / "a").write_bytes(os.urandom(1_000))
            await take(position)
        assert (await k.positions(), await k.blobs()) == ([4, 5], 2)
        assert len(list(folder.rglob("*-*/*"))) == (2 if outside else 0)
        await k.kept.store.collect()
        assert await k.blobs() == 2
        await k.claims.record(k.claim, Transition(end=TaskStatus.COMPLETED))
        await k.kept.store.collect()
        assert (await k.positions(), await k.blobs()) == ([], 0)
        assert not outside or list(folder.iterdir()) == []


async def test_files_that_come_and_go_do_not_pile_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "_BLOB", 100_000)
    async with keeping(tmp_path) as k:
        take = await k.taker()
        for position in range(30):
            (k.folder / f"small{position}").write_bytes(os.urandom(100))
            (k.folder / "large").write_bytes(os.urandom(90_000))
            await take(position)
        assert await k.stored() < 500_000
        expected = tree(k.folder)
        await k.restored(29, tmp_path / "there")
        assert tree(tmp_path / "there") == expected


async def test_nothing_is_readable_where_it_is_kept(tmp_path: Path) -> None:
    async with keeping(tmp_path, FolderBlobs(tmp_path / "blobs")) as k:
        take = await k.taker()
        (k.folder / "password-file").write_text("the password " * 100)
        await take(0)
    kept = b"".join(path.read_bytes() for path in [*tmp_path.glob("tasks*"), *tmp_path.glob("blobs/*/*")])
    assert b"password" not in kept


async def test_a_blob_that_was_changed_or_is_gone_is_refused(tmp_path: Path) -> None:
    async with keeping(tmp_path, FolderBlobs(tmp_path / "blobs")) as k:
        take = await k.taker()
        (k.folder / "a").write_text("a")
        await take(0)
        [blob] = [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]
        content = blob.read_bytes()
        blob.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(BackstageError, match="was changed"):
            await k.restored(0, tmp_path / "there")
        blob.unlink()
        with pytest.raises(BackstageError, match="is gone"):
            await k.restored(0, tmp_path / "elsewhere")


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "a/../../outside", ".."])
async def test_a_link_that_leads_out_is_refused(tmp_path: Path, target: str) -> None:
    async with keeping(tmp_path) as k:
        take = await k.taker()
        (k.folder / "link").symlink_to(target)
        await take(0)
        with pytest.raises(BackstageError, match="leads out"):
            await k.restored(0, tmp_path / "there")
        assert list((tmp_path / "there").iterdir()) == []


@pytest.mark.parametrize("path", ["../outside", "/outside", "a/../../outside", "a//b", "a/."])
async def test_a_path_that_leaves_its_folder_is_refused(tmp_path: Path, path: str) -> None:
    async with keeping(tmp_path) as k:
        take = await k.taker()
        (k.folder / "a").write_text("a")
        await take(0)
        found = await k.kept.find(k.claim, 0)
        assert found is not None
        assert found.base is not None
        at, manifest = found.base
        forged = replace(manifest, files={path: manifest.files["a"]})
        (tmp_path / "there").mkdir()
        with pytest.raises(BackstageError, match="leaves it"):
            await k.kept.restore(replace(found, base=(at, forged)), k.claim, tmp_path / "there")
        assert not (tmp_path / "outside").exists()


async def test_a_snapshot_that_is_too_large_is_refused(tmp_path: Path) -> None:
    async with keeping(tmp_path) as k:
        k.largest = MIB
        take = await k.taker()
        (k.folder / "zeros").write_bytes(bytes(BIG))
        await take(0)
        (k.folder / "random").write_bytes(os.urandom(MIB // 2))
        await take(1)
        (k.folder / "more").write_bytes(os.urandom(MIB // 2))
        with pytest.raises(QuotaError, match="snapshotLimitBytes"):
            await take(2)


@pytest.mark.parametrize("is_outside", [False, True])
async def test_what_is_left_for_the_version_before_is_gone_when_its_steps_run_again(
    tmp_path: Path, is_outside: bool
) -> None:
    async with keeping(tmp_path, FolderBlobs(tmp_path / "blobs") if is_outside else None) as k:
        take = await k.taker()
        await take.leave_archive()  # no step has completed
        assert await k.kept.archives.load(k.claim.id, 0) is None
        (k.folder / "a").write_text("a")
        os.mkfifo(k.folder / "pipe")
        await take(0)
        await take.leave_archive()
        await take(1)
        await take.leave_archive()
        await k.claim_again()
        found = await k.kept.find(k.claim, 0, is_archived=True)
        assert found is not None
        (tmp_path / "there").mkdir()
        await k.kept.restore(found, k.claim, tmp_path / "there")
        assert [path.name for path in (tmp_path / "there").iterdir()] == ["a"]
        assert await k.kept.archives.load(k.claim.id, 1) is None
        await k.claim_again()
        take = await k.taker()
        assert await k.kept.archives.load(k.claim.id, 0) is None
        await take(0)
        await take.leave_archive()
        await take.forget_archives()
        assert is_outside is (await k.kept.archives.load(k.claim.id, 0) is None)


@action("test:nothing")
def nothing(ctx: ActionContext[dict[str, Any]]) -> None:
    """Do nothing."""


async def test_snapshots_of_a_task_are_gone_when_it_has_ended(tmp_path: Path) -> None:
    settings = ScaffolderSettings(recovery=TaskRecoverySettings(enabled=True), workspace_serialization="database")
    async with world(tmp_path, nothing, settings=settings) as w:
        await w.run(template({"id": "a", "action": "test:nothing"}, {"id": "b", "action": "test:nothing"}))
        query = sa.select(sa.func.count()).select_from(snapshots)
        assert await w.database.read(lambda connection: connection.execute(query).scalar()) == 0
