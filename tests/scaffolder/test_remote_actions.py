"""Actions of other plugins over a real connection: what a template here gets, and how errors and lies are taken."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from backstage_py.integrations.web.http import HttpClient
from backstage_py.model.json import JsonObject
from backstage_py.plugin import Services
from backstage_py.scaffolder.face.action_policy import ActionPolicy
from backstage_py.scaffolder.face.remote_actions import HttpRemoteActions
from backstage_py.testing import FakeHttp, Reply
from tests.scaffolder.harness import GUEST, World, body, messages, template, world

LIST = "/api/tools/.backstage/actions/v1/actions"
GREET: JsonObject = {
    "id": "tools:greet",
    "name": "greet",
    "title": "Greet",
    "description": "Greets.",
    "pluginId": "tools",
    "attributes": {"readOnly": True, "destructive": False, "idempotent": True},
    "schema": {
        "input": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
        "output": {"type": "object", "properties": {"text": {"type": "string"}}},
    },
}


@pytest.fixture
def plugin() -> Iterator[FakeHttp]:
    with FakeHttp() as server:
        server.on("GET", LIST, Reply({"actions": [GREET]}))
        yield server


@asynccontextmanager
async def using(folder: Path, plugin: FakeHttp, *sources: str, **section: Any) -> AsyncIterator[World]:
    """Open a scaffolder that uses the actions of some plugins."""
    policy = ActionPolicy.of({"backend": {"actions": {"pluginSources": list(sources or ["tools"]), **section}}})
    async with HttpClient(lambda _host, _port: True) as http:
        remote = HttpRemoteActions(
            http, policy, lambda name: f"{plugin.url}/api/{name}", lambda token, name: f"{token} for {name}"
        )
        async with world(folder, services=Services(remote_actions=remote)) as site:
            yield site


def step(**given: Any) -> JsonObject:
    return template({"id": "g", "action": "tools:greet", "input": given}, output={"said": "${{ steps.g.output.text }}"})


async def test_it_is_listed_and_run_as_the_user(tmp_path: Path, plugin: FakeHttp) -> None:
    plugin.on("POST", f"{LIST}/tools:greet/invoke", Reply({"output": {"text": "Hello, Ada"}}))
    async with using(tmp_path, plugin) as site:
        listed = await site.scaffolder.service.actions(GUEST)
        assert listed == [{"id": "tools:greet", "description": "Greets.", "examples": [], "schema": GREET["schema"]}]
        events = await site.run(step(name="Ada"))
        assert body(events[-1])["output"] == {"said": "Hello, Ada"}
    sent = plugin.requests[-1]
    assert (sent.json, sent.token) == ({"name": "Ada"}, "guest-token-of-the-test for tools")


async def test_wrong_input_does_not_leave_this_service(tmp_path: Path, plugin: FakeHttp) -> None:
    async with using(tmp_path, plugin) as site:
        events = await site.run(step(name=7))
    assert "Invalid input passed to action tools:greet" in body(events[-1])["error"]["message"]
    assert [one.method for one in plugin.requests] == ["GET"]


@pytest.mark.parametrize(
    ("reply", "name", "message"),
    [
        (
            Reply({"error": {"name": "ConflictError", "message": "there already", "cause": {"message": "why"}}}, 409),
            "ConflictError",
            "there already: why",
        ),
        (Reply(b"<html>", 502, {"content-type": "text/html"}), "Error", "The plugin 'tools' answered 502 Bad Gateway"),
        (Reply(b"no JSON"), "Error", "is not JSON"),
        (Reply([1]), "Error", "answered with something else"),
    ],
)
async def test_its_errors_are_readable(tmp_path: Path, plugin: FakeHttp, reply: Reply, name: str, message: str) -> None:
    plugin.on("POST", f"{LIST}/tools:greet/invoke", reply)
    async with using(tmp_path, plugin) as site:
        events = await site.run(step(name="Ada"))
    error = body(events[-1])["error"]
    assert error["name"] == name
    assert message in error["message"]


async def test_entries_that_are_none_are_left_out(tmp_path: Path, plugin: FakeHttp) -> None:
    lies = [None, {"id": 7}, {**GREET, "id": "catalog:delete-everything"}, {**GREET, "schema": []}, GREET]
    plugin.on("GET", LIST, Reply({"actions": lies}))
    async with using(tmp_path, plugin) as site:
        assert [one["id"] for one in await site.scaffolder.service.actions(GUEST)] == ["tools:greet"]


async def test_a_plugin_that_does_not_answer_stops_nothing(tmp_path: Path, plugin: FakeHttp) -> None:
    async with using(tmp_path, plugin, "gone", "tools") as site:
        assert [one["id"] for one in await site.scaffolder.service.actions(GUEST)] == ["tools:greet"]
        events = await site.run(template({"id": "g", "action": "gone:away", "input": {}}))
    assert any("Template action with ID 'gone:away' is not registered" in message for message in messages(events))


async def test_the_filter_holds_for_theirs_too(tmp_path: Path, plugin: FakeHttp) -> None:
    async with using(tmp_path, plugin, filter={"exclude": [{"id": "tools:*"}]}) as site:
        assert await site.scaffolder.service.actions(GUEST) == []
