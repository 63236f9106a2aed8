"""A task's workspace as pods get it and give it back: manifests and blobs, of which only what is new travels.

What comes from a pod is checked before it counts, and the folder changes only when all of it is there.
"""

import hashlib
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backstage_py.disk import QuotaError, amount
from backstage_py.errors import AuthenticationError, InputError
from backstage_py.folders import changing, receiving
from backstage_py.folders.manifest import Blob
from backstage_py.folders.packing import Packer
from backstage_py.folders.receiving import Bounds
from backstage_py.metrics.executors import WORKSPACE_BYTES

_MOST_TREES = 100


class SentWorkspace:
    """The workspace of one attempt; all methods but ``close`` block, and may be called from several threads.

    Args:
        root: the workspace.
        bounds: what it may hold.
    """

    def __init__(self, root: Path, bounds: Bounds) -> None:
        self._root = root
        self._bounds = bounds
        self._lock = threading.Lock()
        self._store: Path | None = None
        self._packer = Packer(root, bytes, 2 * bounds.size + receiving.LARGEST_BLOB)
        self._trees: dict[str, bytes] = {}
        self._received = 0
        self._is_closed = False

    def manifest(self) -> bytes:
        """Return what the workspace holds now; its blobs can be had then."""
        with self._held() as store:
            for name, content in self._packer.pack():
                (store / name).write_bytes(content)
            return self._packer.manifest().as_bytes()

    def keep_tree(self, target: str, folder: Path) -> None:
        """Pack a folder, which the pod wants at a place of its own."""
        with self._held() as store:
            packer = Packer(folder, bytes, self._bounds.size)
            for name, content in packer.pack():
                (store / name).write_bytes(content)
            while len(self._trees) >= _MOST_TREES:
                self._trees.pop(next(iter(self._trees)))
            self._trees[target] = packer.manifest().as_bytes()

    def tree(self, target: str) -> bytes:
        """Return the manifest of what was kept for a place.

        Raises:
            InputError: nothing was.
        """
        if (found := self._trees.get(target)) is None:
            raise InputError("Nothing was read for this place")
        return found

    def blob(self, name: str) -> Path:
        """Return the file of a blob.

        Raises:
            InputError: there is none.
        """
        with self._held() as store:
            path = store / name
            if not (receiving.is_blob_name(name) and path.is_file()):
                raise InputError("There is no such part of the workspace")
            WORKSPACE_BYTES.inc("down", amount=path.stat().st_size)
            return path

    def add_blob(self, name: str, content: bytes) -> None:
        """Keep a blob for a manifest that comes later.

        Raises:
            InputError: its name is not that of its bytes. QuotaError: it is too much.
        """
        if not receiving.is_blob_name(name) or hashlib.sha256(content).hexdigest() != name:
            raise InputError("The name of a part of the workspace is the SHA-256 of its bytes")
        with self._held() as store:
            self._received += len(content)
            WORKSPACE_BYTES.inc("up", amount=len(content))
            if self._received > 2 * self._bounds.size + receiving.LARGEST_BLOB:
                raise QuotaError(f"The workspace is larger than {amount(self._bounds.size)}")
            (store / name).write_bytes(content)

    def change(self, manifest: bytes) -> list[str]:
        """Make the workspace what a manifest says, unless parts are missing, whose names are returned.

        Raises:
            InputError: it is no manifest, or a part is not what it names. QuotaError: it is too much.
        """
        wanted = receiving.manifest(manifest, self._bounds)
        with self._held() as store:
            files = changing.lacking(self._root, wanted)
            blobs = {part.blob.name for file in files.values() for part in file.parts}
            if missing := sorted(name for name in blobs if not (store / name).is_file()):
                return missing

            def content(blob: Blob) -> bytes:
                if self._is_closed:
                    raise AuthenticationError("The call is over")
                return receiving.blob(blob, (store / blob.name).read_bytes())

            changing.change(self._root, wanted, files, content)
        return []

    def close(self) -> None:
        """Send and take nothing more; the store goes when nobody works with it."""
        self._is_closed = True
        if self._lock.acquire(blocking=False):
            try:
                self._drop_if_closed()
            finally:
                self._lock.release()

    @contextmanager
    def _held(self) -> Iterator[Path]:
        with self._lock:
            if self._is_closed:
                raise AuthenticationError("The call is over")
            if self._store is None:
                self._store = Path(tempfile.mkdtemp(prefix=f"{self._root.name}_sent-", dir=self._root.parent))
            try:
                yield self._store
            finally:
                self._drop_if_closed()

    def _drop_if_closed(self) -> None:
        if self._is_closed and self._store:
            shutil.rmtree(self._store, ignore_errors=True)
            self._store = None
