"""The workspace of a task in a pod: fetched before a step, and what the step changed sent back behind it."""

from pathlib import Path

from backstage_py.errors import BackstageError
from backstage_py.execution.http_calls import Calls
from backstage_py.folders import changing, manifest, receiving
from backstage_py.folders.manifest import Blob
from backstage_py.folders.packing import Packer
from backstage_py.model import json

_NO_BOUND = 1 << 62


class Carrier:
    """Carries one folder; for one thread at a time."""

    def __init__(self, calls: Calls, root: Path) -> None:
        self._calls = calls
        self._root = root
        self._packer: Packer | None = None

    def fetch(self) -> Path:
        """Make the folder what the service has, and return it; what is the same does not travel."""
        self._root.mkdir(exist_ok=True)
        wanted = manifest.parse(self._calls.call("GET", "workspace"))
        changing.change(self._root, wanted, changing.lacking(self._root, wanted), self._blob)
        self._packer = Packer(self._root, bytes, _NO_BOUND, wanted)
        return self._root

    def send(self) -> None:
        """Make the service's folder what this one is.

        Raises:
            BackstageError: it does not take it, as with a quota that is used up.
        """
        if self._packer is None:
            return
        if self._send_new(self._packer):
            return
        self._packer = Packer(self._root, bytes, _NO_BOUND)  # the service has lost parts: they are all packed anew
        if not self._send_new(self._packer):
            raise BackstageError("The workspace could not be sent back: its parts were lost on the way")

    def fetch_tree(self, target: Path) -> None:
        """Write into a folder what the service has read for it."""
        wanted = manifest.parse(self._calls.call("POST", "trees", str(target).encode()))
        target.mkdir(parents=True, exist_ok=True)
        changing.add(target, wanted, self._blob)

    def _blob(self, blob: Blob) -> bytes:
        return receiving.blob(blob, self._calls.fetch(f"blobs/{blob.name}"))

    def _send_new(self, packer: Packer) -> bool:
        """Send what changed; return whether the service has everything then."""
        for name, content in packer.pack():
            self._calls.call("PUT", f"blobs/{name}", content)
        if not packer.has_changed:
            return True
        answer = json.parse(self._calls.call("PUT", "workspace", packer.manifest().as_bytes()))
        return not answer["missing"]
