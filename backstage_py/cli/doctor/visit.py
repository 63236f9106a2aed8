"""What a visit to both systems knows: addresses, the client, the user's token."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from backstage_py.cli.local.known_actions import TOKEN_VARIABLE
from backstage_py.errors import BackstageError
from backstage_py.integrations.web.http import Answer, HttpClient
from backstage_py.model.http import error_message
from backstage_py.settings.addresses import Addresses
from backstage_py.settings.sections import Settings

SECONDS = 10.0
NEED_TOKEN = (
    f"set {TOKEN_VARIABLE} to a signed-in user's token, as the browser sends it in Authorization, "
    "and name the files with --config"
)
_THEIRS = {"auth", "permission"}


@dataclass(slots=True)
class Visit:
    """Asks the two systems.

    Attributes:
        backstage: base URL of the other system; None without one.
        token: of a user of Backstage; None where there is none.
    """

    http: HttpClient
    settings: Settings
    addresses: Addresses
    backstage: str | None
    token: str | None = None

    @property
    def service(self) -> str:
        """Where our service is."""
        return self.addresses.own

    def plugin(self, plugin: str) -> str:
        """Return the root of a plugin; sign-in and permissions are Backstage's, where there is one."""
        is_ours = self.addresses.serves(plugin)
        if self.backstage is None or (is_ours and plugin not in _THEIRS):
            return self.addresses.plugin(plugin)
        target = None if is_ours else self.addresses.discovery.target(plugin)
        return target or f"{self.backstage}/api/{plugin}"

    async def ask(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        """Send a request with the token, if there is one.

        Raises:
            BackstageError: there is no answer.
        """
        sent = {"Accept": "application/json", **(headers or {})}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        return await self.http.request(method, url, headers=sent, body=body, seconds=SECONDS)


def hosts(*urls: str | None) -> list[str]:
    """Return the hosts of URLs, with their ports."""
    return [urlsplit(url).netloc for url in urls if url]


def origin(url: str | None) -> str | None:
    """Return the origin of a URL, as browsers send it."""
    parts = urlsplit(url or "")
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else None


def said(answer: Answer) -> str:
    """Return an answer in words."""
    try:
        message = error_message(answer.json())
    except (ValueError, BackstageError):
        message = ""
    return f"{answer.status} {message or answer.reason}".strip()
