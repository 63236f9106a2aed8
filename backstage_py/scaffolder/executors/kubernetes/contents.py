"""What the pods of one attempt get of its workspace, packed once: for a later pod only what changed is packed anew."""

import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from backstage_py.errors import AuthenticationError
from backstage_py.folders import receiving
from backstage_py.folders.packing import Packer
from backstage_py.folders.receiving import Bounds
from backstage_py.scaffolder.executors.kubernetes.depots import Depot

SENT = "sent"


class Contents:
    """The workspace of an attempt, and a store for what travels; methods but ``drop`` and ``close`` block.

    Args:
        root: the workspace.
        bounds: what it may hold.
        depot: the attempt's part of a bucket; None without one.
    """

    def __init__(self, root: Path, bounds: Bounds, depot: Depot | None = None) -> None:
        self.root = root
        self.bounds = bounds
        self.depot = depot
        self._lock = threading.Lock()
        self._store: Path | None = None
        self._packer: Packer | None = None
        self._numbers = count(1)
        self._unwanted: set[str] = set()
        self._is_closed = False

    def new_folder(self) -> str:
        """Return the name of a folder of the store, for one session."""
        return f"session-{next(self._numbers)}"

    @contextmanager
    def held(self) -> Iterator[Path]:
        """Have the store and the workspace, alone, until the block is left.

        Raises:
            AuthenticationError: the attempt is over.
        """
        try:
            with self._lock:
                self.check()
                if self._store is None:
                    prefix = f"{self.root.name}_step-sent-"  # as all that is beside a workspace, and goes with it
                    self._store = Path(tempfile.mkdtemp(prefix=prefix, dir=self.root.parent))
                    (self._store / SENT).mkdir()
                yield self._store
        finally:
            self._tidy()

    def check(self) -> None:
        """Make sure that the attempt is not over; a pod that is lost may yet have its last change made as a whole.

        Raises:
            AuthenticationError: it is.
        """
        if self._is_closed:
            raise AuthenticationError("The attempt is over")

    def manifest(self, store: Path) -> bytes:
        """Return what the workspace holds now; the store has its blobs then. For who holds it."""
        packer = self._packer or self.packer(self.root, self._largest)
        self._packer = None  # should the disk be full, the next one packs all anew
        for name, content in packer.pack():
            (store / SENT / name).write_bytes(content)
        self._packer = packer
        found = packer.manifest()
        wanted = {blob.name for blob in found.blobs()}
        for path in (store / SENT).iterdir():
            if path.name not in wanted:
                path.unlink()
        return found.as_bytes()

    def packer(self, folder: Path, largest: int) -> Packer:
        """Return what packs a folder for this attempt's pods."""
        return Packer(folder, self.depot.seal if self.depot else bytes, largest)

    def drop(self, folder: str) -> None:
        """Remove a session's folder as soon as nobody works with the store."""
        self._unwanted.add(folder)
        self._tidy()

    def close(self) -> None:
        """Want nothing more; the store goes when nobody works with it."""
        self._is_closed = True
        self._tidy()

    @property
    def _largest(self) -> int:
        return 2 * self.bounds.size + receiving.LARGEST_BLOB

    def _tidy(self) -> None:
        """Remove what is unwanted, unless somebody works, who does it when he is done."""
        while (self._unwanted or self._is_closed) and self._lock.acquire(blocking=False):
            try:
                if self._store is None:
                    self._unwanted.clear()
                elif self._is_closed:
                    shutil.rmtree(self._store, ignore_errors=True)
                    self._store = None
                else:
                    shutil.rmtree(self._store / self._unwanted.pop(), ignore_errors=True)
                    continue
            finally:
                self._lock.release()
            return
