"""Slack's web API through slack_sdk, in threads; its errors become ours in ``foreign_errors``."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from backstage_py import threads
from backstage_py.errors import (
    AuthenticationError,
    BackstageError,
    ForeignError,
    InputError,
    NotAllowedError,
    NotFoundError,
    ServiceUnavailableError,
)
from backstage_py.integrations.web import http

if TYPE_CHECKING:
    from slack_sdk import WebClient

BASE_URL = "https://slack.com/api/"
_TIMEOUT = 30
_MOST_PAGES = 50
_PAGE = 1000
_ERRORS: dict[str, type[BackstageError]] = {
    "invalid_auth": AuthenticationError,
    "not_authed": AuthenticationError,
    "token_expired": AuthenticationError,
    "token_revoked": AuthenticationError,
    "account_inactive": AuthenticationError,
    "missing_scope": NotAllowedError,
    "not_in_channel": NotAllowedError,
    "is_archived": NotAllowedError,
    "channel_not_found": NotFoundError,
    "no_text": InputError,
    "msg_too_long": InputError,
    "ratelimited": ServiceUnavailableError,
}


@dataclass(frozen=True, slots=True)
class Slack:
    """One workspace as an app sees it. ``base_url`` is another one for GovSlack."""

    token: str = field(repr=False)
    base_url: str = BASE_URL

    async def channel_id(self, name: str) -> str:
        """Return the id of a channel that the app can see.

        Raises:
            NotFoundError: there is none of this name. Else as for ``post``.
        """
        return await threads.remote_call("slack", self._channel_id, name)

    async def post(self, channel: str, text: str) -> None:
        """Send a message.

        Raises:
            AuthenticationError, NotAllowedError (a scope is missing, or the app is not in the channel), NotFoundError,
            InputError, ServiceUnavailableError (no answer, or too many messages), ForeignError.
        """
        await threads.remote_call("slack", self._post, channel, text)

    def _channel_id(self, name: str) -> str:
        cursor = ""
        with foreign_errors():
            client = self._client()
            for _ in range(_MOST_PAGES):
                page = client.conversations_list(limit=_PAGE, cursor=cursor, exclude_archived=True)
                for channel in page.get("channels") or ():
                    if channel.get("name") == name:
                        return str(channel["id"])
                cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
                if not cursor:
                    break
        raise NotFoundError(f"Slack has no conversation '{name}' that the app can see; give conversationId instead")

    def _post(self, channel: str, text: str) -> None:
        with foreign_errors():
            self._client().chat_postMessage(channel=channel, text=text)

    def _client(self) -> "WebClient":
        from slack_sdk import WebClient

        return WebClient(http.header_token(self.token), base_url=self.base_url, timeout=_TIMEOUT)


@contextmanager
def foreign_errors() -> Iterator[None]:
    """Raise slack_sdk's and its transport's errors as ours, with Slack's own word for what is wrong."""
    from slack_sdk.errors import SlackApiError, SlackClientError

    try:
        yield
    except SlackApiError as error:
        word = str(error.response.get("error") or "unknown_error")
        needed = error.response.get("needed")
        said = f"{word} (needed scopes: {needed})" if needed else word
        raise _ERRORS.get(word, ForeignError)(
            f"Something went wrong while trying to send a request to the Slack API - Error: {said}"
        ) from error
    except (SlackClientError, OSError) as error:
        raise ServiceUnavailableError(f"Slack does not answer: {error}") from error
