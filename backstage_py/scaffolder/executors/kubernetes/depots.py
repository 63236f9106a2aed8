"""Parts of a bucket over which workspaces travel: one for each attempt, gone with it.

The bucket's credentials stay here. A pod gets links, each for one object, one verb and a few minutes; what it may write
lies apart from what pods read, and is read back by its digest. All of it is sealed with a key of the attempt, which the
bucket never sees. A bucket that is away holds up nobody: there is no link then, and the workspace goes over HTTP.
"""

import hashlib
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog

from backstage_py import threads
from backstage_py.errors import BackstageError, ServiceUnavailableError
from backstage_py.execution import sealed
from backstage_py.integrations.bucket import Bucket, Link, Place
from backstage_py.metrics.executors import WORKSPACE_BYTES
from backstage_py.model.task import AttemptKey
from backstage_py.settings.sections.kubernetes_executor import BucketSettings

T = TypeVar("T")
LANE = "s3"
_log = structlog.get_logger(__name__)
_PAUSE = 30.0
_WHAT = "The setting 'scaffolder.executor.kubernetes.workspace.s3'"


class Depots:
    """The parts of this process and of others that work for the same database.

    Args:
        settings: which bucket, and how long links live.
        instance: tells our parts from those of another service.
    """

    def __init__(self, settings: BucketSettings, instance: str) -> None:
        place = Place(
            settings.bucket, settings.region, settings.endpoint, settings.access_key_id, settings.secret_access_key
        )
        self._bucket = Bucket(place, _WHAT)
        self._seen_by_pods = self._bucket.seen_from(settings.pod_endpoint) if settings.pod_endpoint else self._bucket
        self._root = f"{settings.prefix}{instance}/"
        self._seconds = settings.links
        self._away_until = 0.0

    def of(self, attempt: AttemptKey) -> "Depot":
        """Return the part of an attempt."""
        task_id, claim = attempt
        return Depot(self, f"{self._root}{task_id}.{claim}/")

    async def sweep(self, is_current: Callable[[AttemptKey], Awaitable[bool]]) -> int:
        """Drop what attempts have left that are over, whoever made it; return how many.

        Raises:
            ServiceUnavailableError: the bucket does not answer.
        """
        swept = 0
        for folder in await threads.remote_call(LANE, self._bucket.folders, self._root):
            task_id, _, claim = folder.removeprefix(self._root).rstrip("/").rpartition(".")
            if claim.isdecimal() and not await is_current((task_id, int(claim))):
                await threads.remote_call(LANE, self.drop, folder)
                swept += 1
        return swept

    def put(self, key: str, content: bytes) -> None:
        """Keep an object. Raises as ``Bucket``."""
        self._bucket.put(key, content)
        WORKSPACE_BYTES.inc("down", "s3", amount=len(content))

    def get(self, key: str, most: int) -> bytes | None:
        """Return an object and drop it. Raises as ``Bucket``."""
        content = self._bucket.get(key, most)
        if content is not None:
            WORKSPACE_BYTES.inc("up", "s3", amount=len(content))
            self._bucket.delete([key])
        return content

    def drop(self, folder: str) -> None:
        """Drop all objects of a part. Raises as ``Bucket``."""
        self._bucket.delete(self._bucket.keys(folder))

    def link(self, key: str) -> Link:
        """Return what reads an object."""
        return self._seen_by_pods.link(key, self._seconds)

    def link_to_put(self, key: str, digest: bytes, size: int) -> Link:
        """Return what writes one."""
        return self._seen_by_pods.link_to_put(key, digest, size, self._seconds)

    def tried(self, act: Callable[[], T]) -> T | None:
        """Return what is done with the bucket; None while that is away."""
        if time.monotonic() < self._away_until:
            return None
        try:
            return act()
        except ServiceUnavailableError as error:
            self._away_until = time.monotonic() + _PAUSE
            _log.warning("bucket_failed", problem=error.message)
            return None


@dataclass(slots=True)
class Depot:
    """The part of one attempt; its methods block.

    Attributes:
        key: for what lies there, which pods of the attempt get.
    """

    _of: Depots
    _folder: str
    key: bytes = field(default_factory=partial(secrets.token_bytes, sealed.KEY_BYTES), repr=False)
    _cipher: sealed.Sealed = field(init=False, repr=False)
    _there: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._cipher = sealed.Sealed(self.key)

    def seal(self, content: bytes) -> bytes:
        """Return what is stored of a blob."""
        return self._cipher.seal(content)

    def unseal(self, content: bytes) -> bytes:
        """Return what was sealed here or in a pod.

        Raises:
            UnsealError: it was not.
        """
        return self._cipher.unseal(content)

    def link(self, name: str, path: Path) -> Link | None:
        """Return what reads a blob, whose file is at a path; None while the bucket is away."""
        return self._of.tried(partial(self._linked, name, path))

    def link_to_put(self, folder: str, name: str, size: int) -> Link | None:
        """Return what writes a blob of this size for one session; None while the bucket is away."""
        return self._of.tried(partial(self._of.link_to_put, self._up(folder, name), bytes.fromhex(name), size))

    def take(self, folder: str, name: str, size: int) -> bytes | None:
        """Return what a pod has put; None when it is not what the link was for."""
        content = self._of.tried(partial(self._of.get, self._up(folder, name), size))
        return content if content is not None and hashlib.sha256(content).hexdigest() == name else None

    def close(self) -> None:
        """Drop all of it; what is left is found by the next sweep."""
        with suppress(BackstageError):
            self._of.tried(partial(self._of.drop, self._folder))

    def _linked(self, name: str, path: Path) -> Link:
        key = f"{self._folder}down/{name}"
        if name not in self._there:
            self._of.put(key, path.read_bytes())
            self._there.add(name)
        return self._of.link(key)

    def _up(self, folder: str, name: str) -> str:
        return f"{self._folder}up/{folder}/{name}"
