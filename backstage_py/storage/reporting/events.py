"""The events by which a platform is measured: recorded once, read in the order in which they happened."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from backstage_py.metrics import reporting as counted
from backstage_py.model import json
from backstage_py.model.json import Json
from backstage_py.model.platform_event import PlatformEvent, PlatformEventType
from backstage_py.storage.database import Database, Transaction
from backstage_py.storage.prepared import Prepared
from backstage_py.storage.reporting.tables import platform_events

_LONGEST = 500
_COLUMNS = [str(column.name) for column in platform_events.columns]
_names = ", ".join(_COLUMNS)
_insert = Prepared(
    sa.text(
        f"INSERT INTO platform_events ({_names}) VALUES ({', '.join(f':{name}' for name in _COLUMNS)}) "  # noqa: S608  # names of our own columns
        "ON CONFLICT (key) DO NOTHING"
    )
)
_earlier = Prepared(sa.text("UPDATE platform_events SET at = :at, revision = :revision WHERE key = :key AND at > :at"))
_again = Prepared(
    sa.text(
        "UPDATE platform_events SET at = :at, type = :type, traits = :traits "
        "WHERE key = :key AND (at <> :at OR type <> :type OR traits <> :traits)"
    )
)
_before = Prepared(
    sa.select(platform_events)
    .where(platform_events.c.at < sa.bindparam("moment"))
    .order_by(platform_events.c.at, platform_events.c.key)
)
_TYPES = {one.value: one for one in PlatformEventType}
_NONE: Mapping[str, Json] = {}
_KIND = "key text, type text, at bigint, " + ", ".join(f"{name} text" for name in _COLUMNS[3:])
_FOUND = f"SELECT {', '.join(f'given.{name}' for name in _COLUMNS)} FROM"
_insert_all = Prepared(  # of PostgreSQL, in one turn to the server
    sa.text(
        f"INSERT INTO platform_events ({_names}) {_FOUND} jsonb_to_recordset(CAST(:facts AS jsonb)) AS given ({_KIND}) "
        "ON CONFLICT (key) DO NOTHING RETURNING key"
    )
)
PART = f"""
told AS (
  INSERT INTO platform_events ({_names})
  {_FOUND} held, jsonb_to_recordset(%(facts)s::text::jsonb) AS given ({_KIND})
  ON CONFLICT (key) DO NOTHING
)"""
"""A part of PostgreSQL's statement for a move of a run: records ``facts`` where the claim is still ``held``."""


def rows(events: Iterable[PlatformEvent]) -> list[dict[str, Any]]:
    """Return events as rows."""
    return [_row(one) for one in events]


def count(events: Iterable[PlatformEvent]) -> None:
    """Count events that were recorded."""
    for one in events:
        counted.EVENTS.inc(one.type.value)


def add(transaction: Transaction, events: Iterable[PlatformEvent]) -> None:
    """Record events that are not known yet; of those that only happen for the first time once, the earliest stays."""
    for row in _known_already(transaction, list(events)):
        if row["type"] == PlatformEventType.BUILD_SUCCEEDED.value:
            _earlier.run(transaction.connection, {name: row[name] for name in ("key", "at", "revision")})


def put(transaction: Transaction, events: Iterable[PlatformEvent]) -> None:
    """Record events of which the newest telling holds: the end of a task that was run again, a corrected annotation."""
    for row in _known_already(transaction, list(events)):
        _again.run(transaction.connection, {name: row[name] for name in ("key", "at", "type", "traits")})


def _known_already(transaction: Transaction, events: Sequence[PlatformEvent]) -> list[dict[str, Any]]:
    """Record events; return the rows of those that were recorded before."""
    if not events:
        return []
    told = sorted(rows(events), key=itemgetter("key"))  # others do it in the same order, and nobody waits in a circle
    connection = transaction.connection
    if connection.dialect.name == "sqlite":
        new = {row["key"] for row in told if _insert.run(connection, row)}
    else:
        new = {key for (key,) in _insert_all.all(connection, {"facts": json.text(told)})}
    transaction.after_commit(partial(count, [one for one in events if one.key in new]))
    return [row for row in told if row["key"] not in new]


class PlatformEventStore:
    """The events of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def before(self, moment: int) -> Sequence[PlatformEvent]:
        """Return all events that happened before a moment, in their order."""

        def run(connection: sa.Connection) -> Sequence[PlatformEvent]:
            return [_event(row) for row in _before.all(connection, {"moment": moment})]

        return await self._database.read(run)

    async def put(self, events: Sequence[PlatformEvent]) -> None:
        """Do as the function ``put``, if there is anything to record."""
        if events:
            await self._database.write(lambda transaction: put(transaction, events), is_repeatable=True)

    async def take_back(self, keys: Sequence[str]) -> None:
        """Delete events that turned out not to be, if any of them are there."""
        known = sa.select(platform_events.c.key).where(platform_events.c.key.in_(keys))
        if not keys or not await self._database.read(lambda connection: connection.execute(known).all()):
            return
        query = sa.delete(platform_events).where(platform_events.c.key.in_(keys))
        await self._database.write(lambda transaction: transaction.connection.execute(query), is_repeatable=True)

    async def forget_before(self, moment: int) -> int:
        """Delete what happened before a moment, and return how many events that were."""
        query = sa.delete(platform_events).where(platform_events.c.at < moment)
        return await self._database.write(
            lambda transaction: transaction.connection.execute(query).rowcount, is_repeatable=True
        )


def _row(event: PlatformEvent) -> dict[str, Any]:
    found = {name: _storable(getattr(event, name)) for name in _COLUMNS}
    return {**found, "type": event.type.value, "traits": json.text(dict(event.traits))}


def _storable(value: Any) -> Any:
    """Return a value without what PostgreSQL cannot store, and no longer than a name is."""
    return value.replace("\0", "")[:_LONGEST] if isinstance(value, str) else value


def _event(row: Sequence[Any]) -> PlatformEvent:
    key, type_, at, repository, entity, template, owner, subject, environment, revision, traits = row
    told = _NONE if traits == "{}" else json.parse(traits)
    where = repository, entity, template, owner, subject, environment, revision
    return PlatformEvent(key, _TYPES[type_], at, *where, told)
