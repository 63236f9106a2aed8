"""What an agent may do: a dozen tools over the HTTP API, each with a JSON Schema of its input."""

from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlencode

from backstage_py import threads
from backstage_py.errors import InputError
from backstage_py.model import entity_ref, json, parameter_pages, yaml
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.problem import Problem
from backstage_py.model.web_url import segment
from backstage_py.scaffolder.run.budget import RunBudget, is_small
from backstage_py.scaffolder.run.input_checks import validator

_SCAFFOLDER = "/api/scaffolder"
_CATALOG = "/api/catalog"
_MOST = 100
_ALWAYS = 1 << 30  # linting takes long with small texts, too
_LONGEST = 100_000  # letters of an answer, some 25,000 tokens: what common agents take at most
_LONGEST_MESSAGE = 4_000
_MOST_EVENTS = 200
_NARROWING = ("search", "fields", "limit", "schemas")
_TEMPLATE_FIELDS = "kind,metadata.name,metadata.namespace,metadata.title,metadata.description,metadata.tags,spec.type"


class Api(Protocol):
    """The HTTP API as one caller sees it."""

    async def call(self, method: str, path: str, body: Json = None) -> Json:
        """Send a request and return the JSON of the answer.

        Raises:
            BackstageError: it was refused; the message is the API's own.
        """


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool; ``run`` takes the API and checked arguments."""

    name: str
    title: str
    description: str
    schema: JsonObject
    run: Callable[[Api, JsonObject], Awaitable[JsonObject]]
    reads_only: bool = True

    @property
    def is_idempotent(self) -> bool:
        """Whether a second call with the same arguments changes nothing more: only running a template does."""
        return self.name != "execute_template"


async def call(api: Api, name: str, arguments: JsonObject) -> JsonObject:
    """Run a tool.

    Raises:
        InputError: there is no such tool, or the arguments do not fit its schema.
        BackstageError: the API refused.
    """
    tool = next((tool for tool in TOOLS if tool.name == name), None)
    if tool is None:
        raise InputError(f"There is no tool '{name}'; there are {', '.join(tool.name for tool in TOOLS)}")
    if problems := validator(tool.schema).problems(arguments):
        raise InputError(f"The arguments of {name} do not fit: {', '.join(map(str, problems))}")
    result = await tool.run(api, arguments)
    if (size := len(json.text(result))) > _LONGEST:
        raise InputError(
            f"The answer of {name} has {size} letters, more than {_LONGEST}; ask for less, by "
            + (" or ".join(f"'{one}'" for one in _NARROWING if one in tool.schema["properties"]) or "another tool")
        )
    return result


async def _list_templates(api: Api, given: JsonObject) -> JsonObject:
    asked = {"filter": "kind=template", "fields": _TEMPLATE_FIELDS, "limit": str(given.get("limit", _MOST))}
    if text := given.get("search"):
        asked["fullTextFilterTerm"] = text
        asked["fullTextFilterFields"] = "metadata.name,metadata.title,metadata.description"
    found = await api.call("GET", f"{_CATALOG}/entities/by-query?{urlencode(asked)}")
    return {"templates": [_template(one) for one in found["items"]], "total": found["totalItems"]}


def _template(entity: JsonObject) -> JsonObject:
    metadata = entity["metadata"]
    shown = {"templateRef": entity_ref.of(entity), "type": (entity.get("spec") or {}).get("type")}
    shown |= {key: metadata.get(key) for key in ("title", "description", "tags")}
    return {key: value for key, value in shown.items() if value}


async def _parameters(api: Api, given: JsonObject) -> JsonObject:
    ref = entity_ref.parse(given["templateRef"], default_kind="template", default_namespace="default")
    path = "/".join(segment(part) for part in (ref.namespace, ref.kind, ref.name))
    form: JsonObject = await api.call("GET", f"{_SCAFFOLDER}/v2/templates/{path}/parameter-schema")
    return form


async def _validate_values(api: Api, given: JsonObject) -> JsonObject:
    form = await _parameters(api, given)

    def check() -> list[str]:
        steps, values = form["steps"], given["values"]
        visible = parameter_pages.shown(
            [{**step["schema"], "when": step.get("when")} for step in steps], values
        ).visible
        schemas = [step["schema"] for step, is_visible in zip(steps, visible, strict=True) if is_visible]
        return [str(one) for schema in schemas for one in validator(schema).problems(values)]

    problems = await RunBudget().compute(check, is_small=is_small(form, given["values"]))
    return {"valid": not problems, "problems": list(dict.fromkeys(problems))}


def _linted(text: str) -> list[Problem]:
    from backstage_py.lint.check import check_text  # many rules; a service without agents never needs them

    return check_text(text, "template.yaml")


async def _validate_template(_api: Api, given: JsonObject) -> JsonObject:
    found = await threads.render_large(_ALWAYS, _linted, given["templateYaml"])
    problems = [
        {"line": one.line, "column": one.column, "severity": one.severity, "code": one.code, "message": one.message}
        for one in found
    ]
    return {"valid": not any(one["severity"] == "error" for one in problems), "problems": problems}


async def _dry_run(api: Api, given: JsonObject) -> JsonObject:
    try:
        template = await threads.render_large(len(given["templateYaml"]), yaml.load, given["templateYaml"])
    except yaml.YamlError as error:
        raise InputError(f"The template is no YAML: {error.message}") from error
    files = [
        {"path": one["path"], "base64Content": b64encode(one["content"].encode()).decode()}
        for one in given.get("files") or ()
    ]
    body = {"template": template, "values": given.get("values") or {}, "directoryContents": files}
    answer = await api.call("POST", f"{_SCAFFOLDER}/v2/dry-run", body)
    return {
        "log": [_shortened(entry["body"]).get("message") for entry in answer["log"][:_MOST_EVENTS]],
        "files": [one["path"] for one in answer["directoryContents"]],
        "output": answer["output"],
        "steps": [{key: one.get(key) for key in ("id", "name", "action")} for one in answer["steps"]],
    }


async def _execute(api: Api, given: JsonObject) -> JsonObject:
    body = {key: given[key] for key in ("templateRef", "values", "secrets") if key in given}
    created = await api.call("POST", f"{_SCAFFOLDER}/v2/tasks", body)
    return {"taskId": created["id"]}


async def _task(api: Api, given: JsonObject) -> JsonObject:
    task: JsonObject = await api.call("GET", f"{_SCAFFOLDER}/v2/tasks/{segment(given['taskId'])}")
    spec = task.pop("spec")
    task["templateRef"] = (spec.get("templateInfo") or {}).get("entityRef")
    task["parameters"] = spec.get("parameters")
    return task


async def _logs(api: Api, given: JsonObject) -> JsonObject:
    after = f"?after={given['after']}" if "after" in given else ""
    events = await api.call("GET", f"{_SCAFFOLDER}/v2/tasks/{segment(given['taskId'])}/events{after}")
    shown = [
        {key: one[key] for key in ("id", "type", "createdAt", "body")}
        for one in events[: given.get("limit", _MOST_EVENTS)]
    ]
    return {
        "events": [{**one, "body": _shortened(one["body"])} for one in shown],
        "hasMore": len(shown) < len(events),
        "isOver": any(one["type"] == "completion" for one in shown),
    }


def _shortened(body: JsonObject) -> JsonObject:
    """Return an event's body whose message an agent can read; one line of a log may have megabytes."""
    message = body.get("message")
    if not isinstance(message, str) or len(message) <= _LONGEST_MESSAGE:
        return body
    return {**body, "message": f"{message[:_LONGEST_MESSAGE]}… ({len(message)} letters)"}


