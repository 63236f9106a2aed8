"""Who may read the metrics, and what is said to those who may not, or who ask for what there is not."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
import yaml
from starlette.types import ASGIApp

from backstage_py.app import serving
from backstage_py.settings.load import load_settings
from tests.http.harness import Answer, call

pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group(__name__), pytest.mark.asyncio(loop_scope="module")]

PATH = "/api/backstage-py/v1/metrics/platform"
ALLOWED, OTHER, EVERYWHERE = "token-of-those-who-may", "token-of-some-others", "token-of-a-service"


def access(token: str, *restrictions: Any) -> dict[str, Any]:
    found = {"type": "static", "options": {"token": token, "subject": token}}
    return {**found, "accessRestrictions": list(restrictions)} if restrictions else found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ASGIApp]:
    folder = tmp_path_factory.mktemp("service")
    tokens = [
        access(ALLOWED, {"plugin": "backstage-py", "permission": "backstage-py.metrics.read"}),
        access(OTHER, {"plugin": "backstage-py", "permission": "catalog.entity.read"}),
        access(EVERYWHERE),
    ]
    config = {
        "backend": {
            "baseUrl": "http://127.0.0.1:7007",
            "auth": {"externalAccess": tokens},
            "database": {"client": "better-sqlite3", "connection": str(folder / "db.sqlite")},
            "workingDirectory": str(folder),
        },
    }
    path = folder / "app-config.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    async with serving(load_settings([path], {})) as service:
        yield service.asgi


async def ask(app: ASGIApp, token: str | None, query: str = "") -> Answer:
    return await call(app, "GET", f"{PATH}{query}", {"authorization": f"Bearer {token}"} if token else {})


async def test_the_permission_is_asked_for(app: ASGIApp) -> None:
    assert (await ask(app, ALLOWED)).status == 200
    assert (await ask(app, EVERYWHERE)).status == 200
    refused = await ask(app, OTHER)
    assert (refused.status, refused.json["error"]["name"]) == (403, "NotAllowedError")
    assert set(refused.json) == {"error", "request", "response"}
    assert (await ask(app, None)).status == 401
    metadata, sent = "/.well-known/backstage/permissions/metadata", {"authorization": f"Bearer {EVERYWHERE}"}
    told = await call(app, "GET", f"/api/backstage-py{metadata}", sent)
    assert [one["name"] for one in told.json["permissions"]] == ["backstage-py.metrics.read"]


async def test_a_platform_that_nothing_happened_on_has_a_report(app: ASGIApp) -> None:
    total = (await ask(app, ALLOWED)).json["total"]
    assert total["firstDeployment"]["n"] == 0
    assert total["changeFailRate"] == {"failed": 0, "n": 0, "share": None}
    assert total["goldenPaths"]["others"] == {"services": 0, "n": 0, "share": None}


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("?from=yesterday", "'from' should be a day"),
        ("?from=2026-02-01&to=2026-01-01", "'from' should be before 'to'"),
        ("?from=1990-01-01&to=2026-01-01", "five years"),
        ("?team=:", "'team'"),
        ("?month=1", "Unknown query parameter 'month'"),
        ("?to=9999999-01-01", "'to' should be a day"),
    ],
)
async def test_a_wrong_question_is_answered_with_what_is_wrong(app: ASGIApp, query: str, words: str) -> None:
    answer = await ask(app, ALLOWED, query)
    assert (answer.status, answer.json["error"]["name"]) == (400, "InputError")
    assert words in answer.json["error"]["message"]
