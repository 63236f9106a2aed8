"""Changes of infrastructure that are ordered at ``/api/crossplane``: by a task, and by somebody without one."""

import json
from pathlib import Path

import pytest

from tests.http.harness import call
from tests.integrations.test_crossplane_delivery import offered
from tests.reporting import world
from tests.reporting.world import TOKEN, platform

pytestmark = pytest.mark.thorough


async def test_what_somebody_orders_counts_once_and_a_task_s_order_is_the_task_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crossplane = offered("commit", delivery={"mode": "commit", "repository": "https://github.com/acme/deployments"})
    async with platform(tmp_path, monkeypatch, crossplane=crossplane) as found:
        assert await found.run("01-01 10:00", "golden", name="deployments", owner="team-a") == "completed"

        async def ask(method: str, path: str) -> int:
            headers = {"content-type": "application/json", "authorization": f"Bearer {TOKEN}"}
            body = json.dumps({"serviceName": "shop", "team": "team-b"}).encode() if method == "POST" else b""
            return (await call(found.app, method, f"/api/crossplane/postgres{path}", headers, body)).status

        assert [await ask("POST", "?dryRun=true"), await ask("POST", ""), await ask("POST", "")] == [200, 201, 200]
        found.now = world.at("02-02 10:00")
        assert await ask("DELETE", "/team-b/shop?confirm=shop") == 200
        assert await found.run("02-03 10:00", "order", owner="team-a") == "completed"
        found.now = world.at("02-04 10:00")
        report = await found.metrics("?from=2026-01-01&to=2026-03-01")
        changes = [one["infrastructureChanges"]["n"] for one in (report["total"], *report["months"])]
        assert changes == [3, 1, 2]
        teams = {one["team"]: one["total"] for one in report["teams"]}
        assert teams["group:default/team-b"]["infrastructureChanges"] == {"withoutTicket": 2, "n": 2, "share": 1.0}
        assert teams["group:default/team-b"]["tasks"]["created"] == 0
        only = await found.metrics("?from=2026-01-01&to=2026-03-01&template=order")
        assert only["total"]["infrastructureChanges"]["n"] == 1
