"""The audit log, compared with what a Backstage wrote of the same calls (``recorded.json``), and what is ours in it."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from backstage_py.http.auditing import events
from tests import patience
from tests.audit.calls import TEMPLATE, Caller, normal
from tests.audit.site import config
from tests.contract.harness import free_port, start

_RECORDED = json.loads((Path(__file__).parent / "recorded.json").read_text(encoding="utf-8"))
_SECRET = "s3cret-of-a-caller"


class Site:
    """A service that got the calls, its sink and its log."""

    def __init__(self, caller: Caller, folder: Path) -> None:
        self.caller = caller
        self.folder = folder
        self.secret_task = ""

    @property
    def sink(self) -> list[str]:
        return (self.folder / "audit" / "events.log").read_text(encoding="utf-8").splitlines()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.sink]

    def until(self, number: int, **meta: str) -> list[dict[str, Any]]:
        """Return the events whose details are these, as soon as there are so many."""
        end = time.monotonic() + patience.SECONDS
        while True:
            found = [one for one in self.events if meta.items() <= one.get("meta", {}).items()]
            if len(found) >= number:
                return found
            assert time.monotonic() < end, found
            time.sleep(0.05)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder, port = tmp_path_factory.mktemp("audit"), free_port()
    (folder / "templates.yaml").write_text(yaml.safe_dump(TEMPLATE), encoding="utf-8")
    asked = config(port, folder / "templates.yaml")
    asked["backend"]["auditor"]["sink"] = str(folder / "audit" / "events.log")
    asked["backend"]["database"] = {"client": "better-sqlite3", "connection": ":memory:"}
    file = folder / "app-config.yaml"
    file.write_text(yaml.safe_dump(asked), encoding="utf-8")
    service = start(folder, file, port=port)
    try:
        caller = Caller(service.url, "")
        caller.token = caller.send("POST", "/api/auth/guest/refresh", {})["backstageIdentity"]["token"]
        found = Site(caller, folder)
        caller.wait_for_the_template()
        body = {"templateRef": "template:default/greet", "values": {"name": _SECRET}, "secrets": {"key": _SECRET}}
        found.secret_task = caller.send("POST", "/api/scaffolder/v2/tasks", body)["id"]
        found.until(2, actionType="execution")
        caller.send_all()
        yield found
    finally:
        service.process.kill()
        service.process.wait()


def test_the_events_are_those_of_backstage(site: Site) -> None:
    site.until(2, actionType="execution", taskId=site.caller.names["task"])
    ours = normal(site.sink, site.caller.names)
    assert _shown(ours) == _shown(_without_differences(_RECORDED))


def test_each_has_the_address_of_the_caller_and_says_what_went_wrong(site: Site) -> None:
    failed = [one for one in site.events if one["status"] == "failed"]
    assert {one["actor"]["ip"] for one in failed} == {"127.0.0.1"}
    errors = {one["error"]["name"]: one["error"]["message"] for one in failed}
    assert errors["AggregateError"] in {"Could not create entity", "Could not validate entity"}
    assert "NotFoundError" in errors


def test_a_sign_in_is_an_event_of_ours(site: Site) -> None:
    first, second, *_ = (one for one in site.events if one["eventId"] == "sign-in")
    assert (first["plugin"], first["severityLevel"], first["meta"]) == ("auth", "medium", {"provider": "guest"})
    assert second["meta"] == {"provider": "guest", "userEntityRef": "user:development/guest"}


def test_the_log_has_the_same_events(site: Site) -> None:
    log = (site.folder / "service.log").read_text(encoding="utf-8").splitlines()
    logged = [json.loads(line) for line in log if '"isAuditEvent":true' in line]
    assert len(logged) >= len(_RECORDED) - 10
    (one,) = [one for one in logged if one.get("meta") == {"actionType": "list"} and one["status"] == "initiated"]
    assert (one["event"], one["level"], one["severityLevel"]) == ("scaffolder.task", "info", "low")


def test_secrets_do_not_reach_it(site: Site) -> None:
    first, _ = site.until(2, actionType="execution", taskId=site.secret_task)
    assert first["meta"]["taskParameters"] == {"name": "***"}
    log = (site.folder / "service.log").read_text(encoding="utf-8")
    assert _SECRET not in "".join(site.sink) + log
    assert site.caller.token not in "".join(site.sink) + log


def test_a_refusal_without_an_event_of_its_own_is_one_of_ours(site: Site) -> None:
    before = len(site.events)
    site.caller.send("GET", "/api/scaffolder/.backstage/actions/v1/status", None)
    (one,) = (one for one in site.events[before:] if one["eventId"] == "permission-denied")
    assert (one["plugin"], one["status"], one["error"]["name"]) == ("scaffolder", "failed", "NotAllowedError")
    assert one["actor"]["actorId"] == "user:development/guest"


def test_the_docs_name_every_event() -> None:
    text = (Path(__file__).parents[2] / "docs" / "audit.md").read_text(encoding="utf-8")
    names = {one.id for of_plugin in events.EVENTS.values() for one in of_plugin.values()} | {events.DENIED}
    assert {name for name in names if f"`{name}`" not in text} == set()
    assert {one["eventId"] for one in _RECORDED} <= names


def test_a_sink_that_was_moved_away_is_begun_anew(site: Site) -> None:
    old = site.folder / "audit" / "events.log"
    old.rename(old.with_suffix(".1"))
    site.caller.send("GET", "/api/scaffolder/v2/actions", None)
    assert [one["eventId"] for one in site.events] == ["action-fetch", "action-fetch"]


def _without_differences(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return Backstage's events without what is deliberately otherwise here.

    It says of a missing entity that its fetch succeeded and that it failed, and shows entities whole in the event of
    a fetch by uid, where references are meant.
    """
    found = []
    for one in events:
        if one["status"] == "succeeded" and str(one["request"] and one["request"]["url"]).endswith("/nobody"):
            continue
        meta = one["meta"]
        refs = {"entities": ["template:default/greet"]}
        found.append({**one, "meta": {**meta, **refs}} if meta and "entities" in meta else one)
    return found


def _shown(events: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(one, sort_keys=True) for one in events)
