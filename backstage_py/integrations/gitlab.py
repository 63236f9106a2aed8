"""GitLab's REST API through python-gitlab, in threads; what it refuses becomes ours in ``as_error``."""

from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from backstage_py import errors, extras, threads
from backstage_py.errors import BackstageError, ForeignError, InputError, NotAllowedError, ServiceUnavailableError
from backstage_py.integrations import gitlab_advice
from backstage_py.integrations.patience import SHORTEST_WAIT, Patience, RateLimitedError
from backstage_py.integrations.web import http
from backstage_py.js import dates
from backstage_py.js.errors import Failure
from backstage_py.model import json, web_url
from backstage_py.model.json import Json
from backstage_py.model.scm import ScmIntegration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitlab import Gitlab
    from requests import Response, Session

_TIMEOUT = 60
_PAGE, _MOST_PAGES = 100, 100
_FIRST_REFUSAL = 400


@dataclass(slots=True)
class GitlabApi:
    """One caller's view of one GitLab.

    Attributes:
        base_url: the API's root, e.g. ``https://gitlab.com/api/v4``.
        token: of the configuration, or of a user.
        is_oauth: it goes where tokens of OAuth go, which is where a user's token is sent.
        patience: how long requests wait where GitLab limits them.
    """

    base_url: str
    token: str = field(repr=False)
    is_oauth: bool = False
    patience: Patience = field(default_factory=Patience)
    _client: "Gitlab | None" = None

    async def call(
        self, method: str, path: str, body: Json = None, *, query: Mapping[str, str] = MappingProxyType({})
    ) -> Json:
        """Send a request and return the parsed answer; None for an empty one.

        ``path`` starts with a slash; use ``path(…)`` to make one of names that people chose. When GitLab asks to
        slow down, the request waits within its patience and is sent again.

        Raises:
            BackstageError: GitLab refused; of the class that ``errors.of_status`` gives.
            ServiceUnavailableError: no answer, or GitLab asks for a long wait.
        """
        url = web_url.below(self.base_url, path)
        return await self.patience.through(
            lambda: threads.remote_call("gitlab", self._call, method, url, dict(query), body)
        )

    async def list(self, path: str, *, query: Mapping[str, str] = MappingProxyType({})) -> list[Json]:
        """Read the pages of a list, of 100 each.

        Raises:
            ForeignError: there are more than 10,000.
        """
        found: list[Json] = []
        for page in range(1, _MOST_PAGES + 1):
            items = await self.call("GET", path, query={**query, "per_page": str(_PAGE), "page": str(page)})
            found += items
            if len(items) < _PAGE:
                return found
        raise ForeignError(f"GitLab lists more than {_PAGE * _MOST_PAGES} at {path}")

    async def close(self) -> None:
        """Close the connections."""
        if self._client:
            await threads.remote_call("gitlab", self._client.session.close)
            self._client = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _call(self, method: str, url: str, query: dict[str, str], body: Json) -> Json:
        with _foreign_errors():
            answer = self._open().http_request(
                method.lower(), url, query_data=query, post_data=body, obey_rate_limit=False, max_retries=0
            )
            return json.parse(answer.content) if answer.content.strip() else None

    def _open(self) -> "Gitlab":
        if self._client is None:
            extras.require("GitLab", "gitlab")
            from gitlab import Gitlab

            token = http.header_token(self.token)
            self._client = Gitlab(
                self.base_url,
                oauth_token=token if self.is_oauth else None,
                private_token=None if self.is_oauth else token,
                timeout=_TIMEOUT,
                session=_session(),
            )
        return self._client


path = web_url.path  # for actions, which know the adapter alone


def host_of(repo_url: str) -> str:
    """Return the host of a ``repoUrl``, with its port, where nothing else of it matters.

    Raises:
        InputError: it is no URL without ``https://``.
    """
    try:
        return urlsplit(web_url.canonical(f"https://{repo_url}")).netloc.rpartition("@")[2]
    except ValueError as error:
        raise InputError(f"Invalid repo URL passed to publisher, got {repo_url}, it is no URL") from error


