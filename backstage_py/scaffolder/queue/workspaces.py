"""The folders of running tasks, and their snapshots for tasks that go on somewhere else.

A task's folder is ``<working directory>/<task id>``. It is removed when the task ends, and kept when its worker dies,
so that a recovered task goes on with it. With ``scaffolder.taskRecovery.workspaceProvider`` a snapshot is saved
behind each step, so that the worker that goes on may be another machine's.
"""

import asyncio
import importlib
import io
import os
import re
import shutil
import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, Protocol, TypeVar

from backstage_py import extras, threads
from backstage_py.disk import MIB, QuotaError, amount
from backstage_py.errors import BackstageError, SettingsError
from backstage_py.model.json import Json

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

P = ParamSpec("P")
T = TypeVar("T")
_TASK_FOLDER = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:_step-.*)?")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FEW = 256


class WorkspaceLost(BackstageError):  # noqa: N818  # what happened, as with ClaimLost
    """A task cannot go on: what its completed steps made is neither here nor in a snapshot."""


class Snapshots(Protocol):
    """Where snapshots are kept. One is named by the task and the position of the step that it was taken behind."""

    async def save(self, task_id: str, position: int, archive: bytes) -> None:
        """Keep a snapshot."""

    async def load(self, task_id: str, position: int) -> bytes | None:
        """Return a snapshot, None when there is none."""

    async def delete(self, task_id: str, positions: Sequence[int]) -> None:
        """Drop these snapshots of a task, as far as they exist."""


class WorkspaceFolders:
    """Makes, restores and removes the folders of tasks.

    Args:
        root: the working directory.
        snapshots: where snapshots are kept, None when they are off.
        largest: bytes of a snapshot.
    """

    def __init__(self, root: Path, snapshots: Snapshots | None = None, *, largest: int = 256 * MIB) -> None:
        self._root = root
        self._largest = largest
        self._snapshots = snapshots

    @property
    def keeps_snapshots(self) -> bool:
        """Whether a task can go on without its folder."""
        return self._snapshots is not None

    def path(self, task_id: str) -> Path:
        """Return the folder of a task; it need not exist."""
        return self._root / task_id

    async def open(self, task_id: str, *, behind: int | None) -> Path:
        """Return the task's folder, ready for the step after ``behind``, or empty for a run from the start.

        Raises:
            WorkspaceLost: steps have completed, and what they made is gone.
        """
        path = self.path(task_id)
        if behind is None:
            try:
                path.mkdir(parents=True)
            except FileExistsError:
                await _file_work(_empty, path)
            return path
        archive = await self._snapshots.load(task_id, behind) if self._snapshots else None
        if archive is not None:
            await _file_work(_restore, path, archive)
        elif not path.is_dir():
            raise WorkspaceLost(
                "The workspace of this task is not on this machine and no snapshot of it was kept; start the task "
                "again, and set scaffolder.taskRecovery.workspaceProvider to keep snapshots"
            )
        return path

    async def save(self, task_id: str, position: int) -> None:
        """Keep a snapshot of the folder as it is behind a step.

        Raises:
            QuotaError: it is larger than allowed.
        """
        if self._snapshots:
            archive = await _file_work(_archive, self.path(task_id), self._largest)
            await self._snapshots.save(task_id, position, archive)

    async def prune(self, task_id: str, positions: Sequence[int]) -> None:
        """Drop snapshots that a newer one has replaced."""
        if self._snapshots and positions:
            await self._snapshots.delete(task_id, positions)

    async def remove(self, task_id: str, *, leftovers: bool) -> None:
        """Remove the folder; with ``leftovers`` also what actions of a run that was killed left beside it."""
        folders = [self.path(task_id), *(self._root.glob(f"{task_id}_step-*") if leftovers else ())]
        await remove_folders(folders)

    def left_behind(self) -> dict[str, list[Path]]:
        """Return the folders that are named after a task, by that task."""
        found: dict[str, list[Path]] = {}
        for path in self._root.iterdir():
            if (named := _TASK_FOLDER.fullmatch(path.name)) and path.is_dir():
                found.setdefault(named[1], []).append(path)
        return found


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


async def remove_folders(folders: Iterable[Path]) -> None:
    """Remove folders, as far as they exist: small ones at once, others in a thread."""
    for folder in folders:
        if not _removed_at_once(folder):
            await _file_work(remove_tree, folder)


def _removed_at_once(folder: Path) -> bool:
    """Remove a folder with few entries; False when something is left of it. No link is followed."""
    try:
        _clear(os.open(folder, _FOLDER), _FEW)
        folder.rmdir()
    except FileNotFoundError:
        return not os.path.lexists(folder)
    except (OSError, _TooManyError):
        return False
    return True


class _TooManyError(Exception):
    """A folder holds more than can be removed in a moment."""


def _clear(descriptor: int, left: int) -> int:
    """Empty an open folder and close it; return how many more entries may go.

    Raises:
        _TooManyError: there are more; some of them are gone.
    """
    try:
        with os.scandir(descriptor) as entries:
            found = list(entries)
        left -= len(found)
        if left < 0:
            raise _TooManyError
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                left = _clear(os.open(entry.name, _FOLDER, dir_fd=descriptor), left)
                os.rmdir(entry.name, dir_fd=descriptor)
            else:
                os.unlink(entry.name, dir_fd=descriptor)
    finally:
        os.close(descriptor)
    return left


def remove_tree(path: Path) -> None:
    """Remove a folder even where an action took away the right to write in it. What stays is left to the operator."""

    def make_writable(function: object, failed: str, _error: object) -> None:
        del function
        target = Path(failed)
        try:
            target.parent.chmod(0o700)
            if target.is_dir() and not target.is_symlink():
                target.chmod(0o700)
                shutil.rmtree(target, ignore_errors=True)
            else:
                target.unlink(missing_ok=True)
        except OSError:
            return

    shutil.rmtree(path, onerror=make_writable)


def _empty(path: Path) -> None:
    if path.exists():
        remove_tree(path)
    path.mkdir(parents=True, mode=0o755)


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


def _archive(path: Path, most: int) -> bytes:
    buffer = _Bounded(most)
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        archive.add(path, arcname=".")
    return buffer.getvalue()


def _restore(path: Path, archive: bytes) -> None:
    """Unpack a snapshot of ours. Links that leave the folder are refused: the bucket may not be ours alone."""
    _empty(path)
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as content:
        content.extractall(path, filter="data")


def _file_work(function: Callable[P, T], *args: P.args, **named: P.kwargs) -> "asyncio.Future[T]":
    """Do file work to its end, even for a caller who is cancelled: nothing else may use the folder meanwhile."""
    return asyncio.shield(threads.file_work(function, *args, **named))


def _s3_call(function: Callable[P, T], *args: P.args, **named: P.kwargs) -> "asyncio.Future[T]":
    return asyncio.shield(threads.remote_call("s3", function, *args, **named))
