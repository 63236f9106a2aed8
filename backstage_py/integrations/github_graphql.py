"""GitHub's GraphQL API: one query and its answer, or all pages of a connection."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from http import HTTPStatus

from backstage_py.errors import ForeignError, ServiceUnavailableError
from backstage_py.integrations import github, paging
from backstage_py.integrations.hosts.credentials import Credentials
from backstage_py.integrations.patience import SHORTEST_WAIT, Patience, RateLimitedError
from backstage_py.integrations.web import http
from backstage_py.integrations.web.http import Answer, HttpClient
from backstage_py.model import json
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.scm import ScmIntegration

_ENTERPRISE = "/api/v3"
_DEFAULT_API = "https://api.github.com"
_SECONDS = 60.0
_LIMITED = "RATE_LIMITED"


@dataclass(frozen=True, slots=True)
class GithubGraphql:
    """One organisation's view of one host.

    Attributes:
        owner: whose installation of an App gives the token, where the host has Apps.
        patience: how long one request waits where GitHub limits their rate.
    """

    http: HttpClient
    credentials: Credentials
    integration: ScmIntegration
    owner: str
    patience: Patience = field(default_factory=lambda: Patience(longest=3600.0))

    @property
    def address(self) -> str:
        """Where queries go: beside the REST API of GitHub Enterprise, below that of github.com."""
        api = (self.integration.api_base_url or _DEFAULT_API).rstrip("/")
        return f"{api.removesuffix(_ENTERPRISE)}/api/graphql" if api.endswith(_ENTERPRISE) else f"{api}/graphql"

    async def ask(self, query: str, variables: JsonObject) -> JsonObject:
        """Return the ``data`` of an answer that has no errors.

        Raises:
            ForeignError: GitHub refuses, or answers in part only. ServiceUnavailableError: there is no answer.
        """
        return await self.patience.through(lambda: self._ask(query, variables))

    async def pages(
        self, query: str, variables: JsonObject, connection: Callable[[JsonObject], Json]
    ) -> AsyncIterator[Json]:
        """Yield the ``nodes`` of each page.

        Args:
            query: with the variable ``$cursor``.
            variables: besides that one.
            connection: finds the connection in the data of an answer; None when there is nothing to be found.

        Raises:
            ForeignError: there is no such connection, or no end of it; and as for ``ask``.
        """
        cursor: str | None = None
        for _ in range(paging.MOST_PAGES):
            found = connection(await self.ask(query, {**variables, **({"cursor": cursor} if cursor else {})}))
            if not found:
                raise ForeignError(f"GitHub found no match for {json.text(variables)}")
            yield found["nodes"]
            if not found["pageInfo"]["hasNextPage"]:
                return
            cursor = paging.onward(found["pageInfo"]["endCursor"], cursor, f"GitHub's list for {json.text(variables)}")
        raise ForeignError(f"GitHub has more than {paging.MOST_PAGES:,} pages for {json.text(variables)}")

    async def _ask(self, query: str, variables: JsonObject) -> JsonObject:
        headers = await self.credentials.headers(self.integration, owner=self.owner)
        sent = {
            **headers,
            "Content-Type": "application/json; charset=utf-8",
            "Accept": "application/vnd.github.v3+json",
        }
        body = json.dumps({"query": query, "variables": variables})
        answer = await self.http.request("POST", self.address, headers=sent, body=body, seconds=_SECONDS)
        self._refuse(answer)
        data: Json = answer.json()
        problems = data.get("errors") or [] if isinstance(data, dict) else [{"message": "the answer is no object"}]
        if any(one.get("type") == _LIMITED for one in problems):
            raise RateLimitedError("GitHub", "The hourly budget is used up", _wait(answer))
        if problems:  # what there is besides is a part, and a part would remove the rest
            said = "; ".join(str(one.get("message")) for one in problems[:3])
            raise ForeignError(f"GitHub could not answer for {self.owner}: {said}")
        found: JsonObject = data["data"]
        return found

    def _refuse(self, answer: Answer) -> None:
        if answer.ok:
            return
        said = _said(answer)
        if http.is_rate_limited(answer.status, answer.headers) or "secondary rate limit" in said.lower():
            raise RateLimitedError("GitHub", said, _wait(answer))
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise ServiceUnavailableError(f"GitHub does not answer for {self.owner}: {answer.status} {answer.reason}")
        raise github.as_error(answer.status, {"message": said}, headers=answer.headers)


def _said(answer: Answer) -> str:
    try:
        data: Json = answer.json()
    except ForeignError:
        return answer.reason
    return str(data.get("message") or answer.reason) if isinstance(data, dict) else answer.reason


def _wait(answer: Answer) -> float:
    asked = http.retry_after(answer.headers)
    return SHORTEST_WAIT * 60 if asked is None else asked
