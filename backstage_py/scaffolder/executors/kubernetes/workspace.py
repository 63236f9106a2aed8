"""A task's workspace as a pod gets it and gives it back: manifests and blobs, of which only what is new travels.

What comes from a pod is checked before it counts, and the folder changes only when all of it is there.
"""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from backstage_py.disk import QuotaError, amount
from backstage_py.errors import AuthenticationError, InputError
from backstage_py.folders import changing, receiving
from backstage_py.folders.manifest import Blob
from backstage_py.integrations.bucket import Link
from backstage_py.metrics.executors import WORKSPACE_BYTES
from backstage_py.scaffolder.executors.kubernetes.contents import SENT, Contents
from backstage_py.scaffolder.executors.kubernetes.depots import Depot

_MOST_TREES = 100
_LEAST = 64 * 1024  # bytes that a blob counts as: many small ones would be many files


@dataclass(frozen=True, slots=True)
class _Tree:
    """What was read for a place in the pod.

    Attributes:
        folder: of the store, with its blobs.
        size: bytes of them.
    """

    manifest: bytes
    folder: str
    size: int


class SentWorkspace:
    """The workspace of an attempt for one session; all methods but ``close`` block, and may be called by several.

    Args:
        contents: of the attempt.
    """

    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        self._bounds = contents.bounds
        self._folder = contents.new_folder()
        self._trees: dict[str, _Tree] = {}
        self._made = 0
        self._sizes: dict[str, int] = {}
        self._taken = 0
        self._is_closed = False

    @property
    def depot(self) -> Depot | None:
        """The attempt's part of a bucket."""
        return self._contents.depot

    def manifest(self) -> bytes:
        """Return what the workspace holds now; its blobs can be had then."""
        with self._held() as (store, _):
            return self._contents.manifest(store)

    def keep_tree(self, target: str, folder: Path) -> None:
        """Pack a folder, which the pod wants at a place of its own; what was kept longest may go for it."""
        with self._held() as (_, own):
            packer = self._contents.packer(folder, self._bounds.size)
            self._made += 1
            name, size = f"tree-{self._made}", 0
            (own / name).mkdir()
            for blob, content in packer.pack():
                (own / name / blob).write_bytes(content)
                size += len(content)
            self._forget_tree(own, target)
            while self._trees and (len(self._trees) >= _MOST_TREES or self._tree_bytes + size > self._most):
                self._forget_tree(own, next(iter(self._trees)))
            self._trees[target] = _Tree(packer.manifest().as_bytes(), name, size)

    def tree(self, target: str) -> bytes:
        """Return the manifest of what was kept for a place.

        Raises:
            InputError: nothing was.
        """
        if (found := self._trees.get(target)) is None:
            raise InputError("Nothing was read for this place")
        return found.manifest

    def blob(self, name: str) -> Path:
        """Return the file of a blob.

        Raises:
            InputError: there is none.
        """
        path = self._sent(name)
        WORKSPACE_BYTES.inc("down", "http", amount=path.stat().st_size)
        return path

    def link(self, name: str) -> Link | None:
        """Return what reads a blob from the bucket, put there if it must be; None for one that is to go over HTTP.

        Raises:
            InputError: there is no such blob.
        """
        path = self._sent(name)
        return self.depot.link(name, path) if self.depot else None

    def offer(self, name: str, size: int) -> Link | None:
        """Return what writes a blob for a later manifest into the bucket; None for one that is to come over HTTP.

        Raises:
            InputError: it is none. QuotaError: it is too much.
        """
        if not receiving.is_blob_name(name) or not 0 < size <= receiving.LARGEST_BLOB:
            raise InputError(
                f"A part of the workspace is named by its SHA-256, and has up to {receiving.LARGEST_BLOB} bytes"
            )
        with self._held():
            self._count(name, size)
        return self.depot.link_to_put(self._folder, name, size) if self.depot else None

    def collect(self, name: str) -> None:
        """Take a blob from the bucket that was offered.

        Raises:
            InputError: it is not there, or not what was offered.
        """
        is_known = receiving.is_blob_name(name) and name in self._sizes
        found = self.depot.take(self._folder, name, self._sizes[name]) if self.depot and is_known else None
        if found is None:
            raise InputError("This part of the workspace is not in the bucket; send it")
        with self._held() as (_, own):
            (own / name).write_bytes(found)

    def add_blob(self, name: str, content: bytes) -> None:
        """Keep a blob for a manifest that comes later.

        Raises:
            InputError: its name is not that of its bytes. QuotaError: it is too much.
        """
        if not receiving.is_blob_name(name) or hashlib.sha256(content).hexdigest() != name:
            raise InputError("The name of a part of the workspace is the SHA-256 of its bytes")
        with self._held() as (_, own):
            self._count(name, len(content))
            WORKSPACE_BYTES.inc("up", "http", amount=len(content))
            (own / name).write_bytes(content)

    def change(self, manifest: bytes) -> list[str]:
        """Make the workspace what a manifest says, unless parts are missing, whose names are returned.

        Raises:
            InputError: it is no manifest, or a part is not what it names. QuotaError: it is too much.
        """
        wanted = receiving.manifest(manifest, self._bounds)
        unseal = self.depot.unseal if self.depot else bytes
        with self._held() as (store, own):
            files = changing.lacking(self._contents.root, wanted)
            blobs = {id(part.blob): part.blob for file in files.values() for part in file.parts}
            paths = {blob.name: self._found(blob.name, own, store / SENT) for blob in blobs.values()}
            if missing := sorted(name for name, path in paths.items() if path is None):
                return missing

            def content(blob: Blob) -> bytes:
                self._contents.check()
                path = paths[blob.name]
                return receiving.blob(blob, path.read_bytes() if path else b"", unseal)

            for one in blobs.values():
                content(one)  # what is wrong with a part is known before anything is changed
            changing.change(self._contents.root, wanted, files, content)
            self._forget_received(own)
        return []

    def close(self) -> None:
        """Send and take nothing more; what was kept for the session goes when nobody works with it."""
        self._is_closed = True
        self._contents.drop(self._folder)

    @property
    def _most(self) -> int:
        return 2 * self._bounds.size + receiving.LARGEST_BLOB

    @property
    def _tree_bytes(self) -> int:
        return sum(one.size for one in self._trees.values())

    def _count(self, name: str, size: int) -> None:
        size = max(size, _LEAST)
        more = max(0, size - self._sizes.get(name, 0))
        if self._taken + more > self._most:
            raise QuotaError(f"The workspace is larger than {amount(self._bounds.size)}")
        self._sizes[name] = size
        self._taken += more

    def _sent(self, name: str) -> Path:
        with self._held() as (store, own):
            folders = (store / SENT, *(own / tree.folder for tree in self._trees.values()))
            if path := self._found(name, *folders):
                return path
        raise InputError("There is no such part of the workspace")

    def _found(self, name: str, *folders: Path) -> Path | None:
        if not receiving.is_blob_name(name):
            return None
        return next((path for folder in folders if (path := folder / name).is_file()), None)

    def _forget_tree(self, own: Path, target: str) -> None:
        if found := self._trees.pop(target, None):
            shutil.rmtree(own / found.folder, ignore_errors=True)

    def _forget_received(self, own: Path) -> None:
        """What came is part of the workspace now, and counts no more."""
        for path in own.iterdir():
            if path.is_file():
                self._taken -= self._sizes.pop(path.name, 0)
                path.unlink()

    def _check_open(self) -> None:
        if self._is_closed:
            raise AuthenticationError("The call is over")

    @contextmanager
    def _held(self) -> Iterator[tuple[Path, Path]]:
        """Yield the store of the attempt, and the folder of the session in it."""
        self._check_open()
        with self._contents.held() as store:
            self._check_open()
            own = store / self._folder
            own.mkdir(exist_ok=True)
            yield store, own
