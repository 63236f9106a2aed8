"""The workspace of a task in a pod: fetched before a step, and what the step changed sent back behind it.

Parts of it go through a bucket where the service has one, else over the execution API; so do those that the bucket does
not give, or not as they should be.
"""

import sys
from contextlib import suppress
from pathlib import Path

from backstage_py.errors import BackstageError, InputError
from backstage_py.execution import bucket, sealed
from backstage_py.execution.http_calls import Calls
from backstage_py.execution.sealed import Sealed
from backstage_py.folders import changing, manifest, receiving
from backstage_py.folders.manifest import Blob, Manifest
from backstage_py.folders.packing import Packer
from backstage_py.model import json

_NO_BOUND = 1 << 62


class Carrier:
    """Carries one folder; for one thread at a time."""

    def __init__(self, calls: Calls, root: Path) -> None:
        self._calls = calls
        self._root = root
        self._packer: Packer | None = None
        self._sealed: Sealed | None = None
        self._has_bucket = False

    def fetch(self) -> Path:
        """Make the folder what the service has, and return it; what is the same does not travel."""
        self._root.mkdir(exist_ok=True)
        answer = self._calls.ask("GET", "workspace")
        if (key := answer.headers.get(sealed.HEADER)) and self._sealed is None:
            self._sealed, self._has_bucket = Sealed(bytes.fromhex(key)), True
        wanted = manifest.parse(answer.content)
        changing.change(self._root, wanted, changing.lacking(self._root, wanted), self._blob)
        self._packer = self._new_packer(wanted)
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
        self._packer = self._new_packer()  # the service has lost parts: they are all packed anew
        if not self._send_new(self._packer):
            raise BackstageError("The workspace could not be sent back: its parts were lost on the way")

    def fetch_tree(self, target: Path) -> None:
        """Write into a folder what the service has read for it."""
        wanted = manifest.parse(self._calls.call("POST", "trees", str(target).encode()))
        target.mkdir(parents=True, exist_ok=True)
        changing.add(target, wanted, self._blob)

    def _new_packer(self, base: Manifest | None = None) -> Packer:
        return Packer(self._root, self._sealed.seal if self._sealed else bytes, _NO_BOUND, base)

    def _blob(self, blob: Blob) -> bytes:
        if self._has_bucket and (content := self._from_bucket(blob)) is not None:
            with suppress(InputError):
                return self._opened(blob, content)
        return self._opened(blob, self._calls.fetch(f"blobs/{blob.name}"))

    def _opened(self, blob: Blob, content: bytes) -> bytes:
        return receiving.blob(blob, content, self._sealed.unseal if self._sealed else bytes)

    def _from_bucket(self, blob: Blob) -> bytes | None:
        link = json.parse(self._calls.call("GET", f"blobs/{blob.name}/link"))
        if not link:
            return None
        found = bucket.download(str(link["url"]), blob.stored)
        if found is None:
            self._give_up_bucket()
        return found

    def _send_new(self, packer: Packer) -> bool:
        """Send what changed; return whether the service has everything then."""
        for name, content in packer.pack():
            if not (self._has_bucket and self._into_bucket(name, content)):
                self._calls.call("PUT", f"blobs/{name}", content)
        if not packer.has_changed:
            return True
        answer = json.parse(self._calls.call("PUT", "workspace", packer.manifest().as_bytes()))
        return not answer["missing"]

    def _into_bucket(self, name: str, content: bytes) -> bool:
        """Return whether the service has it by way of the bucket."""
        link = json.parse(self._calls.call("POST", f"blobs/{name}/link", str(len(content)).encode()))
        if not link:
            return False
        if not bucket.upload(str(link["url"]), link["headers"], content):
            self._give_up_bucket()
            return False
        try:
            self._calls.call("POST", f"blobs/{name}")
        except InputError:
            return False
        return True

    def _give_up_bucket(self) -> None:
        self._has_bucket = False
        words = "The bucket for workspaces does not answer this pod; what is left travels over the execution API"
        print(words, file=sys.stderr)  # noqa: T201  # the pod's log
