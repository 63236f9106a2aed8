"""Places for blobs outside of the database: a folder that all workers see, or a bucket."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ParamSpec, TypeVar

from backstage_py import threads
from backstage_py.errors import SettingsError
from backstage_py.integrations.bucket import Bucket, Place
from backstage_py.model.json import Json
from backstage_py.scaffolder.snapshots.store import Outside

P = ParamSpec("P")
T = TypeVar("T")


class FolderBlobs:
    """Blobs as files of a folder, e.g. of a network file system."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, key: str, content: bytes) -> None:
        """Keep a blob; it appears whole or not at all."""

        def write() -> None:
            file = self._folder / key
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            part = file.with_name(f"{file.name}.part")
            part.write_bytes(content)
            part.replace(file)

        await threads.file_work(write)

    async def get(self, key: str) -> bytes | None:
        """Return a blob, None when there is none."""
        file = self._folder / key
        return await threads.file_work(lambda: file.read_bytes() if file.is_file() else None)

    async def delete(self, keys: Sequence[str]) -> None:
        """Drop blobs, and the folders that are empty then."""

        def remove() -> None:
            for key in keys:
                (self._folder / key).unlink(missing_ok=True)
            for folder in {(self._folder / key).parent for key in keys} - {self._folder}:
                if folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()

        await threads.file_work(remove)


class S3Blobs:
    """Blobs as objects of a bucket.

    Args:
        options: ``bucket``, and optionally ``prefix``, ``region``, ``endpoint``, ``accessKeyId``, ``secretAccessKey``.
    """

    def __init__(self, options: Mapping[str, Json]) -> None:
        given = (options.get(name) for name in ("region", "endpoint", "accessKeyId", "secretAccessKey"))
        self._bucket = Bucket(Place(str(options["bucket"]), *given), "Keeping workspaces in S3")
        self._prefix = str(options.get("prefix", "scaffolder-workspaces/"))

    async def put(self, key: str, content: bytes) -> None:
        """Keep a blob."""
        await _s3_call(self._bucket.put, self._prefix + key, content)

    async def get(self, key: str) -> bytes | None:
        """Return a blob, None when there is none."""
        return await _s3_call(self._bucket.get, self._prefix + key)

    async def delete(self, keys: Sequence[str]) -> None:
        """Drop blobs."""
        await _s3_call(self._bucket.delete, [self._prefix + key for key in keys])


def outside_of(provider: str | None, options: Mapping[str, Json]) -> Outside | None:
    """Return where ``scaffolder.taskRecovery`` wants blobs to be; None for the database, and when they are off.

    Args:
        provider: ``database``, ``folder``, ``s3``, or None for off.
        options: the section, with the provider's own options below its name.

    Raises:
        SettingsError: the provider is unknown, or an option that it needs is missing.
    """
    key = "scaffolder.taskRecovery"
    own = options.get(provider or "") or {}
    if provider in {None, "database"}:
        return None
    if provider == "folder":
        if not own.get("path"):
            raise SettingsError(f"{key}.folder.path", "expected the folder for workspace snapshots")
        return FolderBlobs(Path(own["path"]))
    if provider in {"s3", "awsS3"}:
        if not own.get("bucket"):
            raise SettingsError(f"{key}.{provider}.bucket", "expected the bucket for workspace snapshots")
        return S3Blobs(own)
    raise SettingsError(f"{key}.workspaceProvider", f"expected 'database', 'folder' or 's3', not '{provider}'")


def _s3_call(function: Callable[P, T], *args: P.args, **named: P.kwargs) -> "asyncio.Future[T]":
    return asyncio.shield(threads.remote_call("s3", function, *args, **named))
