"""What clients and a cluster see of a service whose database is away for a while."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from backstage_py.app import Service, serving
from backstage_py.settings import load_settings
from backstage_py.storage import outages
from tests import patience
from tests.effort import IS_THOROUGH
from tests.http.harness import Answer, call
from tests.storage.postgres import Postgres, postgres
from tests.storage.wire import Wire, wire

pytestmark = pytest.mark.xdist_group(__name__)

STRIDE = 5 if IS_THOROUGH else 19
TASKS = "/api/scaffolder/v2/tasks"
READY, LIVE = "/.backstage/health/v1/readiness", "/.backstage/health/v1/liveness"


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


def configuration(folder: Path, database: str, **more: bool) -> Path:
    config: dict[str, Any] = {
        "backend": {
            "baseUrl": "http://127.0.0.1:7007",
            "database": {"client": "pg", "connection": database.replace("+psycopg", ""), **more},
            "workingDirectory": str(folder / "work"),
        },
        "catalog": {"baseUrl": "http://127.0.0.1:7008/api/catalog"},
        "auth": {"environment": "development", "providers": {"guest": {"dangerouslyAllowOutsideDevelopment": True}}},
    }
    path = folder / "app-config.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


async def status(service: Service, path: str) -> int:
    return (await call(service.asgi, "GET", path)).status


async def signed_in(service: Service) -> dict[str, str]:
    answer = await call(service.asgi, "POST", "/api/auth/guest/refresh")
    assert answer.status == 200, answer.body
    return {"authorization": f"Bearer {json.loads(answer.body)['backstageIdentity']['token']}"}


def says_later(answer: Answer) -> bool:
    shown = json.loads(answer.body)
    return (
        answer.status == 503
        and bool(answer.headers["retry-after"])
        and shown["error"]["name"] == "ServiceUnavailableError"
        and shown["response"] == {"statusCode": 503}
    )


@pytest.mark.parametrize("how", ["closed", "frozen"])
async def test_requests_are_503_and_readiness_is_off_while_the_database_is_away(
    server: Postgres, tmp_path: Path, how: str
) -> None:
    url = server.new_database(how)
    async with wire(server.port) as line:
        path = configuration(tmp_path, url.replace(str(server.port), str(line.port)))
        async with serving(load_settings([path], {})) as service, service.running():
            headers = await signed_in(service)
            assert await status(service, READY) == 200
            if how == "closed":
                line.refuses = True
                line.cut()
            else:
                line.flows.clear()
            async with patience.bounded():
                while await status(service, READY) != 503:  # noqa: ASYNC110  # as a cluster looks
                    await asyncio.sleep(0.1)
            assert await status(service, LIVE) == 200
            assert says_later(await call(service.asgi, "GET", TASKS, headers))
            line.refuses = False
            line.flows.set()
            async with patience.bounded():
                while await status(service, READY) != 200:  # noqa: ASYNC110  # as a cluster looks
                    await asyncio.sleep(0.1)
            assert (await call(service.asgi, "GET", TASKS, headers)).status == 200


@pytest.mark.thorough
async def test_a_service_whose_database_goes_away_in_the_middle_of_its_start_waits_for_it(
    server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outages, "_LITTLE_WHILE", 0.0)  # whoever is not patient fails at once
    broken, at = 0, 2  # the first answer of all is waited for by itself
    async with wire(server.port) as line:
        while True:
            url = server.new_database(f"start-{at}")
            path = configuration(tmp_path, url.replace(str(server.port), str(line.port)))
            line.passes_on, line.breaks_at = at % 2 == 0, at
            line.broke.clear()
            mending = asyncio.create_task(_mend(line))
            async with serving(load_settings([path], {})) as service, service.running():
                if not line.broke.is_set():
                    break
                async with patience.bounded():
                    while await status(service, READY) != 200:  # noqa: ASYNC110  # as a cluster looks
                        await asyncio.sleep(0.05)
            await mending
            broken, at = broken + 1, at + STRIDE
        mending.cancel()
    assert broken > 1


async def _mend(line: Wire) -> None:
    await line.broke.wait()
    await asyncio.sleep(0.4)
    line.refuses = False


@pytest.mark.thorough
async def test_requests_that_another_session_locks_out_are_503_soon(server: Postgres, tmp_path: Path) -> None:
    url = server.new_database("locked")
    path = configuration(tmp_path, url)
    async with serving(load_settings([path], {})) as service, service.running():
        headers = await signed_in(service)
        with server.connect("locked") as other, other.transaction():
            other.execute("LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE")
            async with asyncio.timeout(30):  # half of what a statement may take otherwise
                answer = await call(service.asgi, "GET", TASKS, headers)
            assert says_later(answer), answer.body
        assert (await call(service.asgi, "GET", TASKS, headers)).status == 200


@pytest.mark.thorough
@pytest.mark.parametrize(("pooler", "waits_by"), [(True, "wakes"), (False, "LISTEN")])
async def test_what_the_operator_says_of_a_pooler_is_believed(
    server: Postgres, tmp_path: Path, pooler: bool, waits_by: str
) -> None:
    url = server.new_database(waits_by)
    path = configuration(tmp_path, url, pooler=pooler)
    async with serving(load_settings([path], {})) as service, service.running():
        found: set[str] = set()
        with server.connect("postgres") as other:
            async with patience.bounded():
                while not found:
                    await asyncio.sleep(0.05)
                    rows = other.execute("SELECT query FROM pg_stat_activity WHERE datname = %s", [waits_by]).fetchall()
                    found = {way for way in ("wakes", "LISTEN") for (query,) in rows if way in query}
        assert found == {waits_by}
