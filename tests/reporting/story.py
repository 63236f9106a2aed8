"""What happened on the platform in January and February 2026, told by those to whom it happened.

All moments are of 2026, in UTC. ``shop``, ``pay``, ``blog`` and ``news`` came by the template ``golden``; ``legacy`` is
older than the platform and lives on a GitLab. The report is asked for on 1 March.

| service | team | created     | first commit | green build | in production for the first time |
|---------|------|-------------|--------------|-------------|----------------------------------|
| shop    | a    | 01-05 10:00 | 01-05 12:00  | 01-05 13:00 | 01-06 10:00: after 24 hours      |
| blog    | b    | 01-06 00:00 | never        | never       | never; 54 days old on 1 March    |
| pay     | a    | 01-10 00:00 | never        | never       | 01-20 00:00: after 240 hours     |
| news    | b    | 02-20 00:00 | never        | never       | never, staging only; 9 days old  |
| legacy  | b    |             |              |             |                                  |

| what was deployed to production     | what became of it                                                          |
|-------------------------------------|----------------------------------------------------------------------------|
| shop   01-06 10:00 c1               | well; c1 of 01-05 12:00 took 22 hours                                      |
| shop   01-08 12:00 c3               | failed: incident #7 from 14:00 to 17:00; c2 took 27 hours, c3 took 4       |
| shop   01-08 16:00 c1               | well; rework: in the incident, and back to c1                              |
| shop   02-03 10:00 c4, did not work | failed until 11:00                                                         |
| shop   02-03 11:00 c4               | well; c4 of 02-02 10:00 took 25 hours                                      |
| pay    01-20 00:00, by Argo CD      | failed: INC-9 of its annotation, open since 02-20 12:00                    |
| legacy 01-15 10:00 l1               | well; l1 of 01-14 10:00 took 24 hours                                      |
"""

from typing import Any

from tests.reporting.world import Platform, at, iso, recorded

END = "03-01 00:00"


def push(platform: Platform, repository: str, pushed: str, *commits: tuple[str, str]) -> Any:
    payload = platform.of(repository, "push") | {"ref": "refs/heads/main"}
    like = payload["commits"][0]
    payload["commits"] = [{**like, "id": sha, "timestamp": iso(when)} for sha, when in commits]
    payload["repository"]["pushed_at"] = at(pushed) // 1000
    return payload


def build(platform: Platform, repository: str, when: str, sha: str) -> Any:
    payload = platform.of(repository, "workflow_run")
    payload["workflow_run"] |= {"head_branch": "main", "head_sha": sha, "updated_at": iso(when)}
    return payload


def deployment(
    platform: Platform,
    repository: str,
    when: str,
    sha: str,
    number: int,
    state: str = "success",
    to: str = "production",
) -> Any:
    payload = platform.of(repository, "deployment_status")
    payload["deployment"] |= {"id": number, "sha": sha, "environment": to}
    payload["deployment_status"] |= {"id": number + 1000, "state": state, "environment": to, "created_at": iso(when)}
    return payload


def issue(platform: Platform, repository: str, action: str, opened: str, closed: str | None = None) -> Any:
    payload = platform.of(repository, "issues") | {"action": action}
    payload["issue"] |= {"number": 7, "created_at": iso(opened), "closed_at": iso(closed) if closed else None}
    payload["issue"]["labels"] = [{"name": "Incident"}]
    return payload


def of_legacy(name: str, **more: Any) -> Any:
    payload = recorded(f"gitlab_{name}")
    payload["project"] |= {"web_url": "https://gitlab.example.com/acme/legacy", "default_branch": "main"}
    return payload | more


def github(platform: Platform) -> list[tuple[str, Any]]:
    """Return what GitHub tells, in the order in which it happened."""
    return [
        ("push", push(platform, "shop", "01-05 12:00", ("c1", "01-05 12:00"))),
        ("workflow_run", build(platform, "shop", "01-05 13:00", "c1")),
        ("deployment_status", deployment(platform, "shop", "01-06 10:00", "c1", 1)),
        ("push", push(platform, "shop", "01-08 08:00", ("c2", "01-07 09:00"), ("c3", "01-08 08:00"))),
        ("workflow_run", build(platform, "shop", "01-08 09:00", "c3")),
        ("deployment_status", deployment(platform, "shop", "01-08 12:00", "c3", 2)),
        ("issues", issue(platform, "shop", "opened", "01-08 14:00")),
        ("deployment_status", deployment(platform, "shop", "01-08 16:00", "c1", 3)),
        ("issues", issue(platform, "shop", "closed", "01-08 14:00", "01-08 17:00")),
        ("push", push(platform, "shop", "02-02 10:00", ("c4", "02-02 10:00"))),
        ("deployment_status", deployment(platform, "shop", "02-03 10:00", "c4", 4, "failure")),
        ("deployment_status", deployment(platform, "shop", "02-03 11:00", "c4", 5)),
        ("deployment_status", deployment(platform, "news", "02-21 00:00", "n1", 6, to="staging")),
    ]


def gitlab() -> list[Any]:
    """Return what GitLab tells."""
    url = "https://gitlab.example.com/acme/legacy/-/commit/l1"
    commits = [{"id": "l1", "title": "one", "timestamp": "2026-01-14T11:00:00+01:00"}]
    to = {"status_changed_at": "2026-01-15 11:00:00 +0100", "environment": "live-eu", "environment_tier": "production"}
    return [
        of_legacy("push", ref="refs/heads/main", commits=commits),
        of_legacy("deployment", commit_url=url, **to),
    ]


async def tasks(platform: Platform) -> None:
    """Run the tasks: seven that complete, one that fails."""
    for when, name, owner in (
        ("01-05 10:00", "shop", "team-a"),
        ("01-06 00:00", "blog", "team-b"),
        ("01-10 00:00", "pay", "team-a"),
        ("02-20 00:00", "news", "team-b"),
    ):
        assert await platform.run(when, "golden", name=name, owner=owner) == "completed"
    assert await platform.run("01-12 00:00", "broken", owner="team-a") == "failed"
    assert await platform.run("01-13 00:00", "database", owner="team-a", ticket="OPS-1") == "completed"
    assert await platform.run("01-14 00:00", "database", owner="team-a") == "completed"
    assert await platform.run("02-10 00:00", "database", owner="team-b") == "completed"


async def told(platform: Platform) -> None:
    """Deliver everything, late and backwards: what happened last comes first."""
    platform.now = at(END)
    for number, (event, payload) in reversed(list(enumerate(github(platform)))):
        answer = await platform.github(event, payload, f"delivery-{number}")
        assert answer.status == 202, answer.body
    for payload in reversed(gitlab()):
        assert (await platform.gitlab(payload)).status == 202
    answer = await platform.tell(
        type="deployment_succeeded",
        id="pay-1",
        at="2026-01-20T00:00:00Z",
        repository=f"{platform.hosting}/acme/pay.git",
        environment="Prod",
        revision="unknown-to-pushes",
    )
    assert answer.status == 202, answer.body
