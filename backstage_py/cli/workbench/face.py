"""The page's own paths: ``/workbench/…``; what they answer is for the page alone and may change with it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from backstage_py import threads
from backstage_py.cli.local import template_file
from backstage_py.cli.workbench import entities, recording, runs
from backstage_py.cli.workbench.changes import Changes
from backstage_py.cli.workbench.folder import Folder
from backstage_py.cli.workbench.recording import Recording
from backstage_py.errors import InputError
from backstage_py.http import sse
from backstage_py.http.body import json_body
from backstage_py.http.respond import json_response
from backstage_py.http.sse import EventStreamResponse
from backstage_py.model import json, parameter_pages
from backstage_py.model.json import Json, JsonObject
from backstage_py.scaffolder.face import directory
from backstage_py.scaffolder.face.directory import DirectoryFile

BODY_LIMIT = 20 * 1024 * 1024
_CREATED = 201
_CHECKS = threads.Lane(1)
_CASE_KEYS = ("values", "user", "sandbox", "secrets", "expect")


def routes(folder: Folder, changes: Changes) -> Sequence[BaseRoute]:
    """Return the routes."""
    face = _Handlers(folder, changes)
    return [
        Route("/workbench/overview", face.overview),
        Route("/workbench/template", face.template),
        Route("/workbench/changes", face.changes),
        Route("/workbench/pages", face.pages, methods=["POST"]),
        Route("/workbench/entities", face.entities, methods=["POST"]),
        Route("/workbench/run", face.run, methods=["POST"]),
        Route("/workbench/test", face.test, methods=["POST"]),
        Route("/workbench/case", face.case, methods=["POST"]),
    ]


class _Handlers:
    def __init__(self, folder: Folder, changes: Changes) -> None:
        self._folder = folder
        self._changes = changes
        self._found: tuple[int, JsonObject] | None = None
        self._looking = asyncio.Lock()

    async def overview(self, _request: Request) -> Response:
        async with self._looking:  # all pages that are open ask at once when a file is saved
            count = self._changes.count
            if self._found is None or self._found[0] != count:
                self._found = count, await _CHECKS.run(self._folder.overview)
            return json_response(self._found[1])

    async def template(self, request: Request) -> Response:
        return json_response(await threads.file_work(self._folder.details, request.query_params.get("path", "")))

    async def changes(self, _request: Request) -> EventStreamResponse:
        return EventStreamResponse(self._change_frames())

    async def pages(self, request: Request) -> Response:
        """Say which pages of a form are shown for some values."""
        body = await _body(request)
        folder = self._folder
        local = await template_file.load(folder.template(body.get("path")), folder.config, folder.trust)
        shown = await threads.offload(parameter_pages.shown, local.template.pages, _object(body, "values"))
        return json_response({"visible": list(shown.visible)})

    async def entities(self, request: Request) -> Response:
        body = await _body(request)
        return json_response(await threads.file_work(self._offered, body.get("path"), body.get("filter")))

    def _offered(self, template: Json, wanted: Json) -> JsonObject:
        own = self._folder.fixtures(self._folder.template(template)).entities if template else None
        return entities.offered(list(entities.of(self._folder.path)) if own is None else own, wanted)

    async def run(self, request: Request) -> EventStreamResponse:
        body = await _body(request)
        asked = runs.wanted(self._folder.template(body.get("path")), body)
        return EventStreamResponse(self._run_frames(asked))

    async def test(self, request: Request) -> Response:
        body = await _body(request)
        only = body.get("name")
        template = self._folder.template(body.get("path"))
        return json_response({"cases": await runs.cases(self._folder, template, only)})

    async def case(self, request: Request) -> Response:
        body = await _body(request)
        template = self._folder.template(body.get("path"))
        tree = _tree(body["tree"]) if isinstance(body.get("tree"), list) else None
        case = {key: body[key] for key in _CASE_KEYS if body.get(key)}
        wanted = Recording(str(body.get("name") or ""), {"values": {}, **case}, tree)
        file, line = await threads.file_work(recording.record, template, wanted)
        return json_response({"file": self._folder.name(file), "line": line}, _CREATED)

    async def _change_frames(self) -> AsyncIterator[bytes]:
        async for change in self._changes.follow():
            if change is None:
                yield sse.COMMENT
            else:
                yield sse.frame("changed", json.text({"count": change[0], "paths": list(change[1])}))

    async def _run_frames(self, asked: runs.Wanted) -> AsyncIterator[bytes]:
        async for event, data in runs.events(self._folder, asked):
            yield sse.frame(event, json.text(data))


async def _body(request: Request) -> JsonObject:
    body = await json_body(request)
    if not isinstance(body, dict):
        raise InputError("The body must be a JSON object")
    return body


def _tree(listed: Json) -> list[DirectoryFile]:
    files = zip(directory.parse(listed), listed, strict=True)
    return [replace(file, executable=one.get("executable") is True) for file, one in files]


def _object(body: JsonObject, key: str) -> JsonObject:
    found: Json = body.get(key) or {}
    if not isinstance(found, dict):
        raise InputError(f"'{key}' must be an object")
    return found