async def _list_tasks(api: Api, given: JsonObject) -> JsonObject:
    asked: JsonObject = {"limit": _MOST, **given}
    found: JsonObject = await api.call("GET", f"{_SCAFFOLDER}/v2/tasks?{urlencode(asked)}")
    for task in found["tasks"]:
        task["templateRef"] = (task.pop("spec").get("templateInfo") or {}).get("entityRef")
    return found


async def _cancel(api: Api, given: JsonObject) -> JsonObject:
    answer: JsonObject = await api.call("POST", f"{_SCAFFOLDER}/v2/tasks/{segment(given['taskId'])}/cancel")
    return answer


async def _list_actions(api: Api, given: JsonObject) -> JsonObject:
    found: Sequence[JsonObject] = await api.call("GET", f"{_SCAFFOLDER}/v2/actions")
    text = given.get("search", "").lower()
    fitting = [one for one in found if text in f"{one['id']} {one.get('description')}".lower()]
    if given.get("schemas"):
        return {"actions": [{key: one.get(key) for key in ("id", "description", "schema")} for one in fitting]}
    return {"actions": [{"id": one["id"], "description": one.get("description", "")} for one in fitting]}


async def _query_catalog(api: Api, given: JsonObject) -> JsonObject:
    found: JsonObject = await api.call("POST", f"{_CATALOG}/entities/by-query", {"limit": _MOST, **given})
    return found


