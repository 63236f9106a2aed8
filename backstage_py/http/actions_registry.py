"""The distributed actions protocol, as every plugin that offers actions answers it.

``GET /.backstage/actions/v1/actions`` lists; ``POST …/{id}/invoke`` takes the input as its body in ``v1``, and
``{"input", "secrets"}`` in ``v2``. ``GET …/v1/status`` tells other services whether there is any. The caller is
authenticated before the plugin is reached.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from backstage_py.errors import BackstageError, InputError, NotAllowedError, NotFoundError
from backstage_py.http.body import json_body
from backstage_py.http.credentials import credentials, refuse_all_but_services
from backstage_py.http.errors import describe, relative_url
from backstage_py.http.respond import json_response
from backstage_py.identity.principals import Credentials, NonePrincipal, ServicePrincipal, UserPrincipal
from backstage_py.model.json import Json, JsonObject
from backstage_py.permissions.authority import Authority
from backstage_py.permissions.backend import Query
from backstage_py.permissions.names import Permission
from backstage_py.scaffolder.face.action_policy import ActionPolicy
from backstage_py.scaffolder.run.budget import RunBudget, is_small
from backstage_py.scaffolder.run.input_checks import validator

_LIST = "/.backstage/actions/v1/actions"
_STATUS = "/.backstage/actions/v1/status"
_INVOKE = "/.backstage/actions/{version}/actions/{{id}}/invoke"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Call:
    """A request to run an action; ``secrets`` None when none came."""

    input: Json
    secrets: Mapping[str, str] | None
    credentials: Credentials


@dataclass(frozen=True, slots=True)
class OfferedAction:
    """An action as others see it.

    Attributes:
        entry: ``{id, name, title, description, pluginId, attributes, schema: {input, output, secrets?}, examples?}``.
        run: returns the output.
        needed: the permission without which a caller does not see the action.
    """

    entry: JsonObject
    run: Callable[[Call], Awaitable[Json]]
    needed: Permission | None = None


def routes(
    plugin: str,
    offered: Callable[[], Sequence[OfferedAction]],
    policy: ActionPolicy | None = None,
    authority: Authority | None = None,
    ready: Callable[[], Awaitable[None]] | None = None,
) -> Sequence[BaseRoute]:
    """Return the routes of a plugin.

    Args:
        plugin: its id.
        offered: its actions, asked anew for each request, since actions may be reloaded.
        policy: what the operator lets other programs use.
        authority: says who sees an action that needs a permission.
        ready: is awaited before ``offered`` is called.
    """
    face = _Handlers(plugin, offered, policy or ActionPolicy(), authority or Authority(), ready)
    return [
        Route(_LIST, face.list, methods=["GET"]),
        Route(_STATUS, face.status, methods=["GET"]),
        Route(_INVOKE.format(version="v1"), face.invoke_v1, methods=["POST"]),
        Route(_INVOKE.format(version="v2"), face.invoke_v2, methods=["POST"]),
    ]


class _Handlers:
    def __init__(
        self,
        plugin: str,
        offered: Callable[[], Sequence[OfferedAction]],
        policy: ActionPolicy,
        authority: Authority,
        ready: Callable[[], Awaitable[None]] | None,
    ) -> None:
        self._ready = ready
        self._plugin = plugin
        self._offered = offered
        self._policy = policy
        self._authority = authority

    async def list(self, request: Request) -> Response:
        shown = await self._permitted(await self._visible(), credentials(request))
        return json_response({"actions": [action.entry for action in shown]})

    async def status(self, request: Request) -> Response:
        refuse_all_but_services(request)
        return json_response({"hasActions": bool(await self._all())})

    async def invoke_v1(self, request: Request) -> Response:
        return await self._invoke(request, await json_body(request), None)

    async def invoke_v2(self, request: Request) -> Response:
        body = await json_body(request)
        if not isinstance(body, dict):
            raise InputError("The request body must be an object with 'input' and, if needed, 'secrets'")
        return await self._invoke(request, body.get("input"), body.get("secrets"))

    async def _invoke(self, request: Request, given: Json, secrets: Json) -> Response:
        caller = credentials(request)
        try:
            return json_response({"output": await self._run(request, caller, given, secrets)})
        except BackstageError as error:
            if not _is_backend(caller):
                raise
            _log.warning("action_failed", path=request.url.path, error=error.message, caller=caller.subject)
            return _shown_in_a_task(request, error)

    async def _run(self, request: Request, caller: Credentials, given: Json, secrets: Json) -> Json:
        if isinstance(caller.principal, NonePrincipal):
            raise NotAllowedError("Actions must be invoked by an authenticated principal, not an anonymous request")
        action = await self._find(request.path_params["id"], caller)

        def check() -> None:
            _check_input(action.entry, given)
            _check_secrets(action.entry, secrets)

        await RunBudget().compute(check, is_small=is_small(given, secrets))
        return await action.run(Call(given, secrets, caller))

    async def _find(self, id_: str, caller: Credentials) -> OfferedAction:
        visible = await self._visible()
        found = next((action for action in visible if action.entry["id"] == id_), None)
        if found is None or not await self._permitted([found], caller):
            raise NotFoundError(f'Action "{id_}" not found')
        return found

    async def _permitted(self, actions: Sequence[OfferedAction], caller: Credentials) -> Sequence[OfferedAction]:
        """Return the actions that the caller may see."""
        needed = list(dict.fromkeys(action.needed for action in actions if action.needed))
        if not needed or self._authority.allows_all(caller):
            return actions
        answers = await self._authority.allowed([Query(permission) for permission in needed], caller)
        hidden = {permission for permission, shown in zip(needed, answers, strict=True) if not shown}
        return [action for action in actions if action.needed not in hidden]

    async def _all(self) -> Sequence[OfferedAction]:
        if self._ready:
            await self._ready()
        return self._offered()

    async def _visible(self) -> Sequence[OfferedAction]:
        if not self._policy.offers(self._plugin):
            return []
        return [one for one in await self._all() if self._policy.allows(one.entry["id"], one.entry["attributes"])]


def _is_backend(caller: Credentials) -> bool:
    """Return whether a plugin of a Backstage backend calls, for itself or for a user."""
    match caller.principal:
        case UserPrincipal(actor=actor):
            return actor is not None
        case ServicePrincipal(subject=subject):
            return subject.startswith("plugin:")
    return False


def _shown_in_a_task(request: Request, error: BackstageError) -> Response:
    """Answer a backend so that the log of its task says what is wrong.

    observed in scaffolder-backend 4.3.0: a task shows nothing of a failed action but "Request failed with <statusCode>
    <status text>", with ``statusCode`` as it stands in the answer's body. So the message goes there, too; name and
    message of the error are where they always are. Held by ``tests/anchor/test_distributed_actions.py``.
    """
    body = {
        "error": describe(error),
        "request": {"method": request.method, "url": relative_url(request.scope)},
        "response": {"statusCode": f"{error.status}: {error.message} -"},
    }
    return json_response(body, error.status)


def _check_input(entry: JsonObject, given: Json) -> None:
    if problems := _problems(entry["schema"]["input"], given):
        raise InputError(f'Invalid input to action "{entry["id"]}": {problems}')


def _check_secrets(entry: JsonObject, secrets: Json) -> None:
    schema = entry["schema"].get("secrets")
    if schema and not secrets:
        raise InputError(f'Action "{entry["id"]}" requires secrets but none were provided')
    if secrets and not schema:
        raise InputError(f'Action "{entry["id"]}" does not accept secrets')
    if schema and (problems := _problems(schema, secrets)):
        raise InputError(f'Invalid secrets for action "{entry["id"]}": {problems}')


def _problems(schema: JsonObject, value: Json) -> str:
    return ", ".join(str(problem) for problem in validator(schema).problems(value))
