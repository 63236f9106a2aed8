import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from backstage_py.errors import ServiceUnavailableError
from backstage_py.plugin import ActionContext, action
from backstage_py.storage.scaffolder.events import EventStore
from tests import patience
from tests.http.scaffolder_site import get, post, site
from tests.scaffolder.harness import template, world

Context = ActionContext[dict[str, Any]]


@action(
    "test:say", {"type": "object", "properties": {"message": {"type": "string"}}}, description="Says it.", dry_run=True
)
def say(ctx: Context) -> None:
    ctx.logger.info(ctx.input["message"])


ENTITY = template(
    {"id": "s", "name": "S", "action": "test:say", "input": {"message": "hi ${{ parameters.name }}"}},
    parameters=[{"title": "Page", "required": ["name"], "properties": {"name": {"type": "string"}}}],
)


async def test_a_task_from_its_form_to_its_stream(tmp_path: Path) -> None:
    async with world(tmp_path, say) as w:
        app = site(w)
        w.catalog.add(ENTITY)
        form = await get(app, "/v2/templates/default/Template/t/parameter-schema")
        created = await post(app, "/v2/tasks", {"templateRef": "template:default/t", "values": {"name": "Ann"}})
        task_id = created.json["id"]
        stream = await get(app, f"/v2/tasks/{task_id}/eventstream", accept="text/event-stream")
        task = await get(app, f"/v2/tasks/{task_id}")
        events = await get(app, f"/v2/tasks/{task_id}/events")
        listed = await get(app, "/v2/tasks?status=completed&order=desc:created_at&limit=5")
    assert form.json == {
        "title": "t",
        "steps": [{"title": "Page", "schema": ENTITY["spec"]["parameters"][0]}],
    }
    assert created.status == 201
    assert stream.headers["content-type"] == "text/event-stream"
    assert stream.headers["cache-control"] == "no-cache"
    parts = stream.body.decode().strip().split("\n\n")
    frames = [part.split("\ndata: ", 1) for part in parts if not part.startswith(":")]
    assert [json.loads(data) for _, data in frames] == events.json
    assert {head.removeprefix("event: ") for head, _ in frames} == {"log", "completion"}
    assert list(events.json[0]) == ["id", "isTaskRecoverable", "taskId", "body", "type", "createdAt"]
    assert task.json["status"] == "completed"
    assert task.json["spec"]["templateInfo"]["entityRef"] == "template:default/t"
    assert task.json["spec"]["user"]["ref"] == "user:development/guest"
    assert "secrets" not in task.json
    assert listed.json["totalTasks"] == 1


@pytest.mark.thorough(sample=6)
@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("GET", "/v2/tasks/nope", None, 404, "No task with id 'nope' found"),
        ("GET", "/v2/tasks/nope/eventstream", None, 404, "No task with id 'nope' found"),
        ("GET", "/v2/tasks/x/eventstream?after=abc", None, 400, "request/query/after must be integer"),
        ("GET", "/v2/tasks/x/events?after=abc", None, 400, "request/query/after must be integer"),
        ("GET", "/v2/tasks?limit=abc", None, 400, "request/query/limit must be integer"),
        ("GET", "/v2/tasks?foo=bar", None, 400, "Unknown query parameter 'foo'"),
        ("GET", "/v2/tasks?order=asc:nope", None, 400, 'Invalid order field "nope"'),
        (
            "GET",
            "/v2/tasks?order=nope",
            None,
            400,
            'Invalid order parameter "nope", expected "<asc or desc>:<field name>"',
        ),
        ("POST", "/v2/tasks", {"values": {}}, 400, "request/body must have required property 'templateRef'"),
        ("POST", "/v2/tasks", None, 400, "unsupported media type undefined"),
        (
            "POST",
            "/v2/tasks",
            {"templateRef": "template:default/x", "values": {}},
            404,
            "Template template:default/x not found",
        ),
        (
            "POST",
            "/v2/tasks",
            {"templateRef": "a:b:c", "values": {}},
            400,
            "Invalid kind, only 'Template' kind is supported",
        ),
        ("POST", "/v2/tasks/nope/cancel", None, 404, "No task with id 'nope' found"),
        ("POST", "/v2/tasks/nope/retry", {}, 404, "No task with id 'nope' found"),
        ("POST", "/v2/autocomplete/nope/x", {"token": "t", "context": {}}, 400, "Unsupported provider: nope"),
    ],
)
async def test_errors_have_backstages_shape_and_words(
    tmp_path: Path, method: str, path: str, body: Any, status: int, message: str
) -> None:
    async with world(tmp_path, start=False) as w:
        answer = await (get(site(w), path) if method == "GET" else post(site(w), path, body))
    assert (answer.status, answer.json["error"]["message"]) == (status, message)
    assert answer.json["request"] == {"method": method, "url": path}
    assert answer.json["response"] == {"statusCode": status}


