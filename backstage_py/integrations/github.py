"""GitHub's REST API through PyGithub, in threads; its errors become ours in ``foreign_errors``."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode

from backstage_py import errors, threads
from backstage_py.errors import BackstageError, ServiceUnavailableError
from backstage_py.integrations import github_advice
from backstage_py.integrations.patience import SHORTEST_WAIT, Patience, RateLimitedError
from backstage_py.integrations.web import http
from backstage_py.model import json, web_url
from backstage_py.model.json import Json

if TYPE_CHECKING:
    from github import Github, GithubException

_TIMEOUT = 60
_SECONDARY_WAIT = 60.0
"""What GitHub's documentation wants after a secondary limit that names no time."""


@dataclass(slots=True)
class GithubApi:
    """One caller's view of one host. ``base_url`` is the API's root, e.g. ``https://api.github.com``."""

    base_url: str
    token: str = field(repr=False)
    patience: Patience = field(default_factory=Patience)
    _client: "Github | None" = None

    async def call(
        self,
        method: str,
        path: str,
        body: Json = None,
        *,
        query: Mapping[str, str] | None = None,
        accept: str | None = None,
    ) -> Json:
        """Send a request and return the parsed answer; None for an empty one.

        ``path`` starts with a slash; use ``path(…)`` to make one of names that people chose. When GitHub asks to
        slow down, the request waits within its patience and is sent again.

        Raises:
            BackstageError: GitHub refused; of the class that ``errors.of_status`` gives.
            ServiceUnavailableError: no answer, or GitHub asks for a long wait.
        """
        url = web_url.below(self.base_url, f"{path}?{urlencode(query)}" if query else path)
        headers = {"Accept": accept} if accept else {}
        return await self.patience.through(
            lambda: threads.remote_call("github", self._call, method, url, headers, body)
        )

    async def close(self) -> None:
        """Close the connections."""
        if self._client:
            await threads.remote_call("github", self._client.close)
            self._client = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _call(self, method: str, url: str, headers: dict[str, str], body: Json) -> Json:
        with foreign_errors():
            answer: tuple[Any, Json] = self._open().requester.requestJsonAndCheck(
                method, url, headers=headers, input=body
            )
            return answer[1]

    def _open(self) -> "Github":
        if self._client is None:
            from github import Auth, Github

            self._client = Github(
                base_url=self.base_url,
                auth=Auth.Token(http.header_token(self.token)),
                timeout=_TIMEOUT,
                retry=None,  # waits belong to the event loop, where a cancelled task ends them
                seconds_between_requests=None,
                seconds_between_writes=None,
                lazy=True,
            )
        return self._client


path = web_url.path  # for actions, which know the adapter alone


def seal(public_key: str, value: str) -> str:
    """Encrypt a secret for a repository or environment, as GitHub wants it: a sealed box, in base64."""
    from github.PublicKey import encrypt

    return encrypt(public_key, value)


@contextmanager
def foreign_errors() -> Iterator[None]:
    """Raise PyGithub's and its transport's errors as ours, with GitHub's own words."""
    from github import GithubException
    from requests import RequestException

    try:
        yield
    except GithubException as error:
        headers = {name.lower(): value for name, value in (error.headers or {}).items()}
        is_secondary = _is_secondary_limit(error)
        if http.is_rate_limited(error.status, headers) or is_secondary:
            asked = http.retry_after(headers)
            wait = asked if asked is not None else (_SECONDARY_WAIT if is_secondary else SHORTEST_WAIT)
            raise RateLimitedError("GitHub", _words(error.status, error.data, error.message), wait) from error
        raise as_error(error.status, error.data, error.message, headers) from error
    except (RequestException, OSError) as error:
        raise ServiceUnavailableError(f"GitHub does not answer: {error}") from error


def as_error(
    status: int, data: Json, fallback: str | None = None, headers: Mapping[str, str] = MappingProxyType({})
) -> BackstageError:
    """Return the error for an answer: worded as Backstage's GitHub client words it, then what to do about it.

    Args:
        status: of the answer.
        data: its JSON.
        fallback: the message of an answer that has none.
        headers: with names in lower case.
    """
    message = _words(status, data, fallback)
    if said := github_advice.advice(status, message, headers):
        message += f". {said}"
    return errors.of_status(status, message)


def _words(status: int, data: Json, fallback: str | None) -> str:
    said = data if isinstance(data, dict) else {}
    message = str(said.get("message") or fallback or f"GitHub answered with status {status}")
    if isinstance(reasons := said.get("errors"), list) and reasons:
        message += ": " + ", ".join(reason if isinstance(reason, str) else json.text(reason) for reason in reasons)
    if documentation := said.get("documentation_url"):
        message += f" - {documentation}"
    return message


def _is_secondary_limit(error: "GithubException") -> bool:
    said = error.data.get("message", "") if isinstance(error.data, dict) else ""
    return error.status == HTTPStatus.FORBIDDEN and "secondary rate limit" in str(said).lower()
