"""The story of two months, and the numbers that a person gets who counts by hand."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from typer.testing import CliRunner

from backstage_py.cli.main import app
from tests import patience
from tests.http.harness import call
from tests.reporting import story
from tests.reporting.world import TOKEN, Platform, platform

pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group(__name__), pytest.mark.asyncio(loop_scope="module")]

HOUR = 3600
DAY = 24 * HOUR
GOLDEN = "template:default/golden"
A, B = "group:default/team-a", "group:default/team-b"
WHOLE = "?from=2026-01-01&to=2026-03-01"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def played(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Platform]:
    """The platform on 1 March."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        async with platform(tmp_path_factory.mktemp("story"), monkeypatch) as found:
            await story.tasks(found)
            await story.told(found)
            yield found


async def test_everything_together(played: Platform) -> None:
    total = (await played.metrics(WHOLE))["total"]
    # four by golden, three databases; the broken one failed: 1 of 8
    assert total["tasks"] == {
        "created": 8,
        "completed": 7,
        "failed": 1,
        "cancelled": 0,
        "failureRate": {"n": 8, "share": 0.125},
    }
    # OPS-1 stands on one of three databases
    assert total["infrastructureChanges"] == {"withoutTicket": 2, "n": 3, "share": 0.6667}
    # Kaplan and Meier: 24 h of 4 watched leave 3/4; at 240 h pay and blog are watched (news is 216 h old): 3/4 * 1/2
    # = 3/8, so half are there within 240 h; that 95 of 100 are is not seen yet
    first = total["firstDeployment"]
    assert (first["n"], first["deployed"]) == (4, 2)
    assert (first["p50Seconds"], first["p95Seconds"]) == (240 * HOUR, None)
    never = first["neverDeployed"]
    assert (never["n"], never["oldestSeconds"]) == (2, 54 * DAY)
    assert [(one["name"].rpartition("/")[2], one["team"], one["ageSeconds"]) for one in never["services"]] == [
        ("blog", B, 54 * DAY),
        ("news", B, 9 * DAY),
    ]
    assert {one["template"] for one in never["services"]} == {GOLDEN}
    # 1 of 4 had a commit after 2 hours: the rest is at most 3/4, above a half
    assert total["firstCommit"] == {"n": 4, "reached": 1, "p50Seconds": None, "p95Seconds": None}
    assert total["firstGreenBuild"] == {"n": 4, "reached": 1, "p50Seconds": None, "p95Seconds": None}
    # 4 of 6 components by golden
    assert total["goldenPaths"] == {
        "byTemplate": [{"template": GOLDEN, "services": 4, "n": 6, "share": 0.6667}],
        "others": {"services": 2, "n": 6, "share": 0.3333},
        "golden": {"services": 4, "n": 6, "share": 0.6667},
    }


async def test_what_dora_measures(played: Platform) -> None:
    total = (await played.metrics(WHOLE))["total"]
    # shop 01-06, 01-08, 01-08, 02-03; pay; legacy: 6 in 59 days
    assert total["deploymentFrequency"] == {"n": 6, "perWeek": 0.71}
    # 4, 22, 24, 25 and 27 hours: the third of five, and the fifth
    assert total["changeLeadTime"] == {"n": 5, "p50Seconds": 24 * HOUR, "p95Seconds": 27 * HOUR}
    # c3 by the incident, c4 by itself, pay by INC-9: 3 of 7 ends
    assert total["changeFailRate"] == {"failed": 3, "n": 7, "share": 0.4286}
    # 1 h and 3 h ended; INC-9 is open for 8.5 days: 2/3 are left after 1 h, 1/3 after 3 h
    assert total["failedDeploymentRecoveryTime"] == {
        "n": 3,
        "recovered": 2,
        "open": 1,
        "p50Seconds": 3 * HOUR,
        "p95Seconds": None,
    }
    # back to c1, of 6
    assert total["deploymentReworkRate"] == {"rework": 1, "n": 6, "share": 0.1667}
    assert total["incidents"] == {"opened": 2, "open": 1}


async def test_each_team_and_each_month(played: Platform) -> None:
    report = await played.metrics(WHOLE)
    assert [one["month"] for one in report["months"]] == ["2026-01", "2026-02"]
    january, february = report["months"]
    assert (january["deploymentFrequency"]["n"], february["deploymentFrequency"]["n"]) == (5, 1)
    assert (january["changeFailRate"]["failed"], january["changeFailRate"]["n"]) == (2, 5)
    assert (february["changeFailRate"]["failed"], february["changeFailRate"]["n"]) == (1, 2)
    assert (january["tasks"]["completed"], january["tasks"]["failed"]) == (5, 1)
    assert (january["firstDeployment"]["n"], february["firstDeployment"]["n"]) == (3, 1)
    # of shop, blog and pay 2/3 are left after 24 h, 1/3 after 240 h
    assert january["firstDeployment"]["p50Seconds"] == 240 * HOUR
    teams = {one["team"]: one for one in report["teams"]}
    assert list(teams) == [A, B]
    assert teams[A]["total"]["firstDeployment"]["p50Seconds"] == 24 * HOUR
    assert teams[A]["total"]["firstDeployment"]["p95Seconds"] == 240 * HOUR
    assert teams[B]["total"]["firstDeployment"]["p50Seconds"] is None
    assert teams[B]["total"]["changeLeadTime"] == {"n": 1, "p50Seconds": DAY, "p95Seconds": DAY}
    assert teams[B]["total"]["goldenPaths"]["golden"] == {"services": 2, "n": 4, "share": 0.5}
    assert teams[A]["months"][1]["changeLeadTime"] == {"n": 1, "p50Seconds": 25 * HOUR, "p95Seconds": 25 * HOUR}
    assert teams[B]["months"][1]["infrastructureChanges"] == {"withoutTicket": 1, "n": 1, "share": 1.0}