async def test_values_that_do_not_fit_are_answered_as_a_list_of_problems(tmp_path: Path) -> None:
    async with world(tmp_path, say, start=False) as w:
        w.catalog.add(ENTITY)
        answer = await post(site(w), "/v2/tasks", {"templateRef": "t", "values": {"name": 3}})
    assert answer.status == 400
    assert answer.json == {
        "errors": [
            {
                "path": ["name"],
                "property": "instance.name",
                "message": "is not of a type(s) string",
                "schema": {"type": "string"},
                "instance": 3,
                "name": "type",
                "argument": ["string"],
                "stack": "instance.name is not of a type(s) string",
            }
        ]
    }


async def test_actions_and_extensions_describe_themselves(tmp_path: Path) -> None:
    async with world(tmp_path, say, start=False) as w:
        actions = await get(site(w), "/v2/actions")
        extensions = await get(site(w), "/v2/templating-extensions")
    assert actions.json == [
        {
            "id": "test:say",
            "description": "Says it.",
            "examples": [],
            "schema": {"input": {"type": "object", "properties": {"message": {"type": "string"}}}},
        }
    ]
    assert set(extensions.json["filters"]) == {"parseRepoUrl", "parseEntityRef", "pick", "projectSlug"}
    assert extensions.json["globals"] == {"functions": {}, "values": {}}


async def test_dry_run_cancel_and_retry_answer(tmp_path: Path) -> None:
    async with world(tmp_path, say) as w:
        app = site(w)
        dry = await post(
            app, "/v2/dry-run", {"template": ENTITY, "values": {"name": "x"}, "secrets": {}, "directoryContents": []}
        )
        task_id = await w.create(ENTITY, {"name": "x"})
        await w.events(task_id)
        cancelled = await post(app, f"/v2/tasks/{task_id}/cancel")
        retried = await post(app, f"/v2/tasks/{task_id}/retry", {"secrets": {}})
    assert list(dry.json) == ["log", "directoryContents", "output", "steps"]
    assert (cancelled.status, cancelled.json) == (200, {"status": "cancelled"})
    assert (retried.status, retried.json) == (201, {"id": task_id})


async def test_a_stream_ends_when_its_client_goes(tmp_path: Path) -> None:
    async with world(tmp_path, say, start=False) as w:
        task_id = await w.create(ENTITY, {"name": "x"})
        gone = asyncio.Event()
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        path = f"/api/scaffolder/v2/tasks/{task_id}/eventstream"
        scope: dict[str, Any] = {
            "type": "http",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [],
            "state": {},
        }
        streaming = asyncio.ensure_future(site(w)(scope, receive, send))
        await patience.until(lambda: sent)
        assert sent[0]["type"] == "http.response.start"
        gone.set()
        async with patience.bounded():
            await streaming
        assert w.scaffolder.service.events._tails == {}


async def test_a_stream_that_cannot_begin_is_answered_with_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_answer(_store: EventStore, _task_id: str, _after: int | None) -> None:
        raise ServiceUnavailableError("The database does not answer")

    async with world(tmp_path, say, start=False) as w:
        task_id = await w.create(ENTITY, {"name": "x"})
        monkeypatch.setattr(EventStore, "after", no_answer)
        answer = await get(site(w), f"/v2/tasks/{task_id}/eventstream")
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert answer.json["error"] == {"name": "ServiceUnavailableError", "message": "The database does not answer"}


async def test_a_dry_run_ends_when_its_client_goes(tmp_path: Path) -> None:
    begun, ended = threading.Event(), threading.Event()

    @action("test:long", dry_run=True)
    async def long(ctx: Context) -> None:
        begun.set()
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()

    async with world(tmp_path, long) as w:
        entity = template({"id": "s", "action": "test:long"})
        body = json.dumps({"template": entity, "values": {}, "secrets": {}, "directoryContents": []}).encode()
        messages: list[dict[str, Any]] = [
            {"type": "http.request", "body": body, "more_body": False},
            {"type": "http.disconnect"},
        ]

        async def receive() -> dict[str, Any]:
            message = messages.pop(0)
            if message["type"] == "http.disconnect":
                await asyncio.to_thread(begun.wait, patience.SECONDS)
            return message

        async def send(message: Any) -> None:
            raise AssertionError(message)

        headers = {"content-type": "application/json", "content-length": str(len(body))}
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/api/scaffolder/v2/dry-run",
            "raw_path": b"/api/scaffolder/v2/dry-run",
            "query_string": b"",
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "state": {},
        }
        async with patience.bounded():
            await site(w)(scope, receive, send)
        assert await asyncio.to_thread(ended.wait, patience.SECONDS)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v2/tasks?limit=99999999999999999999&offset=99999999999999999999", 200),
        ("/v2/tasks?createdBy=%00", 200),
        ("/v2/tasks/%00", 404),
    ],
)
async def test_values_that_no_database_holds_find_nothing(tmp_path: Path, path: str, status: int) -> None:
    async with world(tmp_path, start=False) as w:
        answer = await get(site(w), path)
    assert answer.status == status


