"""Actions that run elsewhere: plugins of a Backstage backend offer them, templates here use them like our own.

The plugins are those of ``backend.actions.pluginSources``, found by ``discovery``. Their answers are untrusted: an
entry that is not what the protocol says is left out and reported.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from backstage_py import errors
from backstage_py.errors import BackstageError, ForeignError
from backstage_py.integrations.web.http import Answer, HttpClient
from backstage_py.model import json
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.web_url import segment
from backstage_py.plugin import Action, ActionAttributes, ActionContext
from backstage_py.scaffolder.face.action_policy import ActionPolicy

_LIST = "/.backstage/actions/v1/actions"
_LIST_SECONDS = 10.0
_RUN_SECONDS = 3600.0  # a bound for what hangs; the task's own timeout and cancellation come first

_log = structlog.get_logger(__name__)

TokenFor = Callable[[str | None, str], str | None]
"""Gives, for a caller's token and a plugin, the token with which that plugin is called on the caller's behalf."""


@dataclass(frozen=True, slots=True)
class HttpRemoteActions:
    """The actions of other plugins over HTTP.

    Attributes:
        url_of: root of a plugin's API.
        token_for: see ``TokenFor``.
        own: plugins whose actions are left out, since they are in the registry under their own names.
    """

    http: HttpClient
    policy: ActionPolicy
    url_of: Callable[[str], str]
    token_for: TokenFor
    own: frozenset[str] = frozenset()

    async def list(self, *, token: str | None) -> Sequence[Action]:
        """Return what a caller may use, in the order of the sources."""
        found = await asyncio.gather(*(self._actions_of(plugin, token) for plugin in self._sources))
        return [action for actions in found for action in actions]

    async def find(self, id: str, *, token: str | None) -> Action | None:  # noqa: A002  # the word of templates
        """Return one action; only the plugin that its id names is asked."""
        plugin = id.partition(":")[0]
        if plugin not in self._sources:
            return None
        return next((action for action in await self._actions_of(plugin, token) if action.id == id), None)

    @property
    def _sources(self) -> Sequence[str]:
        return [plugin for plugin in self.policy.sources or () if plugin not in self.own]

    async def _actions_of(self, plugin: str, token: str | None) -> Sequence[Action]:
        try:
            answer = await self._request("GET", plugin, _LIST, token, seconds=_LIST_SECONDS)
            entries = answer.json()["actions"]
            return [self._action(plugin, entry) for entry in entries if self._is_usable(plugin, entry)]
        except (BackstageError, LookupError, TypeError) as error:
            _log.warning("remote_actions_unavailable", plugin=plugin, error=str(error))
            return []

    def _is_usable(self, plugin: str, entry: Json) -> bool:
        usable = (
            isinstance(entry, dict)
            and isinstance(entry.get("id"), str)
            and entry["id"].startswith(f"{plugin}:")
            and isinstance(entry.get("schema"), dict)
            and isinstance(entry["schema"].get("input", {}), dict)
            and isinstance(entry["schema"].get("output", {}), dict)
            and isinstance(entry.get("attributes", {}), dict)
        )
        if not usable:
            _log.warning("remote_action_ignored", plugin=plugin, entry=str(entry)[:200])
            return False
        return self.policy.allows(entry["id"], entry.get("attributes", {}))

    def _action(self, plugin: str, entry: JsonObject) -> Action:
        id_, schema, attributes = entry["id"], entry["schema"], _attributes(entry.get("attributes", {}))

        async def run(context: ActionContext[JsonObject]) -> JsonObject | None:
            path = f"/.backstage/actions/v1/actions/{segment(id_)}/invoke"
            body = json.dumps(context.input)
            answer = await self._request("POST", plugin, path, context.token, body=body, seconds=_RUN_SECONDS)
            output = _output(answer, id_)
            return output if isinstance(output, dict) else None

        return Action(
            id=id_,
            handler=run,
            description=str(entry.get("description") or ""),
            input_schema=schema.get("input") or {},
            output_schema=schema.get("output") or {},
            supports_dry_run=attributes.read_only and not attributes.destructive,
            attributes=attributes,
            needs_workspace=False,
            is_trusted_on_loop=True,
            source=self.url_of(plugin),
        )

    async def _request(
        self, method: str, plugin: str, path: str, token: str | None, *, seconds: float, body: bytes | None = None
    ) -> Answer:
        headers = {"Accept": "application/json"} | ({"Content-Type": "application/json"} if body is not None else {})
        if sent := self.token_for(token, plugin):
            headers["Authorization"] = f"Bearer {sent}"
        url = self.url_of(plugin) + path
        answer = await self.http.request(method, url, headers=headers, body=body, seconds=seconds)
        if not answer.ok:
            raise _as_error(answer, plugin)
        return answer


def _attributes(given: Mapping[str, Any]) -> ActionAttributes:
    read_only = given.get("readOnly") is True
    return ActionAttributes(read_only, given.get("idempotent") is True, given.get("destructive", not read_only) is True)


def _output(answer: Answer, action_id: str) -> Json:
    body = answer.json()
    if not isinstance(body, dict):
        raise ForeignError(f"The action '{action_id}' answered with something else than {{'output': …}}")
    return body.get("output")


def _as_error(answer: Answer, plugin: str) -> BackstageError:
    """Rebuild the error that a plugin sent, with its own words; what the framework adds is left out."""
    try:
        error = json.parse(answer.body)["error"]
        name, message = str(error.get("name")), str(error["message"])
    except (ValueError, LookupError, TypeError, AttributeError):
        return ForeignError(f"The plugin '{plugin}' answered {answer.status} {answer.reason} at {answer.url}")
    cause = error.get("cause")
    if isinstance(cause, dict) and cause.get("message"):
        message = f"{message}: {cause['message']}"
    return errors.of_name(name, message)
