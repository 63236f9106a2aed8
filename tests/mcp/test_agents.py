"""An agent's client of the official package against the service, over HTTP and over standard input and output."""

import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

from backstage_py.errors import InputError
from backstage_py.mcp import tools
from backstage_py.model.json import Json
from tests import patience
from tests.contract.harness import Running, running

TEMPLATE = {
    "apiVersion": "scaffolder.backstage.io/v1beta3",
    "kind": "Template",
    "metadata": {"name": "greet", "title": "Greet somebody"},
    "spec": {
        "owner": "team-a",
        "type": "service",
        "parameters": [
            {"title": "Who", "required": ["name"], "properties": {"name": {"type": "string"}}},
            {
                "when": "parameters.name == 'Bob'",
                "required": ["surname"],
                "properties": {"surname": {"type": "string"}},
            },
        ],
        "steps": [{"id": "say", "action": "debug:log", "input": {"message": "Hello, ${{ parameters.name }}"}}],
        "output": {"greeted": "${{ parameters.name }}"},
    },
}
REF = "template:default/greet"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("service")
    (folder / "template.yaml").write_text(yaml.safe_dump(TEMPLATE))
    config = {
        "backend": {"database": {"client": "better-sqlite3", "connection": ":memory:"}},
        "auth": {"providers": {"guest": {}}},
        "catalog": {
            "rules": [{"allow": ["Template"]}],
            "locations": [{"type": "file", "target": str(folder / "template.yaml")}],
        },
    }
    (folder / "app-config.yaml").write_text(yaml.safe_dump(config))
    with running(folder, folder / "app-config.yaml") as started:
        yield started


@asynccontextmanager
async def over_http(service: Running) -> AsyncIterator[ClientSession]:
    async with httpx2.AsyncClient(timeout=patience.SECONDS) as anonymous:
        answer = await anonymous.post(f"{service.url}/api/auth/guest/refresh")
    headers = {"authorization": f"Bearer {answer.json()['backstageIdentity']['token']}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=patience.SECONDS) as http,
        streamable_http_client(f"{service.url}/api/mcp-actions/v1", http_client=http) as streams,
        ClientSession(streams[0], streams[1]) as session,
    ):
        await session.initialize()
        yield session


@asynccontextmanager
async def over_stdio(service: Running) -> AsyncIterator[ClientSession]:
    arguments = ["-m", "backstage_py.cli", "mcp", "--url", service.url]
    server = StdioServerParameters(command=sys.executable, args=arguments, env=dict(os.environ), cwd=str(Path.cwd()))
    async with stdio_client(server) as streams, ClientSession(*streams) as session:
        await session.initialize()
        yield session


async def use(session: ClientSession, tool: str, **arguments: Any) -> Any:
    result = await session.call_tool(tool, arguments)
    text = result.content[0].text  # type: ignore[union-attr]  # our tools answer with text
    assert not result.is_error, text
    assert json.loads(text) == result.structured_content
    return result.structured_content


@pytest.mark.thorough(sample=1)
@pytest.mark.parametrize("connect", [over_http, over_stdio])
async def test_an_agent_finds_tries_and_runs_a_template(service: Running, connect: Any) -> None:
    async with connect(service) as session:
        listed = await session.list_tools()
        said = {tool.name: tool.annotations for tool in listed.tools}
        assert said["execute_template"].read_only_hint is False
        assert said["execute_template"].idempotent_hint is False
        assert said["get_task_logs"].read_only_hint
        assert all(tool.title and tool.description for tool in listed.tools)
        found = await use(session, "list_templates", search="greet")
        assert found["templates"] == [{"templateRef": REF, "type": "service", "title": "Greet somebody"}]
        form = await use(session, "get_template_parameters", templateRef=REF)
        assert form["steps"][0]["schema"]["required"] == ["name"]
        wrong = await use(session, "validate_values", templateRef=REF, values={"name": 7})
        assert wrong == {"valid": False, "problems": ["instance.name is not of a type(s) string"]}
        right = await use(session, "validate_values", templateRef=REF, values={"name": "Ada"})
        assert right == {"valid": True, "problems": []}
        asked = await use(session, "validate_values", templateRef=REF, values={"name": "Bob"})
        assert asked == {"valid": False, "problems": ['instance requires property "surname"']}
        text = yaml.safe_dump(TEMPLATE)
        tried = await use(session, "dry_run_template", templateYaml=text, values={"name": "Ada"})
        assert tried["output"] == {"greeted": "Ada"}
        task = (await use(session, "execute_template", templateRef=REF, values={"name": "Ada"}))["taskId"]
        events: list[Any] = []
        while not events or events[-1]["type"] != "completion":
            after = {"after": events[-1]["id"]} if events else {}
            events += (await use(session, "get_task_logs", taskId=task, **after))["events"]
        assert any("Hello, Ada" in event["body"]["message"] for event in events)
        state = await use(session, "get_task", taskId=task)
        assert (state["status"], state["createdBy"], state["templateRef"]) == (
            "completed",
            "user:development/guest",
            REF,
        )
        assert task in [one["id"] for one in (await use(session, "list_tasks"))["tasks"]]


