"""Runs one action the way a step does: input checked by its schema, a workspace, a log, and services."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator

from backstage_py.errors import ConflictError, InputError, NotFoundError, ServiceUnavailableError
from backstage_py.model.http import BackstageResponse
from backstage_py.model.json import Json, JsonObject
from backstage_py.plugin import ActionContext, CancelSignal, Services, StepInfo, TemplateInfo, User, Workspace
from backstage_py.plugin.registry import load_actions

REGISTRY = load_actions()


@dataclass
class Log:
    """The lines of a step's log, with their level."""

    lines: list[tuple[str, str]] = field(default_factory=list)

    def debug(self, message: str) -> None:
        self.lines.append(("debug", message))

    def info(self, message: str) -> None:
        self.lines.append(("info", message))

    def warning(self, message: str) -> None:
        self.lines.append(("warning", message))

    def error(self, message: str) -> None:
        self.lines.append(("error", message))

    @property
    def messages(self) -> list[str]:
        return [message for _, message in self.lines]


@dataclass
class Sink:
    """Outputs, checkpoints and effects; the latter two last as long as the harness, like those of a task."""

    outputs: JsonObject = field(default_factory=dict)
    checkpoints: JsonObject = field(default_factory=dict)
    effects: dict[str, JsonObject] = field(default_factory=dict)

    def output(self, name: str, value: Json) -> None:
        self.outputs[name] = value

    async def checkpoint(self, key: str, function: Callable[[], Awaitable[Json]]) -> Json:
        if key not in self.checkpoints:
            self.checkpoints[key] = await function()
        return self.checkpoints[key]

    def recall(self, key: str) -> JsonObject | None:
        return self.effects.get(key)

    async def note(self, key: str, state: JsonObject) -> None:
        self.effects[key] = state


@dataclass(frozen=True)
class Result:
    """What a step left."""

    outputs: JsonObject
    log: Log


@dataclass
class Task:
    """One task: its workspace, and the template's folder beside it."""

    folder: Path
    services: Services = field(default_factory=Services)
    base_url: str | None = None
    secrets: Mapping[str, str] = field(default_factory=dict)
    signal: CancelSignal = field(default_factory=CancelSignal)
    checkpoints: JsonObject = field(default_factory=dict)
    effects: dict[str, JsonObject] = field(default_factory=dict)
    user: User = field(default_factory=User)
    log: Log = field(default_factory=Log)
    """Of the step that runs, or ran last."""

    def __post_init__(self) -> None:
        for path in (self.folder / "workspace", self.template):
            path.mkdir(parents=True, exist_ok=True)
        self.workspace = Workspace(self.folder / "workspace")
        self.base_url = self.base_url or f"file://{self.template}/template.yaml"

    def forget(self) -> None:
        """Be a new task in the same workspace."""
        self.checkpoints.clear()
        self.effects.clear()

    @property
    def template(self) -> Path:
        return self.folder / "template"

    def configured(self, **config: Any) -> None:
        """Set the configuration that actions see."""
        self.services = replace(self.services, config=config)

    def skeleton(self, **files: str | bytes) -> None:
        """Write files of the template; ``__`` in a name stands for a slash, ``_`` at the end for nothing."""
        for name, content in files.items():
            self.put(name.replace("__", "/"), content)

    def put(self, name: str, content: str | bytes, mode: int = 0o644) -> Path:
        path = self.template / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)
        return path

    def tree(self) -> dict[str, bytes]:
        """The files of the workspace with their contents; links by their target."""
        found = {}
        for path in self.workspace.files():
            content = str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()
            found[self.workspace.relative(path)] = content
        return found

    async def run(self, action_id: str, input: JsonObject, *, dry_run: bool = False, unchecked: bool = False) -> Result:  # noqa: A002  # as in templates
        """Run an action; ``unchecked`` for input that Backstage's own examples have and its schema refuses.

        Raises:
            InputError: the schema refuses the input.
        """
        action = REGISTRY.get(action_id)
        checked = {name: value for name, value in input.items() if name not in action.ignored_inputs}
        for problem in () if unchecked else Draft7Validator(action.input_schema).iter_errors(checked):
            raise InputError(problem.message)
        self.log = log = Log()
        sink = Sink(checkpoints=self.checkpoints, effects=self.effects)
        context: ActionContext[Any] = ActionContext(
            action.parse_input(checked),
            log,
            self.workspace,
            "task",
            StepInfo("step", "Step"),
            sink,
            self.services,
            self.secrets,
            self.user,
            template_info=TemplateInfo("template:default/demo", self.base_url),
            is_dry_run=dry_run,
            signal=self.signal,
        )
        if action.is_async:
            returned = await action.handler(context)
        else:
            returned = await asyncio.to_thread(action.handler, context)
        return Result({**sink.outputs, **(returned or {})}, log)


@dataclass
class Catalog:
    """A catalog of what a test puts into it."""

    entities: dict[str, JsonObject] = field(default_factory=dict)
    locations: dict[str, list[JsonObject]] = field(default_factory=dict)
    added: list[str] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    lose_answer: bool = False

    async def entities_by_refs(self, refs: Sequence[str], *, token: str | None) -> list[JsonObject | None]:
        self.tokens.append(token)
        return [self.entities.get(ref) for ref in refs]

    async def add_location(self, target: str, *, token: str | None, type: str = "url") -> JsonObject:  # noqa: A002  # the protocol's
        self.tokens.append(token)
        if target in self.added:
            raise ConflictError(f"Location {type}:{target} already exists")
        if target not in self.locations:
            raise NotFoundError(f"Unable to read url, {target}")
        self.added.append(target)
        if self.lose_answer:
            self.lose_answer = False
            raise ServiceUnavailableError("No answer")
        return {"location": {"id": "1", "type": type, "target": target}, "entities": []}

    async def preview_location(self, target: str, *, token: str | None, type: str = "url") -> JsonObject:  # noqa: A002  # as above
        self.tokens.append(token)
        if target not in self.locations:
            raise NotFoundError(f"Unable to read url, {target}")
        return {"exists": target in self.added, "location": {}, "entities": self.locations[target]}

    async def refresh(self, entity_ref: str, *, token: str | None) -> None:
        self.tokens.append(token)


@dataclass
class Plugins:
    """The plugins of a Backstage: one answer for all requests but the first ones, which are kept."""

    answer: BackstageResponse = field(default_factory=lambda: BackstageResponse(200, {}, b""))
    first: list[BackstageResponse] = field(default_factory=list)
    requests: list[JsonObject] = field(default_factory=list)

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None,
        token: str | None,
        timeout: float,  # noqa: ASYNC109  # the protocol's
    ) -> BackstageResponse:
        sent = {"method": method, "path": path, "headers": dict(headers), "body": body, "token": token}
        self.requests.append({**sent, "timeout": timeout})
        return self.first.pop(0) if self.first else self.answer