async def test_a_stream_behind_more_events_than_there_can_be_waits(tmp_path: Path) -> None:
    async with world(tmp_path, say) as w:
        task_id = await w.create(ENTITY, {"name": "x"})
        await w.events(task_id)
        answer = await get(site(w), f"/v2/tasks/{task_id}/events?after=99999999999999999999")
    assert [event["type"] for event in answer.json] == ["completion"]


async def test_names_that_templates_may_not_use_are_the_callers_mistake(tmp_path: Path) -> None:
    entity = template({"action": "test:say", "input": {"message": "x"}})
    body = {"template": entity, "values": {"__proto__": {"a": 1}}, "directoryContents": []}
    async with world(tmp_path, say, start=False) as w:
        answer = await post(site(w), "/v2/dry-run", body)
    assert answer.status == 400


def form(properties: dict[str, Any]) -> dict[str, Any]:
    return template({"id": "s", "name": "S", "action": "test:say"}, parameters=[{"properties": properties}])


async def test_a_pattern_of_a_form_that_backtracks_without_end_is_refused_at_a_bound(tmp_path: Path) -> None:
    async with world(tmp_path, say) as w:
        app = site(w)
        w.catalog.add(form({"name": {"type": "string", "pattern": "^(?=(a+)+b)x"}}))
        answer = await post(app, "/v2/tasks", {"templateRef": "template:default/t", "values": {"name": "a" * 60}})
    assert answer.status == 400
    assert answer.json["error"]["message"] == (
        "The template's form cannot be used: '^(?=(a+)+b)x' cannot be matched against a text of 60 characters: "
        "The limit of 200,000 steps in one regular expression is exceeded. "
        "Write it without repetitions inside of repetitions"
    )


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("pattern", "value"),
    [("^a\\sb$", "a\u00a0b"), ("^(?!-)[a-z-]+$", "a" * 5_000), ("^[\\p{L}]+$", "Ωmega"), ("^[\\w-.]+$", "a.b")],
)
async def test_a_pattern_of_a_form_is_read_as_javascript_reads_it(tmp_path: Path, pattern: str, value: str) -> None:
    async with world(tmp_path, say) as w:
        app = site(w)
        w.catalog.add(
            form({"name": {"type": "string", "pattern": pattern}, "map": {"patternProperties": {pattern: {}}}})
        )
        values = {"name": value, "map": {value: 1}}
        answer = await post(app, "/v2/tasks", {"templateRef": "template:default/t", "values": values})
    assert answer.status == 201


@pytest.mark.thorough(sample=4)
@pytest.mark.parametrize(
    ("page", "values", "message"),
    [
        ({"dependencies": {"b": {"oneOf": "wrong"}}, "properties": {"b": {}}}, {"b": 1}, "oneOf must be an array"),
        ({"properties": {"a": None}}, {}, 'Unexpected null, expected schema in "properties"'),
        ({"anyOf": [None]}, {}, "schema is undefined"),
        ({"dependencies": {"a": None}}, {"a": 1}, "Cannot read properties of null (reading '$id')"),
        ({"properties": {"a": {"enum": 5}}}, {"a": 1}, "enum expects an array"),
        ({"properties": {"a": {"pattern": "("}}}, {"a": "x"}, "Invalid regular expression: /(/: Unterminated group"),
        ({"$ref": "#/nothing"}, {}, "no such schema #/nothing located in </undefined>"),
        ({"properties": {"a": {"$ref": "#"}}, "$ref": "#"}, {}, "Maximum call stack size exceeded"),
    ],
)
async def test_a_form_that_cannot_be_checked_is_refused_alike_each_time(
    tmp_path: Path, page: dict[str, Any], values: dict[str, Any], message: str
) -> None:
    async with world(tmp_path, say) as w:
        app = site(w)
        w.catalog.add(template({"id": "s", "name": "S", "action": "test:say"}, parameters=[page]))
        task = {"templateRef": "template:default/t", "values": values}
        answers = [await post(app, "/v2/tasks", task) for _ in range(3)]
    assert [answer.status for answer in answers] == [400, 400, 400]
    assert {answer.json["error"]["message"] for answer in answers} == {f"The template's form cannot be used: {message}"}


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("page", "problems"),
    [
        ({"required": [{}]}, ["instance requires property {}"]),
        ({"dependencies": 5}, []),
        ({"dependencies": {"a": 5}}, []),
        ({"required": 5, "properties": 5, "items": None, "type": {}}, []),
        ({"minProperties": "x"}, ["instance does not meet minimum property length of x"]),
    ],
)
async def test_keywords_without_sense_mean_what_they_mean_to_backstage(
    tmp_path: Path, page: dict[str, Any], problems: list[str]
) -> None:
    async with world(tmp_path, say) as w:
        app = site(w)
        w.catalog.add(template({"id": "s", "name": "S", "action": "test:say"}, parameters=[page]))
        answer = await post(app, "/v2/tasks", {"templateRef": "template:default/t", "values": {"a": 1}})
    assert answer.status == (400 if problems else 201)
    assert [one["stack"] for one in answer.json.get("errors", [])] == problems
