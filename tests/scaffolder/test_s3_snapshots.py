"""Workspace snapshots in a bucket: the real client (``boto3``) against a server that speaks S3 (``moto``)."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from backstage_py.disk import MIB
from backstage_py.model.task import TaskStatus, Transition
from backstage_py.scaffolder.snapshots.providers import outside_of
from backstage_py.scaffolder.snapshots.store import Outside
from backstage_py.storage.scaffolder.tables import blobs
from tests.scaffolder.test_snapshots import keeping, tree

if TYPE_CHECKING:
    from tests.s3 import Server

pytest.importorskip("boto3", reason="the extra 's3' (boto3) is not installed")
pytest.importorskip("moto.server", reason="moto[server] of the dependency group 'dev' is not installed")
s3 = pytest.importorskip("tests.s3")


@pytest.fixture(scope="module")
def server() -> Iterator["Server"]:
    with s3.serving() as found:
        yield found


@pytest.fixture
def bucket(server: "Server", tmp_path: Path) -> Outside:
    bucket = f"bucket-{tmp_path.name.replace('_', '-')}".lower()
    server.new_bucket(bucket)
    keys = {"accessKeyId": "service", "secretAccessKey": s3.SECRET, "region": s3.REGION}
    found = outside_of("s3", {"s3": {"bucket": bucket, "endpoint": server.url, **keys}})
    assert found is not None
    return found


async def test_a_workspace_is_restored_on_another_machine(bucket: Outside, tmp_path: Path) -> None:
    async with keeping(tmp_path, bucket) as k:
        take = await k.taker()
        (k.folder / "src").mkdir()
        program = k.folder / "src" / "run.sh"
        program.write_text("echo hello")
        program.chmod(0o755)
        await take(0)
        (k.folder / "big").write_bytes(os.urandom(20 * MIB))
        await take(1)

        await k.restored(1, tmp_path / "there")

        assert tree(tmp_path / "there") == tree(k.folder)


async def test_blobs_that_are_dropped_are_gone(bucket: Outside) -> None:
    await asyncio.gather(*(bucket.put(f"task/{name}", b"content") for name in "abc"))
    await bucket.delete(["task/a", "task/b", "task/none"])
    assert [await bucket.get(f"task/{name}") for name in "abc"] == [None, None, b"content"]


async def test_an_ended_task_leaves_no_blob(bucket: Outside, tmp_path: Path) -> None:
    async with keeping(tmp_path, bucket) as k:
        take = await k.taker()
        (k.folder / "a").write_text("a")
        await take(0)
        query = sa.select(blobs.c.name)
        names = list(await k.database.read(lambda connection: connection.execute(query).scalars().all()))
        assert await bucket.get(f"{k.claim.id}/{names[0]}")
        await k.claims.record(k.claim, Transition(end=TaskStatus.COMPLETED))
        await k.kept.store.collect()
        assert await bucket.get(f"{k.claim.id}/{names[0]}") is None
