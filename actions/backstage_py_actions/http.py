"""``http:backstage:request``: a request to a plugin of Backstage as the user who started the task."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import urlencode

from backstage_py.plugin import (
    Action,
    ActionContext,
    BackstageResponse,
    ForeignError,
    Json,
    JsonObject,
    NotAllowedError,
    PermanentError,
)
from backstage_py.plugin.formats import dump_json, json_text, parse_json
from backstage_py_actions._builtin import builtin

_ID = "http:backstage:request"
_FIRST_ERROR = 400
_MILLISECONDS = 1000
_IDEMPOTENT = ("GET", "HEAD", "OPTIONS", "PUT", "DELETE")
_SHORTEST_WAIT = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The request; ``timeout`` in milliseconds."""

    path: str
    method: str
    headers: Mapping[str, Json] = field(default_factory=dict)
    params: Mapping[str, Json] = field(default_factory=dict)
    body: Json = None
    log_request_path: bool = True
    continue_on_bad_response: bool = False
    timeout: float = 60_000
    use_backstage_token: bool = False
    idempotency_key: str | None = None

    @property
    def address(self) -> str:
        """The path with the query parameters."""
        if not self.params:
            return self.path
        query = urlencode({name: _as_text(value) for name, value in self.params.items()})
        return f"{self.path}{'&' if '?' in self.path else '?'}{query}"


@builtin(_ID, Request, dry_run=True, needs_workspace=False)
async def http_backstage_request(ctx: ActionContext[Request]) -> JsonObject | None:
    """Send the request and give status, headers and body to later steps.

    In a dry run nothing is sent, not even a GET: its query may carry values of the form out of the process.
    """
    request = ctx.input
    _refuse_method(ctx)
    against = f" against {request.path}" if request.log_request_path else ""
    ctx.logger.info(f"Creating {request.method} request with {_ID} scaffolder action{against}")
    if ctx.is_dry_run:
        ctx.logger.info(f"Dry run mode. Skipping '{request.method}' request to {request.address}")
        return None

    async def send() -> JsonObject:
        return await _send(ctx)

    if request.idempotency_key:
        answer: JsonObject = await ctx.checkpoint(request.idempotency_key, send)
        return answer
    return await send()


async def _send(ctx: ActionContext[Request]) -> JsonObject:
    request = ctx.input
    headers, body = _as_sent(request)
    headers = {**headers, "backstage-py-task": ctx.task_id}  # what it changes counts as this task's
    if ctx.token and not any(name.lower() == "authorization" for name in headers):
        ctx.logger.info("Token is defined. Setting authorization header.")
    response = await _answered(ctx, headers, body)
    parsed = _parsed(response)
    if response.status >= _FIRST_ERROR and not request.continue_on_bad_response:
        ctx.logger.error(
            f"There was an issue with your request. Status code: {response.status} Response body: {json_text(parsed)}"
        )
        raise ForeignError("Unable to complete request")
    return {"code": response.status, "headers": dict(response.headers), "body": parsed}


async def _answered(ctx: ActionContext[Request], headers: dict[str, str], body: bytes | None) -> BackstageResponse:
    """Ask once, and again within the request's time while a plugin that is away says when it will be back."""
    request = ctx.input
    end = time.monotonic() + request.timeout / _MILLISECONDS
    left = request.timeout / _MILLISECONDS
    while True:
        response = await ctx.backstage.request(
            request.method, request.address, headers=headers, body=body, token=ctx.token, timeout=left
        )
        wait = _wait_before_next(request, response)
        left = end - time.monotonic() - (wait or 0.0)
        if wait is None or left <= 0:
            return response
        ctx.logger.warning(f"The plugin is not available at the moment (503); asking again in {wait:g} s")
        await ctx.sleep(wait)
        if ctx.signal.is_set:
            raise PermanentError("The task was cancelled")


def _wait_before_next(request: Request, response: BackstageResponse) -> float | None:
    """Return the seconds after which to ask again; None when that may do harm, or a bad answer is wanted."""
    asked = response.headers.get("retry-after", "").strip()
    if response.status != HTTPStatus.SERVICE_UNAVAILABLE or not asked.isdecimal():
        return None
    if request.method not in _IDEMPOTENT or request.continue_on_bad_response:
        return None
    return max(float(asked), _SHORTEST_WAIT)


def _as_sent(request: Request) -> tuple[dict[str, str], bytes | None]:
    """Return headers and body; an object is JSON, and says so unless the template says something else."""
    headers = {name: _as_text(value) for name, value in request.headers.items()}
    if request.body is None:
        return headers, None
    if isinstance(request.body, str):
        return headers, request.body.encode()
    if not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = "application/json"
    return headers, dump_json(request.body)


def _parsed(response: BackstageResponse) -> Json:
    if "application/json" not in response.headers.get("content-type", ""):
        return {"message": response.body.decode("utf-8", "replace")}
    try:
        return parse_json(response.body) if response.body else None
    except ValueError as error:
        raise ForeignError(f"Could not get response: {error}") from error


def _refuse_method(ctx: ActionContext[Request]) -> None:
    config = ctx.services.config or {}
    allowed = ((config.get("scaffolder") or {}).get("http") or {}).get("allowedMethods") or ()
    if allowed and ctx.input.method not in allowed:
        raise NotAllowedError(
            f"The HTTP method '{ctx.input.method}' is not permitted by 'scaffolder.http.allowedMethods'"
        )


def _as_text(value: Json) -> str:
    return value if isinstance(value, str) else json_text(value)


ACTIONS: tuple[Action, ...] = (http_backstage_request,)
