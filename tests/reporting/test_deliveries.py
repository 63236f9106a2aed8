"""Deliveries as GitHub and GitLab document them, and what they tell.

The examples are GitHub's own (`@octokit/webhooks-examples` 7.6.1, MIT) and those of GitLab's page "Webhook events",
without the members that are of no interest here.
"""

from typing import Any

import pytest

from backstage_py.errors import InputError
from backstage_py.model import times
from backstage_py.model.platform_event import repository_of
from backstage_py.reporting.deliveries import told
from backstage_py.reporting.deliveries.changes import MOST_COMMITS
from tests.reporting.world import recorded

HELLO = "github.com/codertocat/hello-world"


def shown(topic: str, payload: Any) -> list[tuple[str, str, str | None, str | None, str | None]]:
    return [
        (one.type.value, times.iso(one.at), one.repository, one.subject, one.revision)
        for one in told.events(topic, payload)
    ]


def test_github_tells_of_a_deployment() -> None:
    payload = recorded("github_deployment_status")
    sha = "f95f852bd8fca8fcc58a9a2d6c842781e32a215e"
    assert shown("github.deployment_status", payload) == [
        ("deployment_succeeded", "2019-05-15T15:20:55.000Z", HELLO, "145988746", sha)
    ]
    for state, outcome in (("failure", "deployment_failed"), ("error", "deployment_failed")):
        payload["deployment_status"]["state"] = state
        assert shown("github.deployment_status", payload)[0][0] == outcome
    for state in ("in_progress", "inactive", "queued", "pending", "waiting"):
        payload["deployment_status"]["state"] = state
        assert shown("github.deployment_status", payload) == []


def test_github_tells_of_a_green_build_of_the_default_branch() -> None:
    payload = recorded("github_workflow_run")
    [found] = shown("github.workflow_run", payload)
    assert found[:3] == ("build_succeeded", "2020-10-05T16:33:49.000Z", "github.com/octo-org/octo-repo")
    payload["workflow_run"]["conclusion"] = "failure"
    assert shown("github.workflow_run", payload) == []
    payload["workflow_run"] |= {"conclusion": "success", "event": "pull_request"}
    assert shown("github.workflow_run", payload) == [], "a branch of a fork may be called main, too"
    payload["workflow_run"] |= {"event": "push", "head_branch": "feature"}
    assert shown("github.workflow_run", payload) == []


def test_github_tells_of_commits_on_the_default_branch() -> None:
    payload = recorded("github_push")
    sha = "6113728f27ae82c7b1a177c8d03f9e96e0adf246"
    [found] = told.events("github.push", payload)
    assert (found.revision, times.iso(found.at)) == (sha, "2019-05-15T15:19:25.000Z")
    assert found.traits == {"pushedAt": 1_557_933_657_000, "position": 0}
    assert told.events("github.push", payload | {"ref": "refs/heads/feature"}) == ()


def test_a_delivery_tells_of_so_many_commits_and_no_more() -> None:
    payload = recorded("github_push")
    payload["commits"] = [{**payload["commits"][0], "id": str(number)} for number in range(MOST_COMMITS + 1)]
    assert len(told.events("github.push", payload)) == MOST_COMMITS


def test_an_issue_is_an_incident_where_its_label_says_so() -> None:
    payload = recorded("github_issues")
    assert shown("github.issues", payload) == []
    payload["issue"]["labels"].append({"name": "incident"})
    number = f"#{payload['issue']['number']}"
    opened = ("incident_opened", "2019-05-15T15:20:18.000Z", HELLO, number, None)
    assert shown("github.issues", payload) == [opened]
    payload["issue"]["closed_at"] = "2019-05-15T16:00:00Z"
    closed = ("incident_closed", "2019-05-15T16:00:00.000Z", HELLO, number, None)
    assert shown("github.issues", payload | {"action": "closed"}) == [opened, closed]
    payload["issue"]["updated_at"] = "2019-05-16T09:00:00Z"
    again = ("incident_opened", "2019-05-16T09:00:00.000Z", HELLO, number, None)
    assert shown("github.issues", payload | {"action": "reopened"}) == [opened, again]


