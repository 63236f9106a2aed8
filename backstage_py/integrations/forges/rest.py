"""The JSON API of a git host that has no client of its own, under the policy of all HTTP here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from types import MappingProxyType
from typing import Self
from urllib.parse import urlencode, urlsplit

from backstage_py import errors
from backstage_py.errors import ForeignError
from backstage_py.integrations.patience import SHORTEST_WAIT, Patience, RateLimitedError
from backstage_py.integrations.web import http
from backstage_py.integrations.web.http import Answer, HttpClient
from backstage_py.model import json, web_url
from backstage_py.model.json import Json

_JSON = "application/json"
_LONGEST_WORDS = 500


def _reason(said: Json) -> str:
    """Return the words of an answer that refuses: most hosts have them in ``message`` or ``error``."""
    if not isinstance(said, dict):
        return ""
    found = said.get("message") or said.get("error")
    return str(found.get("message")) if isinstance(found, dict) else str(found or "")


@dataclass(slots=True)
class RestApi:
    """One caller's view of one host.

    Attributes:
        host: what messages call it, e.g. ``Gitea``.
        base_url: the API's root.
        headers: with the credentials.
        patience: how long it waits where the host limits the rate of requests.
        advice: says what to do about a refusal, from status, words and headers; empty when nothing is known.
        reason: finds the words of a refusal in its JSON.
        sign_in: statuses below 400 that ask to sign in: the credentials are not known then.
        guard: what stands before the JSON of each answer, so that no script of a page can load it.
    """

    host: str
    base_url: str
    headers: Mapping[str, str] = field(repr=False)
    patience: Patience = field(default_factory=Patience)
    advice: Callable[[int, str, Mapping[str, str]], str] = lambda _status, _message, _headers: ""
    reason: Callable[[Json], str] = _reason
    guard: bytes = b""
    sign_in: frozenset[int] = frozenset()
    _http: HttpClient | None = None

    async def call(
        self,
        method: str,
        path: str,
        body: Json = None,
        *,
        query: Mapping[str, str] = MappingProxyType({}),
        kind: str = _JSON,
    ) -> Json:
        """Send a request and return the parsed answer; None for an empty one.

        ``path`` starts with a slash; use ``web_url.segment`` for names that people chose.

        Raises:
            BackstageError: the host refused; of the class that ``errors.of_status`` gives.
            ServiceUnavailableError: no answer, or the host asks for a long wait.
        """
        url = web_url.below(self.base_url, f"{path}?{urlencode(query)}" if query else path)
        return await self.call_at(method, url, body, kind=kind)

    async def call_at(self, method: str, url: str, body: Json = None, *, kind: str = _JSON) -> Json:
        """Do as ``call`` at an address of the host that need not be below its API; ``kind`` is that of the body."""
        return await self.patience.through(lambda: self._call(method, url, body, kind))

    async def _call(self, method: str, url: str, body: Json, kind: str) -> Json:
        sent = None if body is None else json.dumps(body)
        described = {} if sent is None else {"Content-Type": kind}
        headers = {"Accept": _JSON, **described, **self.headers}
        answer = await self._open().request(method, url, headers=headers, body=sent)
        if not answer.ok or answer.status in self.sign_in:
            raise self._refusal(answer)
        return self._parsed(answer) if answer.body else None

    def _parsed(self, answer: Answer) -> Json:
        return replace(answer, body=answer.body.removeprefix(self.guard)).json()

    def _refusal(self, answer: Answer) -> errors.BackstageError:
        status = HTTPStatus.UNAUTHORIZED if answer.status in self.sign_in else answer.status
        message = self._words(answer) or f"{self.host} answered with status {answer.status}"
        if http.is_rate_limited(answer.status, answer.headers):
            asked = http.retry_after(answer.headers)
            return RateLimitedError(self.host, message, SHORTEST_WAIT if asked is None else asked)
        said = self.advice(status, message, answer.headers)
        return errors.of_status(status, f"{message.rstrip('.')}. {said}" if said else message)

    def _words(self, answer: Answer) -> str:
        try:
            return self.reason(self._parsed(answer))
        except ForeignError:
            text = answer.body.decode("utf-8", "replace").strip()
            is_plain = answer.headers.get("content-type", "").startswith("text/plain") and not text.startswith("<")
            return text[:_LONGEST_WORDS] if is_plain else ""

    def _open(self) -> HttpClient:
        if self._http is None:
            self._http = HttpClient(http.listed_hosts([urlsplit(self.base_url).netloc]))
        return self._http

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *details: object) -> None:
        if self._http:
            await self._http.__aexit__(*details)
            self._http = None
