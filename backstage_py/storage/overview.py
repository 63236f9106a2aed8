"""The database at a glance, for operators: a few numbers that are cheap to get, whatever the tables hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from backstage_py.model.task import TaskStatus
from backstage_py.storage import clock
from backstage_py.storage.catalog.lease import is_valid
from backstage_py.storage.catalog.providers import ProviderState, ProviderStore
from backstage_py.storage.catalog.tables import (
    leases,
    locations,
    process_queue,
    refresh_state,
    relations,
    stitch_queue,
)
from backstage_py.storage.database import Database
from backstage_py.storage.scaffolder.tables import tasks

_LIVE = 10_000  # milliseconds since a heartbeat
_OPEN, _PROCESSING = TaskStatus.OPEN.value, TaskStatus.PROCESSING.value


@dataclass(frozen=True, slots=True)
class Overview:
    """What changes from one moment to the next. Times are seconds, 0 where nothing waits."""

    open: int
    oldest_open: float
    live_claims: int
    silent_claims: int
    held_leases: int
    expired_leases: int
    process_queue: int
    stitch_queue: int
    processing_lag: float


@dataclass(frozen=True, slots=True)
class Contents:
    """How much there is; counting it takes longer."""

    entities: Mapping[str, int]
    locations: int
    relations: int
    with_errors: int
    providers: Sequence[ProviderState]


def _count(table: sa.Table, *conditions: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    return sa.select(sa.func.count()).select_from(table).where(*conditions).scalar_subquery()


_now = clock.now()
_silent = sa.func.coalesce(tasks.c.last_heartbeat_at, tasks.c.created_at) < _now - sa.literal(_LIVE, sa.BigInteger())
_OVERVIEW = sa.select(
    _count(tasks, tasks.c.status == _OPEN),
    sa.select(_now - sa.func.min(tasks.c.created_at)).where(tasks.c.status == _OPEN).scalar_subquery(),
    _count(tasks, tasks.c.status == _PROCESSING),
    _count(tasks, tasks.c.status == _PROCESSING, _silent),
    _count(leases),
    _count(leases, is_valid()),
    _count(process_queue),
    _count(stitch_queue),
    sa.select(_now - sa.func.min(refresh_state.c.due_at))
    .where(refresh_state.c.is_volatile, refresh_state.c.due_at > 0)
    .scalar_subquery(),
)
_ENTITIES = "SELECT {} AS kind, count(*) FROM final_entities GROUP BY 1"
_KIND = {
    "sqlite": "substr(entity_ref, 1, instr(entity_ref, ':') - 1)",
    "postgresql": "split_part(entity_ref, ':', 1)",
}
_CONTENTS = sa.select(_count(locations), _count(relations), _count(refresh_state, refresh_state.c.errors.is_not(None)))


async def overview(database: Database) -> Overview:
    """Return what waits and who works.

    Raises:
        ServiceUnavailableError: the database does not answer.
    """
    row = await database.read(lambda connection: connection.execute(_OVERVIEW).one())
    waiting, oldest, processing, silent, all_leases, held, to_process, to_stitch, due = row
    return Overview(
        open=waiting,
        oldest_open=max(oldest or 0, 0) / 1000,
        live_claims=processing - silent,
        silent_claims=silent,
        held_leases=held,
        expired_leases=all_leases - held,
        process_queue=to_process,
        stitch_queue=to_stitch,
        processing_lag=max(due or 0, 0) / 1000,
    )


async def contents(database: Database) -> Contents:
    """Return how much there is.

    Raises:
        ServiceUnavailableError: the database does not answer.
    """
    providers = await ProviderStore(database).all()

    def run(connection: sa.Connection) -> Contents:
        kinds = connection.execute(sa.text(_ENTITIES.format(_KIND[connection.dialect.name]))).all()
        row = connection.execute(_CONTENTS).one()
        return Contents({kind: number for kind, number in kinds}, *row, providers=providers)  # noqa: C416  # rows are no pairs for mypy

    return await database.read(run)
