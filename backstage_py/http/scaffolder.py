"""The scaffolder's face: ``/api/scaffolder``, paths relative to it."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import wraps

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from backstage_py import bundled, threads
from backstage_py.errors import InputError
from backstage_py.http import sse
from backstage_py.http.body import json_body
from backstage_py.http.client_disconnect import until_disconnect
from backstage_py.http.credentials import credentials
from backstage_py.http.openapi import OpenApiValidator
from backstage_py.http.respond import json_response, json_text_response
from backstage_py.http.sse import EventStreamResponse
from backstage_py.js import budget
from backstage_py.model import json, times
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.task import Task, TaskEvent
from backstage_py.scaffolder.face import templates
from backstage_py.scaffolder.face.authorized import AuthorizedScaffolder
from backstage_py.scaffolder.face.template_forms import FormProblems

BODY_LIMIT = 10 * 1024 * 1024
_CREATED = 201
_EVENT_ID = re.compile(r"\d{1,18}")
Endpoint = Callable[[Request], Awaitable[ASGIApp]]


def document() -> JsonObject:
    """Return the OpenAPI document of this face."""
    found: JsonObject = bundled.schema("openapi/scaffolder")
    return found


def routes(service: AuthorizedScaffolder) -> Sequence[BaseRoute]:
    """Return the routes. The caller is authenticated before they are reached."""
    face = _Handlers(service, OpenApiValidator(document(), prefix="/api/scaffolder"))
    return [
        _route("GET", "/v2/templates/{namespace}/{kind}/{name}/parameter-schema", face.parameter_schema),
        _route("GET", "/v2/actions", face.actions),
        _route("POST", "/v2/tasks", face.create),
        _route("GET", "/v2/tasks", face.tasks),
        _route("GET", "/v2/tasks/{task_id}", face.task),
        _route("POST", "/v2/tasks/{task_id}/cancel", face.cancel),
        _route("POST", "/v2/tasks/{task_id}/retry", face.retry),
        _route("GET", "/v2/tasks/{task_id}/eventstream", face.event_stream),
        _route("GET", "/v2/tasks/{task_id}/events", face.events),
        _route("POST", "/v2/dry-run", face.dry_run),
        _route("POST", "/v2/autocomplete/{provider}/{resource}", face.autocomplete),
        _route("GET", "/v2/templating-extensions", face.templating_extensions),
    ]


class _Handlers:
    def __init__(self, service: AuthorizedScaffolder, validator: OpenApiValidator) -> None:
        self._service = service
        self._validator = validator

    async def parameter_schema(self, request: Request) -> Response:
        path = request.path_params
        self._check("/v2/templates/{namespace}/{kind}/{name}/parameter-schema", request)
        ref = templates.reference(path["kind"], path["namespace"], path["name"])
        return json_response(await self._service.parameter_schema(ref, credentials(request)))

    async def actions(self, request: Request) -> Response:
        self._check("/v2/actions", request)
        return json_response(await self._service.actions(credentials(request)))

    async def tasks(self, request: Request) -> Response:
        query = self._check("/v2/tasks", request)
        tasks, total = await self._service.list(
            credentials(request),
            created_by=query.get("createdBy", ()),
            status=query.get("status", ()),
            order=query.get("order", ()),
            limit=query.get("limit"),
            offset=query.get("offset"),
        )
        return json_text_response(json.dumps({"tasks": [_task(task) for task in tasks], "totalTasks": total}))

    async def create(self, request: Request) -> Response:
        body = await json_body(request)
        self._check("/v2/tasks", request, body)
        task_id = await self._service.create(
            body["templateRef"], body["values"], body.get("secrets") or {}, credentials(request)
        )
        return json_response({"id": task_id}, _CREATED)

    async def task(self, request: Request) -> Response:
        self._check("/v2/tasks/{taskId}", request)
        return json_text_response(
            json.dumps(_task(await self._service.get(request.path_params["task_id"], credentials(request))))
        )

    async def cancel(self, request: Request) -> Response:
        self._check("/v2/tasks/{taskId}/cancel", request)
        await self._service.cancel(request.path_params["task_id"], credentials(request))
        return json_response({"status": "cancelled"})

    async def retry(self, request: Request) -> Response:
        body = await json_body(request)
        self._check("/v2/tasks/{taskId}/retry", request, body)
        task_id = request.path_params["task_id"]
        secrets = body.get("secrets") if isinstance(body, dict) else None
        await self._service.retry(task_id, secrets or {}, credentials(request))
        return json_response({"id": task_id}, _CREATED)

    async def event_stream(self, request: Request) -> ASGIApp:
        after = _stream_after(request)
        batches = await self._service.event_stream(request.path_params["task_id"], after, credentials(request))
        return EventStreamResponse(_frames(batches))

    async def events(self, request: Request) -> Response:
        query = self._check("/v2/tasks/{taskId}/events", request)
        task_id = request.path_params["task_id"]
        events = await self._service.event_list(task_id, query.get("after"), credentials(request))
        texts = ",".join(event.as_json_text(recoverable=starts_over) for event, starts_over in events)
        return json_text_response(f"[{texts}]".encode())

    async def dry_run(self, request: Request) -> Response:
        body = await json_body(request)
        self._check("/v2/dry-run", request, body)
        answer = await until_disconnect(request, self._service.dry_run(body, credentials(request)))
        return await threads.render_large(budget.size(answer, 1 << 20) // 8, json_response, answer)

    async def autocomplete(self, request: Request) -> Response:
        body = await json_body(request)
        self._check("/v2/autocomplete/{provider}/{resource}", request, body)
        path = request.path_params
        results = await self._service.complete(path["provider"], path["resource"], body["token"], body["context"])
        return json_response({"results": list(results)})

    async def templating_extensions(self, request: Request) -> Response:
        self._check("/v2/templating-extensions", request)
        return json_response(self._service.templating_extensions())

    def _check(self, path: str, request: Request, body: Json = None) -> JsonObject:
        return dict(self._validator.check_request(path, request.method, request, body))


def _route(method: str, path: str, endpoint: Endpoint) -> Route:
    return Route(path, _answering_form_problems(endpoint), methods=[method])


def _answering_form_problems(endpoint: Endpoint) -> Endpoint:
    """Answer values or secrets that do not fit as ``{"errors": […]}``, which is not Backstage's usual error shape."""

    @wraps(endpoint)
    async def answer(request: Request) -> ASGIApp:
        try:
            return await endpoint(request)
        except FormProblems as problems:
            errors = {"errors": problems.errors}
            return await threads.render_large(budget.size(errors, 1 << 20) // 8, json_response, errors, problems.status)

    return answer


def _task(task: Task) -> dict[str, object]:
    shown: dict[str, object] = {
        "id": task.id,
        "spec": orjson.Fragment(task.spec_text),
        "status": task.status,
        "createdAt": times.iso(task.created_at),
        "lastHeartbeatAt": None if task.last_heartbeat_at is None else times.iso(task.last_heartbeat_at),
    }
    if task.created_by is not None:
        shown["createdBy"] = task.created_by
    return shown


def _stream_after(request: Request) -> int | None:
    """Return ``after`` of a stream, which is no operation of the OpenAPI document.

    Raises:
        InputError: it is no number.
    """
    text = request.query_params.get("after")
    if text is None:
        return None
    if not _EVENT_ID.fullmatch(text):
        raise InputError("request/query/after must be integer")
    return int(text)


async def _frames(batches: AsyncIterator[Sequence[tuple[TaskEvent, bool]]]) -> AsyncIterator[bytes]:
    async for batch in batches:
        if not batch:
            yield sse.COMMENT
            continue
        yield b"".join(
            sse.frame(event.type, event.as_json_text(recoverable=starts_over)) for event, starts_over in batch
        )
