"""Our template actions for other backends, under a plugin id of their own: ``backstage-py:debug:log``.

An action that needs the workspace of a task takes it along: its input has one more member ``workspaceFiles``, a list
of ``{path, base64Content, executable?}``, and its output has the files that it left, in the same form. A template
hands the tree from step to step: ``workspaceFiles: ${{ steps.fetch.output.workspaceFiles }}``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import structlog
from starlette.routing import BaseRoute

from backstage_py import logging, threads
from backstage_py.errors import BackstageError
from backstage_py.http import actions_registry
from backstage_py.http.actions_registry import Call, OfferedAction
from backstage_py.js import budget
from backstage_py.model.json import Json, JsonObject
from backstage_py.permissions.authority import Authority
from backstage_py.plugin import Action, ActionRegistry, Services, User
from backstage_py.scaffolder.executors.choice import LOCAL, Executors
from backstage_py.scaffolder.executors.error_text import as_shown
from backstage_py.scaffolder.face import delegation, directory, invocation, scratch
from backstage_py.scaffolder.face.action_policy import ActionPolicy
from backstage_py.scaffolder.face.directory import DirectoryFile
from backstage_py.scaffolder.face.invocation import Invocation
from backstage_py.scaffolder.run.action_gate import ActionGate
from backstage_py.scaffolder.run.redaction import Redactor
from backstage_py.settings.sections import LimitSettings

BODY_LIMIT = 32 * 1024 * 1024
_MOST_RETURNED = 16 * 1024 * 1024
_FAST = 8  # Base64 is read that much faster than other texts
_FILES = "workspaceFiles"
_FILES_SCHEMA: JsonObject = {
    "type": "array",
    "description": "The files of the workspace; give the output of one step to the next.",
    "items": {
        "type": "object",
        "required": ["path", "base64Content"],
        "properties": {
            "path": {"type": "string", "description": "Relative to the workspace, with slashes."},
            "base64Content": {"type": "string"},
            "executable": {"type": "boolean"},
        },
    },
}

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class TemplateActions:
    """What the plugin offers. Entries are kept as long as their action is the same object."""

    plugin: str
    registry: ActionRegistry
    services: Services
    working_directory: Path
    policy: ActionPolicy
    authority: Authority
    limits: LimitSettings
    executors: Executors
    _offered: dict[str, tuple[Action, OfferedAction]]

    @classmethod
    def of(
        cls,
        plugin: str,
        registry: ActionRegistry,
        services: Services,
        working_directory: Path,
        policy: ActionPolicy,
        authority: Authority,
        limits: LimitSettings | None = None,
        executors: Executors = LOCAL,
    ) -> "TemplateActions":
        """Make it; ``policy`` is the operator's choice, ``authority`` says what a caller may execute."""
        bounds = limits or LimitSettings()
        return cls(plugin, registry, services, working_directory, policy, authority, bounds, executors, {})

    def routes(self) -> Sequence[BaseRoute]:
        """Return the routes below ``/api/<plugin>``."""
        return actions_registry.routes(self.plugin, self.offered, self.policy, ready=self.registry.complete)

    def offered(self) -> Sequence[OfferedAction]:
        """Return all actions of the registry as others see them."""
        return [self._of(action) for action in self.registry]

    def _of(self, action: Action) -> OfferedAction:
        known = self._offered.get(action.id)
        if known is None or known[0] is not action:
            known = self._offered[action.id] = (
                action,
                OfferedAction(entry(self.plugin, action), partial(self._run, action)),
            )
        return known[1]

    async def _run(self, action: Action, call: Call) -> Json:
        given, files = dict(call.input), []
        if action.needs_workspace:
            sent = given.pop(_FILES, [])
            files = await threads.render_large(budget.size(sent) // _FAST, _files, sent)
        token = {"backstageToken": call.credentials.token} if call.credentials.token else {}
        secrets = {**(call.secrets or {}), **token}
        redactor = Redactor(secrets.values())
        logging.hide(redactor.text)
        wanted = Invocation(
            action,
            given,
            ActionGate(self.authority, call.credentials),
            _ServiceLog(action.id),
            delegation.services_for(self.services, call.credentials),
            secrets,
            User(call.credentials.user_ref),
            offered_as=f"{self.plugin}:{action.id}",
            limits=self.limits,
            executors=self.executors,
        )
        folder = scratch.folder(self.working_directory)
        most = _MOST_RETURNED if action.needs_workspace else 0
        try:
            outputs, left = await invocation.with_files(wanted, files, folder, most_left=most)
        except BackstageError as error:
            shown = as_shown(error, redactor)
            logging.hide(Redactor([shown.message]).text)  # it may quote the caller's input
            raise shown from None
        if not action.needs_workspace:
            return outputs
        size = sum(len(file.content) for file in left)
        return {**outputs, _FILES: await threads.render_large(size // _FAST, lambda: [file.as_json() for file in left])}


def entry(plugin: str, action: Action) -> JsonObject:
    """Return an action as the protocol lists it."""
    schema = {"input": _object(action.input_schema), "output": _object(action.output_schema)}
    if action.needs_workspace:
        schema = {key: _with_files(part) for key, part in schema.items()}
    if action.secrets_schema:
        schema["secrets"] = action.secrets_schema
    found: JsonObject = {
        "id": f"{plugin}:{action.id}",
        "name": action.id,
        "title": action.id,
        "description": action.description,
        "pluginId": plugin,
        "attributes": {
            "destructive": action.attributes.destructive,
            "idempotent": action.attributes.idempotent,
            "readOnly": action.attributes.read_only,
        },
        "schema": schema,
    }
    return found


def _object(schema: JsonObject) -> JsonObject:
    return (
        schema
        if schema.get("type") or any(key in schema for key in ("anyOf", "oneOf", "allOf"))
        else {
            "type": "object",
            **schema,
        }
    )


def _with_files(schema: JsonObject) -> JsonObject:
    return {**schema, "properties": {**schema.get("properties", {}), _FILES: _FILES_SCHEMA}}


def _files(given: Json) -> list[DirectoryFile]:
    files = directory.parse(given)
    return [replace(file, executable=bool(one.get("executable"))) for file, one in zip(files, given, strict=True)]


class _ServiceLog:
    """The log of an action that no task of ours shows.

    The service's own log shows that it said something, and not what: that is made of the caller's input and files.
    """

    def __init__(self, action: str) -> None:
        self._log = _log.bind(action=action)

    def debug(self, message: str) -> None:
        """Say what only helps to find a fault."""
        self._log.debug("action_said", letters=len(message))

    def info(self, message: str) -> None:
        """Say what was done."""
        self._log.info("action_said", letters=len(message))

    def warning(self, message: str) -> None:
        """Say what a person should look at."""
        self._log.warning("action_said", letters=len(message))

    def error(self, message: str) -> None:
        """Say what failed."""
        self._log.error("action_said", letters=len(message))