def test_gitlab_tells_of_the_same() -> None:
    deployment = recorded("gitlab_deployment")
    sha, place = "279484c09fbe69ededfced8c1bb6e6d24616b468", "10.126.0.2:3000/root/test-deployment-webhooks"
    assert shown("gitlab.deployment", deployment) == [
        ("deployment_succeeded", "2021-04-28T19:50:00.000Z", place, "15", sha)
    ]
    [one] = told.events("gitlab.deployment", deployment | {"environment_tier": "production"})
    assert one.traits == {"production": True}
    assert shown("gitlab.deployment", deployment | {"status": "running"}) == []
    sha = "bcbb5ec396a2c0f828686f14fac9b80b780504f2"
    place = "192.168.64.1:3005/gitlab-org/gitlab-test"
    assert shown("gitlab.pipeline", recorded("gitlab_pipeline")) == [
        ("build_succeeded", "2016-08-12T15:26:29.000Z", place, None, sha)
    ]
    pushed = told.events("gitlab.push", recorded("gitlab_push"))
    assert [times.iso(one.at) for one in pushed] == ["2011-12-12T12:27:31.000Z", "2012-01-03T21:36:29.000Z"]
    assert {one.traits["pushedAt"] for one in pushed} == {pushed[1].at}
    incident = recorded("gitlab_work_item")
    assert [one[0] for one in shown("gitlab.work_item", incident)] == ["incident_opened"]
    incident["object_attributes"] |= {"action": "close", "closed_at": "2013-12-03T18:00:00Z"}
    assert [one[0] for one in shown("gitlab.work_item", incident)] == ["incident_opened", "incident_closed"]
    incident["object_attributes"]["type"] = "Task"
    assert shown("gitlab.work_item", incident) == []


@pytest.mark.parametrize("name", ["deployment_status", "workflow_run", "push", "issues"])
def test_members_of_any_kind_are_no_events_and_break_nothing(name: str) -> None:
    payload = recorded(f"github_{name}")
    values: list[Any] = [None, [], {}, "text", 7, True, [[]], {"id": {}}]
    for member in payload:
        for value in values:
            told.events(f"github.{name}", payload | {member: value})
    found = told.events(f"github.{name}", {"repository": payload["repository"] | {"html_url": "file:///etc"}})
    assert found == ()


def test_the_topic_of_the_platform_says_what_is_wrong() -> None:
    good = {
        "type": "deployment_failed",
        "id": "7",
        "at": "2026-01-01T00:00:00Z",
        "entityRef": "shop",
        "environment": "prod",
    }
    [found] = told.events("platform", good)
    assert (found.entity_ref, found.repository) == ("component:default/shop", None)
    wrongs: list[tuple[str, Any, str]] = [
        ("type", "task_failed", "type"),
        ("id", None, "id"),
        ("at", "soon", "id"),
        ("entityRef", "", "repository"),
        ("entityRef", ":", "entityRef"),
        ("environment", None, "environment"),
    ]
    for member, value, named in wrongs:
        with pytest.raises(InputError, match=f"'{named}'"):
            told.events("platform", {**good, member: value})


@pytest.mark.parametrize(
    "url",
    [
        "https://GitHub.com/Acme/Shop",
        "https://github.com/acme/shop.git",
        "https://token@github.com/acme/shop/tree/main/",
        "https://github.com/acme/shop/blob/main/catalog-info.yaml",
        "git@github.com:acme/shop.git",
        "ssh://git@github.com/acme/shop.git",
    ],
)
def test_a_repository_has_one_name_in_all_its_addresses(url: str) -> None:
    assert repository_of(url) == "github.com/acme/shop"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://gitlab.example.com/a/b/c/-/tree/main", "gitlab.example.com/a/b/c"),
        ("https://org@dev.azure.com/org/project/_git/shop?path=/a", "dev.azure.com/org/project/_git/shop"),
        ("https://bb.example.com/scm/KEY/shop.git", "bb.example.com/key/shop"),
        ("https://bb.example.com/projects/KEY/repos/shop/browse", "bb.example.com/key/shop"),
        ("http://127.0.0.1:8022/acme/shop.git", "127.0.0.1:8022/acme/shop"),
        ("https://github.com", None),
        ("", None),
        ("http://[", None),
    ],
)
def test_hosts_write_repositories_in_their_own_way(url: str, name: str | None) -> None:
    assert repository_of(url) == name