def moment(text: str) -> datetime:
    """Return the moment that a text names to JavaScript.

    Raises:
        InputError: it names none.
    """
    try:
        return dates.parsed(text)
    except Failure as error:
        raise InputError(f"Error converting input date - {error}") from error


def api_of(integration: ScmIntegration) -> str:
    """Return the root of an integration's API, which lies below ``baseUrl`` where ``apiBaseUrl`` does not say it."""
    return integration.api_base_url or f"{integration.site}/api/v4"


def as_error(status: int, data: Json, headers: Mapping[str, str] = MappingProxyType({})) -> BackstageError:
    """Return the error for an answer that refuses: GitLab's words, then what to do about it.

    Args:
        status: of the answer.
        data: its JSON.
        headers: with names in lower case.
    """
    message = words(data) or f"GitLab answered with status {status}"
    if http.is_rate_limited(status, headers):
        asked = http.retry_after(headers)
        return RateLimitedError("GitLab", message, SHORTEST_WAIT if asked is None else asked)
    said = gitlab_advice.advice(status, message, data)
    return errors.of_status(status, f"{message.rstrip('.')}. {said}" if said else message)


def words(data: Json) -> str:
    """Return what GitLab says: a text, a list of them, or the reasons for each field."""
    if isinstance(data, list):
        return "; ".join(words(one) for one in data)
    if not isinstance(data, dict):
        return "" if data is None else str(data)
    said = next((data[key] for key in ("message", "error_description", "error") if data.get(key)), None)
    return _fields(said) if isinstance(said, dict) else words(said)


def _fields(reasons: Mapping[str, Json]) -> str:
    each = {name: ", ".join(map(str, said)) if isinstance(said, list) else str(said) for name, said in reasons.items()}
    return "; ".join(f"{name} {said}" for name, said in each.items())


@contextmanager
def _foreign_errors() -> "Iterator[None]":
    from gitlab import GitlabError
    from requests import RequestException

    try:
        yield
    except BackstageError:
        raise
    except GitlabError as error:
        raise ForeignError(f"GitLab cannot be understood: {error}") from error
    except (RequestException, OSError, ValueError) as error:
        raise ServiceUnavailableError(f"GitLab does not answer: {error}") from error


def _session() -> "Session":
    """Return a session that raises refusals with their headers, and follows redirects at the same origin alone."""
    from requests import Session

    class _Careful(Session):
        def get_redirect_target(self, resp: "Response") -> str | None:
            target = super().get_redirect_target(resp)
            if target is not None:
                try:
                    _must_stay(resp.url, target)
                except BackstageError:
                    resp.close()
                    raise
            return target

    session = _Careful()
    session.hooks["response"].append(_refuse)
    return session


def _must_stay(url: str, target: str) -> None:
    """Refuse a redirect elsewhere, which would be sent the token, or what this machine alone may reach.

    Raises:
        NotAllowedError: it leads to another host, port or scheme.
    """
    try:
        here, there = urlsplit(url), urlsplit(web_url.join(url, target))
    except ValueError as error:
        raise ForeignError(f"GitLab redirects to '{target}', which is no URL") from error
    if (here.scheme, here.netloc) != (there.scheme, there.netloc):
        raise NotAllowedError(
            f"GitLab at {here.scheme}://{here.netloc} redirects to {there.scheme}://{there.hostname}, which is not "
            "followed: correct 'apiBaseUrl' and 'baseUrl' of its entry in integrations.gitlab"
        )


def _refuse(response: "Response", **_: Any) -> None:
    if response.status_code < _FIRST_REFUSAL:
        return
    headers = {name.lower(): value for name, value in response.headers.items()}
    try:
        data = json.parse(response.content)
    except ValueError:
        data = None
    raise as_error(response.status_code, data, headers)
