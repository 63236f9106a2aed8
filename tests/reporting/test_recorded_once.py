"""Events are there once: two replicas, deliveries that are repeated and late, tasks that are run again and removed."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from starlette.routing import Mount, Router

from backstage_py.catalog.sources import deliveries
from backstage_py.http import application
from backstage_py.http import events as face
from backstage_py.http.streams import OpenStreams
from backstage_py.model import times
from backstage_py.model.platform_event import PlatformEvent, PlatformEventType
from backstage_py.model.task import EventType, StepResult, TaskStatus, Transition, new_event
from backstage_py.reporting.collector import Collector
from backstage_py.settings.sections import BackendSettings, EventsSettings, PlatformMetricsSettings
from backstage_py.storage import migrate
from backstage_py.storage.catalog.events import EventStore
from backstage_py.storage.database import Database, Transaction
from backstage_py.storage.reporting.events import PlatformEventStore
from backstage_py.storage.scaffolder.claims import ClaimStore
from backstage_py.storage.scaffolder.events import EventFeed
from backstage_py.storage.scaffolder.tasks import TaskStore
from backstage_py.storage.scaffolder.upkeep import TaskUpkeep
from tests import patience
from tests.http.harness import Answer, call
from tests.reporting.world import recorded
from tests.storage import boxes
from tests.storage.postgres import Postgres, postgres

pytestmark = pytest.mark.xdist_group(__name__)

SECRET = "nobody-reads-this-in-the-database"  # of this test
INGRESSES = deliveries.of(EventsSettings(("open",), gitlab=SECRET, platform=SECRET), [])
SPEC = json.dumps(
    {
        "apiVersion": "scaffolder.backstage.io/v1beta3",
        "steps": [{"id": "order", "action": "crossplane:postgres:request"}],
        "parameters": {"team": "Payments", "ticket": "", "password": "in-the-form"},
        "templateInfo": {"entityRef": "template:default/Database"},
    }
)
WHAT = PlatformMetricsSettings()


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.thorough)])
async def replicas(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Database, Database]]:
    """The same database as two replicas have it."""
    url = f"sqlite:///{tmp_path / 'test.sqlite'}"
    if request.param == "postgresql":
        server: Postgres = request.getfixturevalue("server")
        url = server.new_database(request.node.name[-60:])
    async with Database(url).running() as one, Database(url).running() as other:
        await migrate.upgrade(one)
        yield one, other


async def deliver(database: Database, topic: str, payload: Any, headers: dict[str, str] | None = None) -> Answer:
    mount = Mount("/api/events", app=Router(face.routes(INGRESSES, EventStore(database)), redirect_slashes=False))
    app = application.create([mount], BackendSettings("http://here"), OpenStreams())
    proof = {"x-gitlab-token": SECRET, "x-platform-webhook-secret": SECRET, "content-type": "application/json"}
    body = json.dumps(payload).encode()
    return await call(app, "POST", f"/api/events/http/{topic}", {**proof, **(headers or {})}, body)


async def known(database: Database) -> Sequence[PlatformEvent]:
    return await PlatformEventStore(database).before(2**62)


async def test_two_replicas_record_a_delivery_once_also_when_it_is_worded_anew(
    replicas: tuple[Database, Database],
) -> None:
    payload = recorded("gitlab_deployment")
    answers = await asyncio.gather(*(deliver(one, "gitlab", payload) for one in replicas))
    assert sorted(one.status for one in answers) == [202, 409]
    anew = [payload | {"commit_title": f"title {number}"} for number in range(6)]
    answers = await asyncio.gather(*(deliver(replicas[n % 2], "gitlab", one) for n, one in enumerate(anew)))
    assert {one.status for one in answers} == {202}
    assert [one.type for one in await known(replicas[0])] == [PlatformEventType.DEPLOYMENT_SUCCEEDED]


async def test_the_first_green_build_is_the_earliest_whichever_is_told_first(
    replicas: tuple[Database, Database],
) -> None:
    for finished in ("2026-01-03 10:00:00 UTC", "2026-01-01 10:00:00 UTC", "2026-01-02 10:00:00 UTC"):
        payload = recorded("gitlab_pipeline")
        payload["object_attributes"] |= {"finished_at": finished, "sha": finished[:10]}
        assert (await deliver(replicas[0], "gitlab", payload)).status == 202
    [found] = await known(replicas[1])
    assert (times.iso(found.at), found.revision) == ("2026-01-01T10:00:00.000Z", "2026-01-01")


async def test_what_anybody_may_send_is_no_event_and_secrets_stay_outside(
    replicas: tuple[Database, Database],
) -> None:
    told = {"type": "incident_opened", "id": "1", "at": "2026-01-01T00:00:00Z", "entityRef": "shop"}
    forged = {"x-platform-webhook-secret": "guessed"}
    assert (await deliver(replicas[0], "platform", told, forged)).status == 403
    assert (await deliver(replicas[0], "open", told)).status == 202
    assert await known(replicas[0]) == []
    wrong = await deliver(replicas[0], "platform", {"type": "no"})
    assert (wrong.status, wrong.json["error"]["name"]) == (400, "InputError")
    assert (await deliver(replicas[0], "platform", told)).status == 202
    assert [one.subject for one in await known(replicas[0])] == ["1"]

    def stored(connection: sa.Connection) -> str:
        found = sa.MetaData()
        found.reflect(connection)
        return repr([[tuple(row) for row in connection.execute(sa.select(t))] for t in found.tables.values()])

    assert SECRET not in await replicas[0].read(stored)


async def test_a_task_is_told_of_once_as_it_ended_last(replicas: tuple[Database, Database]) -> None:
    one, other = replicas
    box = boxes.box(b"key")
    tasks, claims = TaskStore(one, box), ClaimStore(one, box)
    task_id = await tasks.create(SPEC, created_by=None, secrets={}, starts_over=False)
    found: Sequence[PlatformEvent] = ()
    for end in (TaskStatus.FAILED, TaskStatus.COMPLETED):
        await asyncio.gather(*(Collector(database, WHAT).collect() for database in replicas))
        [claim] = await claims.claim("worker", 1, keep_secrets=False)
        await claims.record(claim, Transition(end=end))
        await asyncio.gather(*(Collector(database, WHAT).collect() for database in replicas))
        found = await known(other)
        assert [event.type.value for event in found] == ["task_created", f"task_{end.value}"]
        if end is TaskStatus.FAILED:
            await tasks.retry(task_id, {}, resume=False)
    created = found[0]
    assert (created.template_ref, created.owner_ref) == ("template:default/database", "group:default/payments")
    assert created.traits == {"infrastructure": True, "ticket": False}
    assert "in-the-form" not in repr(found)
    await TaskUpkeep(one, EventFeed()).remove_ended_before(times.now() + 60_000, 10)
    await Collector(one, WHAT).collect()
    assert await known(other) == found, "what is measured outlives the task"


async def test_a_second_pass_reads_what_changed_and_nothing_else(replicas: tuple[Database, Database]) -> None:
    one, other = replicas
    tasks, claims = TaskStore(one, boxes.box(b"key")), ClaimStore(one, boxes.box(b"key"))

    async def create() -> str:
        return await tasks.create(SPEC, created_by=None, secrets={}, starts_over=False)

    def run(statement: str) -> Callable[[Transaction], object]:
        return lambda transaction: transaction.connection.execute(sa.text(statement))

    both = {await create(), await create()}
    await one.write(run("UPDATE tasks SET created_at = created_at - 86400000"))
    recent = await create()
    collector = Collector(one, WHAT)
    await collector.collect()
    assert {event.subject for event in await known(other)} == {*both, recent}
    await one.write(run("DELETE FROM platform_events"))  # so that whatever is read is recorded again
    [claim] = await claims.claim("worker", 1, keep_secrets=False)
    ended = new_event(EventType.COMPLETION, {})
    await claims.record(claim, Transition(events=[ended], end=TaskStatus.COMPLETED))
    new = await create()
    await collector.collect()
    assert {event.subject for event in await known(other)} == {claim.id, recent, new}
    await Collector(other, WHAT).collect()
    assert {event.subject for event in await known(other)} == {*both, recent, new}


async def test_a_repository_is_told_of_with_its_step_or_not_at_all(replicas: tuple[Database, Database]) -> None:
    one, other = replicas
    box = boxes.box(b"key")
    event = PlatformEvent("repository.1", PlatformEventType.REPOSITORY_CREATED, times.now(), repository="host/a/b")
    step = StepResult(0, failed=False, result={}, events=(event,))
    await TaskStore(one, box).create(SPEC, created_by=None, secrets={}, starts_over=False)
    [claim] = await ClaimStore(one, box).claim("worker", 1, keep_secrets=False)
    lost = replace(claim, number=claim.number + 1)
    with pytest.raises(BaseException, match=claim.id):
        await ClaimStore(other, box).record(lost, Transition(steps=[step]))
    assert await known(one) == []
    await ClaimStore(other, box).record(claim, Transition(steps=[step]))
    again = StepResult(1, failed=False, result={}, events=(event,))
    await ClaimStore(other, box).record(claim, Transition(steps=[again], end=TaskStatus.COMPLETED))
    assert await known(one) == [event]


async def test_what_is_older_than_the_retention_goes(replicas: tuple[Database, Database]) -> None:
    one, other = replicas
    day = 86_400_000
    event = PlatformEvent("young", PlatformEventType.COMMIT, times.now() - 9 * day)
    await PlatformEventStore(one).put([event, replace(event, key="old", at=times.now() - 11 * day)])
    collector = Collector(one, replace(WHAT, retention=10 * 86_400.0))
    async with collector.running(), patience.bounded():
        while len(found := await known(other)) != 1:  # noqa: ASYNC110  # another thread of work removes it
            await asyncio.sleep(0.01)
    assert [left.key for left in found] == ["young"]
