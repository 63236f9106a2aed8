"""Workspace snapshots in a bucket: the real client (``boto3``) against a server that speaks S3 (``moto``)."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backstage_py.scaffolder.queue.snapshots import Snapshots, archive, restore, snapshots_of

boto3 = pytest.importorskip("boto3", reason="the extra 's3' (boto3) is not installed")
moto_server = pytest.importorskip("moto.server", reason="moto[server] of the dependency group 'dev' is not installed")
KEYS = {"accessKeyId": "any", "secretAccessKey": "any", "region": "eu-central-1"}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def snapshots(endpoint: str, tmp_path: Path) -> Snapshots:
    bucket = f"bucket-{tmp_path.name.replace('_', '-')}".lower()
    client: Any = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=KEYS["region"],
        aws_access_key_id=KEYS["accessKeyId"],
        aws_secret_access_key=KEYS["secretAccessKey"],
    )
    client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": KEYS["region"]})
    found = snapshots_of("s3", {"s3": {"bucket": bucket, "endpoint": endpoint, **KEYS}}, None)  # type: ignore[arg-type]  # the database is not asked
    assert found is not None
    return found


async def test_a_workspace_is_restored_on_another_machine(snapshots: Snapshots, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    (here / "src").mkdir(parents=True)
    program = here / "src" / "run.sh"
    program.write_text("echo hello")
    program.chmod(0o755)
    await snapshots.save("task", 0, archive(here, 10_000))

    there.mkdir()
    restore(there, await snapshots.load("task", 0) or b"")

    assert (there / "src" / "run.sh").read_text() == "echo hello"
    assert (there / "src" / "run.sh").stat().st_mode & 0o111


async def test_a_replaced_snapshot_is_gone(snapshots: Snapshots) -> None:
    await asyncio.gather(*(snapshots.save("task", position, b"archive") for position in range(3)))
    await snapshots.delete("task", [0, 1, 7])
    assert [await snapshots.load("task", position) for position in range(3)] == [None, None, b"archive"]


async def test_tasks_do_not_see_each_others_snapshots(snapshots: Snapshots) -> None:
    await snapshots.save("one", 0, b"one")
    assert await snapshots.load("two", 0) is None