def _object(required: Sequence[str] = (), **properties: JsonObject) -> JsonObject:
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**schema, "required": list(required)} if required else schema


def _text(description: str) -> JsonObject:
    return {"type": "string", "description": description}


_REF = _text("Reference of the template, e.g. template:default/service.")
_VALUES: JsonObject = {"type": "object", "description": "Values of the template's form by their names."}
_TASK = _text("Id of the task.")
_YAML = _text("The whole text of template.yaml.")
_SEARCH = _text("Only those with this text in name, title or description.")
_LIMIT: Mapping[str, Json] = {"type": "integer", "minimum": 1, "maximum": 1000}
_FILES: JsonObject = {
    "type": "array",
    "description": "Files beside the template, as its steps read them.",
    "items": _object(("path", "content"), path=_text("Relative to the template."), content=_text("Text.")),
}
_STATUS: JsonObject = {"enum": ["open", "processing", "completed", "failed", "cancelled", "skipped"]}

TOOLS: tuple[Tool, ...] = (
    Tool(
        "list_templates",
        "List templates",
        "List the software templates with which repositories, services and infrastructure are made.",
        _object(search=_SEARCH, limit=dict(_LIMIT)),
        _list_templates,
    ),
    Tool(
        "get_template_parameters",
        "Get a template's form",
        "Return the form of a template: JSON Schemas of its pages; one with 'when' counts only if that expression of "
        "the values of the pages before it is true. Read it before running the template.",
        _object(("templateRef",), templateRef=_REF),
        _parameters,
    ),
    Tool(
        "validate_values",
        "Check values of a form",
        "Check values against the form of a template without running anything.",
        _object(("templateRef", "values"), templateRef=_REF, values=_VALUES),
        _validate_values,
    ),
    Tool(
        "validate_template",
        "Check a template's text",
        "Check the text of a template; problems have line, column and a rule's code.",
        _object(("templateYaml",), templateYaml=_YAML),
        _validate_template,
    ),
    Tool(
        "dry_run_template",
        "Try a template",
        "Try the text of a template: steps that change other systems are explained, not run.",
        _object(("templateYaml",), templateYaml=_YAML, values=_VALUES, files=_FILES),
        _dry_run,
    ),
    Tool(
        "execute_template",
        "Run a template",
        "Run a template for real, as the user. Returns the id of a task; follow it with get_task_logs.",
        _object(
            ("templateRef", "values"),
            templateRef=_REF,
            values=_VALUES,
            secrets={"type": "object", "additionalProperties": {"type": "string"}},
        ),
        _execute,
        reads_only=False,
    ),
    Tool(
        "get_task",
        "Get a task",
        "Return status, template and parameters of a task.",
        _object(("taskId",), taskId=_TASK),
        _task,
    ),
    Tool(
        "get_task_logs",
        "Get a task's log",
        "Return the events of a task in their order; isOver is true with the last one, of the type completion. "
        "Where there is none yet, wait for one for up to 30 seconds. Go on with after = id of the last event.",
        _object(
            ("taskId",),
            taskId=_TASK,
            after={"type": "integer", "minimum": 0, "description": "Only events behind this event id."},
            limit=dict(_LIMIT),
        ),
        _logs,
    ),
    Tool(
        "list_tasks",
        "List tasks",
        "List tasks, newest first.",
        _object(createdBy=_text("Reference of the user who started them."), status=_STATUS, limit=dict(_LIMIT)),
        _list_tasks,
    ),
    Tool(
        "cancel_task",
        "Cancel a task",
        "End a running task.",
        _object(("taskId",), taskId=_TASK),
        _cancel,
        reads_only=False,
    ),
    Tool(
        "list_actions",
        "List actions",
        "List the actions that templates may use, with JSON Schemas of input and output if asked for.",
        _object(search=_SEARCH, schemas={"type": "boolean"}),
        _list_actions,
    ),
    Tool(
        "query_catalog",
        "Query the catalog",
        "Find entities of the software catalog by a predicate.",
        _object(
            query={
                "type": "object",
                "description": 'By dotted path, e.g. {"kind": "api", "spec.owner": {"$in": ["group:default/a"]}}; '
                "$all, $any, $not, $exists, $contains and $hasPrefix work, too.",
            },
            fullTextFilter={"type": "object", "properties": {"term": {"type": "string"}}, "required": ["term"]},
            fields={
                "type": "array",
                "items": {"type": "string"},
                "description": "Only these paths, e.g. metadata.name.",
            },
            limit=dict(_LIMIT),
            cursor=_text("nextPageCursor of the answer before."),
        ),
        _query_catalog,
    ),
)