async def test_a_question_may_be_narrower(played: Platform) -> None:
    assert (await played.metrics(f"{WHOLE}&team=team-a"))["total"]["deploymentFrequency"]["n"] == 5
    assert [one["team"] for one in (await played.metrics(f"{WHOLE}&team=team-b"))["teams"]] == [B]
    golden = (await played.metrics(f"{WHOLE}&template=golden"))["total"]
    assert (golden["tasks"]["completed"], golden["deploymentFrequency"]["n"]) == (4, 5)
    # on 15 January pay was not in production yet, and nothing of later is known
    early = await played.metrics("?from=2026-01-01&to=2026-01-15T00:00")
    assert (early["total"]["firstDeployment"]["deployed"], early["total"]["firstDeployment"]["n"]) == (1, 3)
    assert early["total"]["deploymentFrequency"]["n"] == 3
    usual = await played.metrics()
    assert (usual["to"], usual["from"]) == ("2026-03-01T00:00:00.000Z", "2025-12-01T00:00:00.000Z")


async def command(played: Platform, *arguments: str) -> str:
    """Return what the command writes."""
    runner, env = CliRunner(), {"BACKSTAGE_TOKEN": TOKEN}
    asked = ["report", "--url", played.url, "--from", "2026-01-01", "--to", "2026-03-01", *arguments]
    result = await asyncio.to_thread(lambda: runner.invoke(app, asked, env=env))
    assert result.exit_code == 0, result.output
    return result.stdout


async def test_the_command_says_the_same(played: Platform) -> None:
    assert json.loads(await command(played, "--format", "json")) == await played.metrics(WHOLE)
    narrower = json.loads(await command(played, "--format", "json", "--team", "team-b", "--template", "golden"))
    assert narrower == await played.metrics(f"{WHOLE}&team=team-b&template=golden")
    text = await command(played)
    lines = {" ".join(line.split()) for line in text.splitlines()}
    assert {
        "Platform report 2026-01-01 to 2026-03-01",
        "Time to first deployment 10 d p95 not reached, n = 4 repository to production, half of all",
        "Never deployed 2 of n = 4, oldest 54 d services that tasks created",
        "By golden path 66.7 % 4 of n = 6 services of the catalog",
        "Without a ticket 66.7 % 2 of n = 3 changes of infrastructure, by tasks and by orders",
        "Tasks that failed 12.5 % 1 of n = 8 completed or failed",
        "Change lead time 24 h p95 27 h, n = 5 commit to production, half of all",
        "Deployment frequency 0.71 a week n = 6 deployments to production",
        "Failed deployment recovery time 3 h p95 not reached, n = 3, 1 not recovered failure to recovery, half of all",
        "Change fail rate 42.9 % 3 of n = 7 deployments to production",
        "Deployment rework rate 16.7 % 1 of n = 6 because of an incident",
        "team-a 24 h (2) 0 50 % (2) 20 % (5) 5 22 h (4) 50 % (6) 3 h (3) 20 % (5)",
        "2026-02 not reached (1) 1 100 % (1) 0 % (2) 1 25 h (1) 50 % (2) 1 h (1) 0 % (1)",
    } <= lines


async def test_the_page_needs_nothing_beside_it(played: Platform, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    assert await command(played, "--format", "html", "--output", str(file)) == ""
    page = file.read_text(encoding="utf-8")
    assert page.count("<svg") == 5
    assert "default-src 'none'" in page
    assert not re.search(r"<script|<link|<img|@import|url\(|src=|href=", page)
    for words in ("66.7 %", "not reached", "prefers-color-scheme: dark", "@media print", "Not measured here", "NPS"):
        assert words in page


async def test_a_scrape_tells_of_everything_together(played: Platform) -> None:
    async with patience.bounded():
        while "backstage_py_platform_services" not in (text := await scraped(played)):  # noqa: ASYNC110  # by HTTP
            await asyncio.sleep(0.05)
    assert {
        'backstage_py_platform_services{state="deployed"} 2',
        'backstage_py_platform_services{state="never_deployed"} 2',
        f'backstage_py_platform_first_deployment_seconds{{percentile="50"}} {240 * HOUR}',
        'backstage_py_platform_catalog_services{path="golden"} 4',
        'backstage_py_platform_infrastructure_changes{ticket="without"} 2',
        'backstage_py_platform_deployments{kind="failed"} 3',
        "backstage_py_platform_change_fail_ratio 0.4286",
        "backstage_py_platform_open_incidents 1",
        'backstage_py_platform_events_total{type="repository_created"} 4.0',
        'backstage_py_platform_events_total{type="task_failed"} 1.0',
        'backstage_py_platform_events_total{type="deployment_failed"} 1.0',
    } <= set(text.splitlines())
    assert 'first_deployment_seconds{percentile="95"}' not in text, "it is not reached"


async def scraped(played: Platform) -> str:
    answer = await call(played.app, "GET", "/metrics", {"authorization": f"Bearer {TOKEN}"})
    return answer.body.decode()


async def test_what_is_delivered_again_counts_once(played: Platform) -> None:
    before = await played.metrics(WHOLE)
    for number, (event, payload) in enumerate(story.github(played)):
        assert (await played.github(event, payload, f"delivery-{number}")).status == 409
        anew = payload | {"sender": {"login": f"again-{number}"}}  # another delivery of the same fact
        assert (await played.github(event, anew, f"another-{number}")).status == 202
    assert await played.metrics(WHOLE) == before
