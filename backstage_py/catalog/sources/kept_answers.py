"""Answers of hosts, kept in the database by their ETags."""

from dataclasses import dataclass

from backstage_py.integrations.web.kept import KeptAnswer
from backstage_py.storage.catalog.reads import Kept, ReadStore


@dataclass(frozen=True, slots=True)
class KeptAnswers:
    """Implements ``Keeper``."""

    store: ReadStore

    async def find(self, name: str) -> KeptAnswer | None:
        """Return what is kept under a name."""
        found = await self.store.get(name)
        if found is None or found.body is None or found.etag is None:
            return None
        return KeptAnswer(found.etag, dict(found.headers or {}), found.body)

    async def keep(self, name: str, answer: KeptAnswer) -> None:
        """Keep an answer, or say that it was used again."""
        await self.store.put([Kept(name, answer.body, answer.etag, dict(answer.headers))])
