"""By what a task counts as a change of infrastructure, and as one with a ticket."""

import json
from pathlib import Path
from typing import Any

import pytest

from backstage_py.reporting import tasks
from backstage_py.reporting.tasks import Proxies
from backstage_py.settings.sections import PlatformMetricsSettings
from backstage_py.storage.reporting.tasks import TaskRow

SETTINGS = PlatformMetricsSettings()
PROXIES = Proxies(SETTINGS.infrastructure, SETTINGS.ticket_actions, SETTINGS.ticket_parameters)
ACTIONS: list[Any] = json.loads(
    (Path(__file__).parents[2] / "schemas/builtin-actions.json").read_text(encoding="utf-8")
)


def traits(*steps: dict[str, Any], **parameters: Any) -> tuple[Any, Any]:
    spec = json.dumps({"steps": steps, "parameters": parameters})
    [created] = tasks.events(TaskRow("id", spec, "open", 1, None, False), PROXIES)
    return created.traits["infrastructure"], created.traits["ticket"]


def asks(method: str, path: str) -> dict[str, Any]:
    return {"action": "http:backstage:request", "input": {"method": method, "path": path}}


@pytest.mark.parametrize(
    ("step", "is_change"),
    [
        (asks("POST", "/api/crossplane/postgres"), True),
        (asks("post", "crossplane/postgres"), True),
        (asks("DELETE", "api/crossplane/postgres/ns/name"), True),
        (asks("GET", "/api/crossplane/postgres"), False),
        (asks("POST", "/api/catalog/locations"), False),
        ({"action": "http:backstage:request"}, False),
        ({"action": "crossplane:postgres:status"}, False),
        ({"action": "terraform:plan"}, False),
        ({"action": 7}, False),
    ],
)
def test_what_asks_the_platform_for_something_is_a_change(step: dict[str, Any], is_change: bool) -> None:
    assert traits(step) == (is_change, False)


def test_the_actions_that_count_by_default_are_those_of_infrastructure_that_change_something() -> None:
    found = {one["id"] for one in ACTIONS if traits({"action": one["id"]})[0]}
    assert {"crossplane:postgres:request", "terraform:apply", "kube:apply", "argocd:sync", "vault:role:create"} <= found
    assert not {one for one in found if one.startswith(("publish:", "fetch:", "github:", "fs:", "catalog:"))}
    assert not {one for one in found if one.endswith((":wait", ":get", ":status", ":plan", ":read"))}


def test_a_ticket_is_a_value_in_a_field_for_it_or_an_action_that_opens_one() -> None:
    assert traits(ticket="OPS-1") == (False, True)
    assert traits(ticket="", issue=None) == (False, False)
    assert traits({"action": "jira:issue:create"}) == (False, True)
    assert traits({"action": "github:issues:create"}) == (False, True)
    assert traits({"action": "github:issues:label"}) == (False, False)
