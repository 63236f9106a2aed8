"""Entities of the catalog that the platform's metrics are about, as they are stitched."""

from collections.abc import Sequence

import sqlalchemy as sa

from backstage_py.model import entity as entities
from backstage_py.model.json import JsonObject
from backstage_py.storage.catalog.tables import final_entities, search, search_keys, search_nulls
from backstage_py.storage.database import Database


class ReportedEntities:
    """Reads them from one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_kind(self, kind: str) -> Sequence[JsonObject]:
        """Return all entities of a kind, in lower case."""
        query = sa.select(final_entities.c.entity).where(
            final_entities.c.entity_ref >= f"{kind}:",
            final_entities.c.entity_ref < f"{kind};",  # the character behind the colon
        )
        return await self._read(query)

    async def with_annotation(self, name: str) -> Sequence[JsonObject]:
        """Return the entities that have an annotation, whatever its value."""
        key = sa.select(search_keys.c.id).where(search_keys.c.key == f"metadata.annotations.{name}".lower())
        holders = sa.union(
            sa.select(search.c.entity_id).where(search.c.key_id.in_(key)),
            sa.select(search_nulls.c.entity_id).where(search_nulls.c.key_id.in_(key)),
        )
        return await self._read(sa.select(final_entities.c.entity).where(final_entities.c.id.in_(holders)))

    async def _read(self, query: sa.Select[tuple[bytes]]) -> Sequence[JsonObject]:
        def run(connection: sa.Connection) -> Sequence[JsonObject]:
            return [entities.of_text(bytes(row.entity)) for row in connection.execute(query)]

        return await self._database.read(run)
