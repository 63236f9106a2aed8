"""Snapshots of workspaces, for tasks that go on somewhere else: one behind each step."""

import asyncio
import importlib
import io
import tarfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, Protocol, TypeVar

from backstage_py import extras, threads
from backstage_py.disk import QuotaError, amount
from backstage_py.errors import SettingsError
from backstage_py.model.json import Json

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

P = ParamSpec("P")
T = TypeVar("T")


class Snapshots(Protocol):
    """Where snapshots are kept. One is named by the task and the position of the step that it was taken behind."""

    async def save(self, task_id: str, position: int, archive: bytes) -> None:
        """Keep a snapshot."""

    async def load(self, task_id: str, position: int) -> bytes | None:
        """Return a snapshot, None when there is none."""

    async def delete(self, task_id: str, positions: Sequence[int]) -> None:
        """Drop these snapshots of a task, as far as they exist."""


class FolderSnapshots:
    """Snapshots as files of a folder, e.g. of a network file system that all workers see."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def save(self, task_id: str, position: int, archive: bytes) -> None:
        """Keep a snapshot; it appears whole or not at all."""

        def write() -> None:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            part = self._file(task_id, position).with_suffix(".part")
            part.write_bytes(archive)
            part.replace(self._file(task_id, position))

        await _file_work(write)

    async def load(self, task_id: str, position: int) -> bytes | None:
        """Return a snapshot, None when there is none."""
        file = self._file(task_id, position)
        return await _file_work(lambda: file.read_bytes() if file.is_file() else None)

    async def delete(self, task_id: str, positions: Sequence[int]) -> None:
        """Drop snapshots."""
        for position in positions:
            self._file(task_id, position).unlink(missing_ok=True)

    def _file(self, task_id: str, position: int) -> Path:
        return self._folder / f"{task_id}-{position}.tar.gz"


class S3Snapshots:
    """Snapshots as objects of an S3-compatible bucket, through ``boto3`` (an extra, imported when first used).

    Args:
        options: ``bucket``, and optionally ``prefix``, ``region``, ``endpoint``, ``accessKeyId``, ``secretAccessKey``.
    """

    def __init__(self, options: Mapping[str, Json]) -> None:
        self._options = options
        self._client: Json = None

    async def save(self, task_id: str, position: int, archive: bytes) -> None:
        """Keep a snapshot."""
        await _s3_call(
            lambda: self._s3().put_object(Bucket=self._bucket, Key=self._key(task_id, position), Body=archive)
        )

    async def load(self, task_id: str, position: int) -> bytes | None:
        """Return a snapshot, None when there is none."""

        def read() -> bytes | None:
            client = self._s3()
            try:
                answer = client.get_object(Bucket=self._bucket, Key=self._key(task_id, position))
            except client.exceptions.NoSuchKey:
                return None
            content: bytes = answer["Body"].read()
            return content

        return await _s3_call(read)

    async def delete(self, task_id: str, positions: Sequence[int]) -> None:
        """Drop snapshots."""
        for position in positions:
            key = self._key(task_id, position)
            await _s3_call(self._delete, key)

    def _delete(self, key: str) -> None:
        self._s3().delete_object(Bucket=self._bucket, Key=key)

    @property
    def _bucket(self) -> str:
        return str(self._options["bucket"])

    def _key(self, task_id: str, position: int) -> str:
        return f"{self._options.get('prefix', 'scaffolder-workspaces/')}{task_id}-{position}.tar.gz"

    def _s3(self) -> Json:
        if self._client is None:
            extras.require("Keeping workspaces in S3", "s3")
            boto3 = importlib.import_module("boto3")
            self._client = boto3.client(
                "s3",
                region_name=self._options.get("region"),
                endpoint_url=self._options.get("endpoint"),
                aws_access_key_id=self._options.get("accessKeyId"),
                aws_secret_access_key=self._options.get("secretAccessKey"),
            )
        return self._client


def snapshots_of(provider: str | None, options: Mapping[str, Json], database: Snapshots) -> Snapshots | None:
    """Return the snapshots that ``scaffolder.taskRecovery`` asks for.

    Args:
        provider: ``database``, ``folder``, ``s3``, or None for off.
        options: the section, with the provider's own options below its name.
        database: what ``database`` means.

    Raises:
        SettingsError: the provider is unknown, or an option that it needs is missing.
    """
    key = "scaffolder.taskRecovery"
    own = options.get(provider or "") or {}
    if provider is None:
        return None
    if provider == "database":
        return database
    if provider == "folder":
        if not own.get("path"):
            raise SettingsError(f"{key}.folder.path", "expected the folder for workspace snapshots")
        return FolderSnapshots(Path(own["path"]))
    if provider in {"s3", "awsS3"}:
        if not own.get("bucket"):
            raise SettingsError(f"{key}.{provider}.bucket", "expected the bucket for workspace snapshots")
        return S3Snapshots(own)
    raise SettingsError(f"{key}.workspaceProvider", f"expected 'database', 'folder' or 's3', not '{provider}'")


class _Bounded(io.BytesIO):
    """Takes as many bytes as allowed."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def write(self, content: "ReadableBuffer", /) -> int:
        if self.tell() + len(memoryview(content)) > self._most:
            raise QuotaError(
                f"The snapshot of the workspace is larger than {amount(self._most)} (scaffolder.snapshotLimitBytes)"
            )
        return super().write(content)


def archive(path: Path, most: int) -> bytes:
    """Pack a folder.

    Raises:
        QuotaError: it is larger than ``most`` bytes.
    """
    buffer = _Bounded(most)
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as written:
        written.add(path, arcname=".")
    return buffer.getvalue()


def restore(path: Path, content: bytes) -> None:
    """Unpack a snapshot of ours. Links that leave the folder are refused: the bucket may not be ours alone."""
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        archive.extractall(path, filter="data")


def _file_work(function: Callable[P, T], *args: P.args, **named: P.kwargs) -> "asyncio.Future[T]":
    """Do file work to its end, even for a caller who is cancelled: nothing else may use the folder meanwhile."""
    return asyncio.shield(threads.file_work(function, *args, **named))


def _s3_call(function: Callable[P, T], *args: P.args, **named: P.kwargs) -> "asyncio.Future[T]":
    return asyncio.shield(threads.remote_call("s3", function, *args, **named))
