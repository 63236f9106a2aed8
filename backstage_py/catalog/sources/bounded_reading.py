"""A reader of URLs with a limit on its reads: one request may not cause thousands."""

from dataclasses import dataclass
from pathlib import Path

from backstage_py.errors import InputError
from backstage_py.model.http import UrlContent
from backstage_py.plugin.services import UrlReader


@dataclass(slots=True)
class BoundedReading:
    """Implements ``UrlReader``. ``left`` is how many reads may follow; then each raises InputError."""

    reader: UrlReader
    left: int

    async def read(self, url: str, *, etag: str | None = None, token: str | None = None) -> UrlContent | None:
        """Return a file; see ``UrlReader``."""
        self._count()
        return await self.reader.read(url, etag=etag, token=token)

    async def read_tree(
        self, url: str, target: Path, *, etag: str | None = None, token: str | None = None
    ) -> str | None:
        """Write a folder into ``target``; see ``UrlReader``."""
        self._count()
        return await self.reader.read_tree(url, target, etag=etag, token=token)

    def resolve(self, url: str, base: str) -> str:
        """Return ``url`` as seen from ``base``; see ``UrlReader``."""
        return self.reader.resolve(url, base)

    def same_repository(self, url: str, base: str) -> bool:
        """Say whether two files are of one repository; see ``UrlReader``."""
        return self.reader.same_repository(url, base)

    def _count(self) -> None:
        if self.left <= 0:
            raise InputError("the location leads to too many files for a preview; register it without one")
        self.left -= 1
