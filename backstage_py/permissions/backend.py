"""The permission backend of a Backstage: ``POST <permission>/authorize``, asked for the user who is calling.

Whatever is not a plain answer is an error, never a yes.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog

from backstage_py.errors import (
    AuthenticationError,
    BackstageError,
    ForeignError,
    InputError,
    NotAllowedError,
    ServiceUnavailableError,
)
from backstage_py.identity.principals import Credentials
from backstage_py.integrations.web.http import Answer, HttpClient
from backstage_py.model import json
from backstage_py.model.json import Json, JsonObject
from backstage_py.permissions import criteria
from backstage_py.permissions.decisions import Conditional, Decision, Verdict
from backstage_py.permissions.names import Permission

if TYPE_CHECKING:  # a command of an author that runs steps need not load what signs tokens
    from backstage_py.identity.on_behalf import OnBehalf

_log = structlog.get_logger(__name__)

_PLUGIN = "permission"
_SECONDS = 20.0
_ERRORS: dict[int, type[BackstageError]] = {
    HTTPStatus.BAD_REQUEST: InputError,
    HTTPStatus.UNAUTHORIZED: AuthenticationError,
    HTTPStatus.FORBIDDEN: NotAllowedError,
    HTTPStatus.SERVICE_UNAVAILABLE: ServiceUnavailableError,
}


@dataclass(frozen=True, slots=True)
class Query:
    """A question; a permission about single things may name one by its reference."""

    permission: Permission
    resource: str | None = None


@dataclass(frozen=True, slots=True)
class PermissionBackend:
    """Asks.

    Attributes:
        http: sends.
        url: root of the permission plugin, without a slash at the end.
        on_behalf: proves for whom one of our plugins asks.
    """

    http: HttpClient
    url: str
    on_behalf: "OnBehalf"

    async def ask(self, queries: Sequence[Query], credentials: Credentials, *, conditional: bool) -> list[Decision]:
        """Return the decisions in the order of the questions, all from one request.

        Args:
            queries: what to ask.
            credentials: of a user, or of nobody.
            conditional: whether an answer may be conditions; else all are yes or no.

        Raises:
            ServiceUnavailableError: the backend cannot be reached.
            BackstageError: it refuses to answer, or its answer cannot be understood.
        """
        if not queries:
            return []
        items = {str(uuid.uuid4()): query for query in queries}
        answer = await self._send({"items": [_item(id_, query) for id_, query in items.items()]}, credentials)
        try:
            found = _by_id(answer.json())
            if found.keys() != items.keys():
                raise ValueError("its items do not match the request")  # noqa: TRY301  # one place says what is wrong
            return [_decision(found[id_], conditional=conditional) for id_ in items]
        except (ValueError, ForeignError) as error:
            _log.error("permission_answer_malformed", url=self.url, reason=str(error))
            raise ForeignError(
                f"The permission backend's answer cannot be understood, so access is refused: {error}"
            ) from error

    async def _send(self, body: JsonObject, credentials: Credentials) -> Answer:
        headers = {"Content-Type": "application/json"}
        if credentials.token is not None:
            headers["Authorization"] = f"Bearer {self.on_behalf.as_plugin(credentials.token, _PLUGIN)}"
        url = f"{self.url}/authorize"
        try:
            answer = await self.http.request("POST", url, headers=headers, body=json.dumps(body), seconds=_SECONDS)
        except BackstageError as error:
            _log.error("permission_backend_unreachable", url=url, reason=error.message)
            raise ServiceUnavailableError(
                "The permission backend cannot be reached, so access is refused; try again later"
            ) from error
        if not answer.ok:
            _log.error(
                "permission_backend_refused",
                url=url,
                status=answer.status,
                reason=_reason(answer),
                hint=_hint(answer.status, self.on_behalf.plugin),
            )
            raise _ERRORS.get(answer.status, ForeignError)(
                f"The permission backend answered {answer.status} {answer.reason}, so access is refused:"
                f" {_reason(answer)}"
            )
        return answer


def _item(id_: str, query: Query) -> JsonObject:
    item: JsonObject = {"id": id_, "permission": query.permission.as_json()}
    return item if query.resource is None else {**item, "resourceRef": query.resource}


def _by_id(body: Json) -> dict[str, JsonObject]:
    items = body.get("items") if isinstance(body, dict) else None
    if not isinstance(items, list) or not all(
        isinstance(one, dict) and isinstance(one.get("id"), str) for one in items
    ):
        raise ValueError("it has no list 'items' of objects with an 'id'")
    found = {one["id"]: one for one in items}
    if len(found) != len(items):
        raise ValueError("its items do not match the request")
    return found


def _decision(item: JsonObject, *, conditional: bool) -> Decision:
    result = item.get("result")
    if result in {"ALLOW", "DENY"}:
        return Verdict(result)
    if result != "CONDITIONAL" or not conditional:
        raise ValueError("a 'result' is neither ALLOW nor DENY" + (" nor CONDITIONAL" if conditional else ""))
    if not isinstance(item.get("pluginId"), str) or not isinstance(item.get("resourceType"), str):
        raise ValueError("conditions need the texts 'pluginId' and 'resourceType'")  # noqa: TRY004  # a fault of the JSON
    return Conditional(criteria.parse(item.get("conditions")))


def _reason(answer: Answer) -> str:
    """Return what the backend complains of; when it hands on the complaint of another, that one's."""
    try:
        error = json.parse(answer.body)["error"]
        while isinstance(error.get("cause"), dict):
            error = error["cause"]
        return str(error["message"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return "it gave no reason"


def _hint(status: int, plugin: str) -> str:
    """Return what an operator should look at."""
    if status == HTTPStatus.UNAUTHORIZED:
        return (
            f"it verifies us with the public keys of the plugin '{plugin}': 'discovery.endpoints' of that Backstage "
            "must lead here for this plugin"
        )
    return "see the log of that Backstage"
