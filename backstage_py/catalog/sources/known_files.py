"""Files that a provider has seen while it read what there is: nobody has to ask for them again for a while.

GitHub gives each repository's catalog file along with the repository. Without this, ten thousand repositories would be
ten thousand requests for each interval of processing; with it they are the pages of one reading.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from backstage_py.errors import NotFoundError
from backstage_py.model.http import UrlContent
from backstage_py.plugin.services import UrlReader
from backstage_py.storage.catalog.reads import Kept, ReadStore

_OURS = "file:"
_DOUBTFUL = "\ufffd"
_LARGEST = 100_000


@dataclass(frozen=True, slots=True)
class KnownFiles:
    """What providers tell of files."""

    store: ReadStore

    async def tell(self, files: Iterable[tuple[str, str | None]], seconds: float) -> Sequence[str]:
        """Keep the texts of files by their URLs, and return the URLs of those that are new or have changed.

        Args:
            files: None is a file that is not there. A text that may not be the whole file is left out.
            seconds: for how long nobody need ask.
        """
        files = list(files)
        doubtful = [url for url, text in files if text is not None and not _is_whole(text)]
        kept = [
            Kept(f"{_OURS}{url}", None if text is None else text.encode(), text and _etag(text.encode()))
            for url, text in files
            if text is None or _is_whole(text)
        ]
        await self.forget(doubtful)
        changed = await self.store.put(kept, fresh=seconds)
        return [name.removeprefix(_OURS) for name in changed]

    async def forget(self, urls: Iterable[str]) -> None:
        """Have files asked for again."""
        if names := [f"{_OURS}{url}" for url in urls]:
            await self.store.forget(names)


@dataclass(frozen=True, slots=True)
class KnowingReader:
    """Implements ``UrlReader``: what providers know is not asked for.

    Attributes:
        inner: asks for everything else.
        store: what they know.
    """

    inner: UrlReader
    store: ReadStore

    async def read(self, url: str, *, etag: str | None = None, token: str | None = None) -> UrlContent | None:
        """Return a file; see ``UrlReader``."""
        known = None if token else await self.store.get(f"{_OURS}{url}", only_fresh=True)
        if known is not None:
            if known.body is None:
                raise NotFoundError(f"{url} is not there, as its host said when all its repositories were read")
            return None if etag == known.etag else UrlContent(known.body, known.etag)
        is_ours = etag is not None and etag.startswith(_OURS)
        found = await self.inner.read(url, etag=None if is_ours else etag, token=token)
        return None if found is not None and is_ours and _etag(found.content) == etag else found

    async def read_tree(
        self, url: str, target: Path, *, etag: str | None = None, token: str | None = None
    ) -> str | None:
        """Write a folder into ``target``; see ``UrlReader``."""
        return await self.inner.read_tree(url, target, etag=etag, token=token)

    def resolve(self, url: str, base: str) -> str:
        """Return ``url`` as seen from ``base``; see ``UrlReader``."""
        return self.inner.resolve(url, base)

    def same_repository(self, url: str, base: str) -> bool:
        """Say whether two files are of one repository; see ``UrlReader``."""
        return self.inner.same_repository(url, base)


def _is_whole(text: str) -> bool:
    """Return whether a text is surely a file's own: neither cut off, nor in another encoding, nor a link's target."""
    return len(text) <= _LARGEST and _DOUBTFUL not in text and "\n" in text.strip()


def _etag(content: bytes) -> str:
    return _OURS + hashlib.sha256(content).hexdigest()
