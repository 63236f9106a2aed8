"""HTTP to Backstage's plugins as an action uses it: as the user who started the task, JSON in and out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from backstage_py.errors import ForeignError, TemporaryError
from backstage_py.model import excerpt, json
from backstage_py.model.json import Json
from backstage_py.plugin.services import BackstageClient

_SECONDS = 60.0
_FIRST_ERROR = 400
_TRY_AGAIN = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer below 400; header names are in lower case, ``body`` is bytes without any transfer encoding."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def text(self) -> str:
        """The body as UTF-8; broken bytes become U+FFFD."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Json:
        """Return the body parsed; whole numbers are int, also ``1.0``.

        Raises:
            ForeignError: it is no JSON.
        """
        try:
            return json.parse(self.body)
        except ValueError as error:
            raise ForeignError(f"The answer is not JSON: {excerpt.beginning(self.text, 200)}") from error


@dataclass(frozen=True, slots=True)
class BackstageHttp:
    """Requests to ``/api/<plugin>/…`` with the user's token; plugins are found as ``discovery`` is configured."""

    client: BackstageClient
    token: str | None = field(default=None, repr=False)

    async def get(self, path: str, *, params: Mapping[str, str] | None = None) -> HttpAnswer:
        """Read; see ``request``."""
        return await self.request("GET", path, params=params)

    async def post(self, path: str, body: Json = None) -> HttpAnswer:
        """Send JSON; see ``request``."""
        return await self.request("POST", path, body=body)

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Json = None,
        headers: Mapping[str, str] | None = None,
        seconds: float = _SECONDS,
    ) -> HttpAnswer:
        """Send a request.

        Args:
            method: an HTTP method in capitals.
            path: ``/api/<plugin>/…`` or ``<plugin>/…``; a URL only of a host on ``scaffolder.http.allowedHosts``.
            params: added to the query, percent-encoded.
            body: sent as JSON; None for none.
            headers: besides ``Accept`` and ``Content-Type`` of JSON, or in their place.
            seconds: how long the answer may take, 60 by default.

        Raises:
            NotAllowedError: the host may not be contacted. InputError: the path names no plugin.
            ForeignError: the plugin refused; the message has its status and words.
            TemporaryError: it is busy or being replaced: 429, 502, 503 or 504.
            ServiceUnavailableError: there is no answer, or none within ``seconds``; retries cover it, too.
        """
        where = f"{path}{'&' if '?' in path else '?'}{urlencode(params)}" if params else path
        sent = {"Accept": "application/json", **(headers or {})}
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        data = None if body is None else json.dumps(body)
        answer = await self.client.request(method, where, headers=sent, body=data, token=self.token, timeout=seconds)
        found = HttpAnswer(answer.status, answer.headers, answer.body)
        if answer.status >= _FIRST_ERROR:
            said = f"{method} {path} was answered with {answer.status}: {_error_message(found)}"
            raise TemporaryError(said) if answer.status in _TRY_AGAIN else ForeignError(said, answered=answer.status)
        return found


def _error_message(answer: HttpAnswer) -> str:
    try:
        return str(json.parse(answer.body)["error"]["message"])
    except (ValueError, LookupError, TypeError):
        return excerpt.beginning(answer.text, 200)
