"""The locations that were registered through the API; each change is one transaction with what it does to entities."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from backstage_py.errors import ConflictError, InputError, NotFoundError
from backstage_py.model import entity as entities
from backstage_py.model import json
from backstage_py.model.json import Json, JsonObject
from backstage_py.storage.catalog import marks
from backstage_py.storage.catalog.records import Deferred
from backstage_py.storage.catalog.refresh import RefreshStore
from backstage_py.storage.catalog.tables import locations, refresh_state
from backstage_py.storage.database import Database, Transaction

SOURCE_KEY = "DefaultLocationStore"
"""The provider that registered locations are, by its name in Backstage."""


@dataclass(frozen=True, slots=True)
class Location:
    """A registered location and the Location entity that stands for it."""

    id: str
    type: str
    target: str
    entity_ref: str

    def as_json(self) -> JsonObject:
        """Return the location as the API shows it."""
        return {"id": self.id, "type": self.type, "target": self.target, "entityRef": self.entity_ref}


MakeDeferred = Callable[[Location], Deferred]
"""Makes the Location entity of a location."""


@dataclass(frozen=True, slots=True)
class LocationPage:
    """Locations in the order of their ids, and how many there are in all."""

    items: list[Location]
    total: int


class LocationStore:
    """Reads and writes registered locations."""

    def __init__(self, database: Database, refresh: RefreshStore) -> None:
        self._database = database
        self._refresh = refresh

    async def create(
        self, type_: str, target: str, entity_ref: str, make: MakeDeferred, *, refresh_existing: bool
    ) -> Location:
        """Register a location.

        Raises:
            ConflictError: it is registered, and ``refresh_existing`` is not asked for; or another source keeps an
                entity of the name that is needed, and it leads elsewhere.
        """
        new = Location(str(uuid.uuid4()), type_, target, entity_ref)

        def run(transaction: Transaction) -> Location:
            found = _by_target(transaction.connection, type_, target)
            if found == new:  # by an earlier try, whose answer was lost
                return new
            if found and not refresh_existing:
                raise ConflictError(f"Location {type_}:{target} already exists")
            location = found or new
            if not found:
                transaction.connection.execute(sa.insert(locations).values(_row(location)))
            self._refresh.delta(transaction, SOURCE_KEY, [make(location)], ())
            _refuse_taken(transaction.connection, location)
            if found:
                self._refresh.mark(transaction, [location.entity_ref], force=True)
            return location

        return await marks.exclusively(self._database, run, is_repeatable=True)

    async def update(self, id_: str, type_: str, target: str, make: MakeDeferred) -> Location:
        """Give a location another target; its entity stays the same.

        Raises:
            NotFoundError: there is no such location. ConflictError: another one has that target.
        """

        def run(transaction: Transaction) -> Location:
            connection = transaction.connection
            other = _by_target(connection, type_, target)
            if other and other.id != id_:
                raise ConflictError(f"Location {type_}:{target} already exists")
            before = _by_id(connection, id_)
            location = Location(id_, type_, target, before.entity_ref)
            connection.execute(sa.update(locations).where(locations.c.id == id_).values(_row(location)))
            self._refresh.delta(transaction, SOURCE_KEY, [make(location)], ())
            return location

        return await marks.exclusively(self._database, run, is_repeatable=True)

    async def delete(self, id_: str) -> None:
        """Delete a location, with all entities that only it leads to.

        Raises:
            NotFoundError: there is no such location.
        """

        def run(transaction: Transaction) -> None:
            location = _by_id(transaction.connection, id_)
            transaction.connection.execute(sa.delete(locations).where(locations.c.id == id_))
            self._refresh.delta(transaction, SOURCE_KEY, (), [location.entity_ref])

        await marks.exclusively(self._database, run)

    async def get(self, id_: str) -> Location:
        """Return a location.

        Raises:
            NotFoundError: there is no such location.
        """
        return await self._database.read(lambda connection: _by_id(connection, id_))

    async def by_target(self, type_: str, target: str) -> Location | None:
        """Return the location that leads to a target."""
        return await self._database.read(lambda connection: _by_target(connection, type_, target))

    async def all(self) -> list[Location]:
        """Return all locations."""
        query = sa.select(locations).order_by(locations.c.id)
        return await self._database.read(lambda connection: [Location(*row) for row in connection.execute(query)])

    async def query(self, predicate: JsonObject | None, *, limit: int, after: str | None) -> LocationPage:
        """Return a page of the locations that a predicate matches.

        Raises:
            InputError: the predicate asks for something that locations do not have.
        """
        condition = _condition(predicate) if predicate is not None else sa.true()
        page = sa.select(locations).where(condition).order_by(locations.c.id).limit(limit)
        if after is not None:
            page = page.where(locations.c.id > after)
        count = sa.select(sa.func.count()).select_from(locations).where(condition)

        def run(connection: sa.Connection) -> LocationPage:
            items = [Location(*row) for row in connection.execute(page)]
            return LocationPage(items, int(connection.execute(count).scalar_one()))

        return await self._database.read(run)

    async def entity_exists(self, ref: str) -> bool:
        """Say whether an entity is known, stitched or not."""
        query = sa.select(refresh_state.c.id).where(refresh_state.c.entity_ref == ref)
        return await self._database.read(lambda connection: connection.execute(query).first() is not None)


def _row(location: Location) -> dict[str, str]:
    return {
        "id": location.id,
        "type": location.type,
        "target": location.target,
        "entity_ref": location.entity_ref,
    }


def _by_id(connection: sa.Connection, id_: str) -> Location:
    row = connection.execute(sa.select(locations).where(locations.c.id == id_)).first()
    if row is None:
        raise NotFoundError(f"Found no location with ID {id_}")
    return Location(*row)


def _by_target(connection: sa.Connection, type_: str, target: str) -> Location | None:
    query = sa.select(locations).where(locations.c.type == type_, locations.c.target == target)
    row = connection.execute(query).first()
    return Location(*row) if row else None


def _refuse_taken(connection: sa.Connection, location: Location) -> None:
    """Refuse a registration that would bring nothing, since another source keeps its entity."""
    query = sa.select(refresh_state.c.unprocessed, refresh_state.c.location_key)
    text, holder = connection.execute(query.where(refresh_state.c.entity_ref == location.entity_ref)).one()
    spec = entities.of_text(text).get("spec") or {}
    if (spec.get("type"), spec.get("target")) != (location.type, location.target):
        raise ConflictError(
            f"Entity {location.entity_ref}, which would stand for {location.type}:{location.target}, is already in the "
            f"catalog from {holder}; have it removed first"
        )


_COLUMNS = {
    "id": locations.c.id,
    "type": locations.c.type,
    "target": locations.c.target,
    "entityref": locations.c.entity_ref,
}


def _condition(predicate: JsonObject) -> sa.ColumnElement[bool]:
    if "$all" in predicate:
        parts = predicate["$all"]
        return sa.and_(*map(_condition, parts)) if parts else sa.false()  # an empty $all matches nothing here
    if "$any" in predicate:
        return sa.or_(sa.false(), *map(_condition, predicate["$any"]))
    if "$not" in predicate:
        return sa.not_(_condition(predicate["$not"]))
    if any(key.startswith("$") for key in predicate):
        raise InputError(f"Invalid filter predicate, unknown logic operator '{', '.join(predicate)}'")
    return sa.and_(sa.true(), *(_field(key, value) for key, value in predicate.items()))


def _field(key: str, value: Json) -> sa.ColumnElement[bool]:
    column = _COLUMNS.get(key.lower())
    if column is None:
        raise InputError(
            f"Invalid filter predicate, expected key to be 'id', 'type', 'target', or 'entityRef', got '{key}'"
        )
    if isinstance(value, str | int | float | bool):
        return _same(column, [value])
    if isinstance(value, dict):
        if "$exists" in value:
            return sa.true() if value["$exists"] else sa.false()
        if "$in" in value:
            return _same(column, value["$in"])
        if "$hasPrefix" in value:
            return sa.func.upper(column).startswith(str(value["$hasPrefix"]).upper(), autoescape=True)
        if "$contains" in value:
            return sa.false()
    raise InputError(f"Invalid filter predicate, got unknown matcher object '{json.text(value)}'")


def _same(column: sa.ColumnElement[str], values: Sequence[Json]) -> sa.ColumnElement[bool]:
    return sa.func.upper(column).in_([str(value).upper() for value in values])
