"""The scaffolder itself as actions for other programs: tasks, logs, dry runs. What they offer is Backstage's five."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from starlette.routing import BaseRoute

from backstage_py import bundled, threads
from backstage_py.errors import InputError, NotAllowedError
from backstage_py.http import actions_registry
from backstage_py.http.actions_registry import Call, OfferedAction
from backstage_py.model import json, times, yaml
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.task import Task, TaskEvent
from backstage_py.permissions import names
from backstage_py.scaffolder.face.action_policy import ActionPolicy
from backstage_py.scaffolder.face.authorized import AuthorizedScaffolder
from backstage_py.scaffolder.face.directory import DirectoryFile

_LARGEST_FILE = 64 * 1024
_SHOWN_TASK = ("id", "spec", "status", "createdAt", "lastHeartbeatAt")
_NEEDED = {"dry-run-template": names.DRY_RUN}
_SHOWN_IN_BODY = ("message", "stepId", "status")


def routes(service: AuthorizedScaffolder, policy: ActionPolicy) -> Sequence[BaseRoute]:
    """Return the routes below ``/api/scaffolder``."""
    actions = offered(service)
    return actions_registry.routes("scaffolder", lambda: actions, policy, service.authority)


def offered(service: AuthorizedScaffolder) -> Sequence[OfferedAction]:
    """Return the five actions."""
    runs = _TaskHandlers(service)
    by_name: dict[str, Callable[[Call], Awaitable[Json]]] = {
        "list-scaffolder-tasks": runs.list_tasks,
        "dry-run-template": runs.dry_run,
        "list-scaffolder-actions": runs.list_actions,
        "execute-template": runs.execute,
        "get-scaffolder-task-logs": runs.logs,
    }
    return [
        OfferedAction(entry, by_name[entry["name"]], _NEEDED.get(entry["name"]))
        for entry in bundled.schema("scaffolder-actions")
    ]


class _TaskHandlers:
    def __init__(self, service: AuthorizedScaffolder) -> None:
        self._service = service

    async def list_tasks(self, call: Call) -> Json:
        user = call.credentials.user_ref
        if call.input.get("owned") and not user:
            raise NotAllowedError("Filtering by owned tasks requires a user identity.")
        status = call.input.get("status") or []
        tasks, total = await self._service.list(
            call.credentials,
            created_by=[user] if call.input.get("owned") and user else [],
            status=[status] if isinstance(status, str) else status,
            limit=call.input.get("limit"),
            offset=call.input.get("offset"),
        )
        return {"tasks": [_task(task) for task in tasks], "totalTasks": total}

    async def dry_run(self, call: Call) -> Json:
        try:
            text = call.input["templateYaml"]
            template = await threads.render_large(len(text), yaml.load, text)
        except yaml.YamlError as error:
            where = f"At line {error.problem.line}, column {error.problem.column}"
            errors = [f"YAML parsing error: {error.problem.pretty or error.message}", where]
            return {"valid": False, "message": "Failed to parse YAML template", "errors": errors}
        body = {
            "template": template,
            "values": call.input.get("values") or {},
            "directoryContents": [_file(one).as_json() for one in call.input.get("files") or ()],
        }
        result = await self._service.dry_run(body, call.credentials)
        return {
            "valid": True,
            "message": "Template validation successful",
            "log": [_picked(entry["body"], _SHOWN_IN_BODY) for entry in result["log"]],
            "output": result["output"],
            "steps": [_picked(step, ("id", "name", "action")) for step in result["steps"]],
        }

    async def list_actions(self, call: Call) -> Json:
        found = await self._service.actions(call.credentials)
        return {
            "actions": [
                {
                    "id": one["id"],
                    "description": one["description"],
                    "schema": {key: one["schema"].get(key) or {} for key in ("input", "output")},
                    "examples": one["examples"],
                }
                for one in found
            ]
        }

    async def execute(self, call: Call) -> Json:
        given = call.input
        secrets = given.get("secrets") or {}
        task_id = await self._service.create(given["templateRef"], given["values"], secrets, call.credentials)
        return {"taskId": task_id}

    async def logs(self, call: Call) -> Json:
        events = await self._service.past_events(call.input["taskId"], call.input.get("after"), call.credentials)
        return {"events": [_event(event) for event in events]}


def _task(task: Task) -> JsonObject:
    shown: JsonObject = {"id": task.id, "spec": task.spec, "status": task.status}
    shown["createdAt"] = times.iso(task.created_at)
    if task.last_heartbeat_at is not None:
        shown["lastHeartbeatAt"] = times.iso(task.last_heartbeat_at)
    return _picked(shown, _SHOWN_TASK)


def _event(event: TaskEvent) -> JsonObject:
    return {
        "id": event.id,
        "taskId": event.task_id,
        "createdAt": times.iso(event.created_at),
        "type": event.type,
        "body": {"message": "", **_picked(json.parse(event.body), _SHOWN_IN_BODY)},
    }


def _file(given: JsonObject) -> DirectoryFile:
    content = given["content"].encode()
    if len(content) > _LARGEST_FILE:
        raise InputError(f"The file '{given['path']}' is larger than 64 kB, the most that a dry run takes")
    return DirectoryFile(given["path"], content)


def _picked(value: Mapping[str, Json], names: Sequence[str]) -> JsonObject:
    return {name: value[name] for name in names if name in value}