async def test_an_agent_checks_templates_and_looks_around(service: Running) -> None:
    async with over_http(service) as session:
        broken = yaml.safe_dump(TEMPLATE).replace("parameters.name }}", "parameters.nmae }}", 1)
        checked = await use(session, "validate_template", templateYaml=broken)
        assert any("nmae" in problem["message"] for problem in checked["problems"])
        actions = (await use(session, "list_actions", search="debug:log", schemas=True))["actions"]
        assert actions[0]["schema"]["input"]["properties"]["message"]
        found = await use(session, "query_catalog", query={"kind": "template"}, fields=["metadata.name"])
        assert [one["metadata"]["name"] for one in found["items"]] == ["greet"]


@pytest.mark.thorough
async def test_long_answers_come_in_parts_an_agent_can_read(service: Running) -> None:
    async with over_http(service) as session:
        long = yaml.safe_dump(TEMPLATE).replace("Hello, ", "ha" * 50_000)
        tried = await use(session, "dry_run_template", templateYaml=long, values={"name": "Ada"})
        assert any(line.endswith("letters)") for line in tried["log"])
        assert sum(len(line) for line in tried["log"]) < 20_000
        task = (await use(session, "execute_template", templateRef=REF, values={"name": "Ada"}))["taskId"]
        events: list[Any] = []
        while not events or events[-1]["type"] != "completion":
            after = {"after": events[-1]["id"]} if events else {}
            page = await use(session, "get_task_logs", taskId=task, limit=1, **after)
            assert len(page["events"]) <= 1
            events += page["events"]
            assert page["isOver"] == (bool(events) and events[-1]["type"] == "completion")


async def test_an_answer_that_is_too_long_says_how_to_ask_for_less() -> None:
    class Crowded:
        async def call(self, method: str, path: str, body: Json = None) -> Json:
            del method, path, body
            return [{"id": f"acme:{number}", "description": "x" * 1000} for number in range(200)]

    with pytest.raises(InputError, match="ask for less, by 'search' or 'schemas'"):
        await tools.call(Crowded(), "list_actions", {})
    assert len((await tools.call(Crowded(), "list_actions", {"search": "acme:7"}))["actions"]) == 11


async def test_errors_are_words_that_an_agent_can_act_on(service: Running) -> None:
    async with over_http(service) as session:
        for tool, arguments, words in (
            ("execute_template", {"templateRef": REF, "values": {}}, 'requires property "name"'),
            ("get_task", {"taskId": "nope"}, "No task with id"),
            ("get_task", {}, 'instance requires property "taskId"'),
            ("dry_run_template", {"templateYaml": "a: [b"}, "The template is no YAML"),
        ):
            result = await session.call_tool(tool, arguments)
            assert result.is_error
            assert words in result.content[0].text  # type: ignore[union-attr]  # as above


async def test_without_a_token_nothing_is_offered(service: Running) -> None:
    async with httpx2.AsyncClient() as http:
        answer = await http.post(f"{service.url}/api/mcp-actions/v1", json={"jsonrpc": "2.0", "id": 1, "method": "x"})
    assert answer.status_code == 401
    assert answer.json()["error"]["message"] == "Missing credentials"
