"""What a sandbox is told at its start."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from backstage_py.model.json import JsonObject
from backstage_py.sandbox import names

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """Where a sandbox keeps its repositories, how it is reached, and who may write.

    Args:
        root: folder of the bare repositories and their records; made when missing.
        base_url: how clients reach the host, without a slash at its end, e.g. ``http://127.0.0.1:8022``.
        tokens: token to login. A token may do everything; without one, public repositories can be read.
        replaces: the host in whose place the sandbox answers, see ``integrations``.
        open_clones: git may read private repositories without a token too, so that a URL that is printed can be cloned
            as it stands; the API and the pages keep them closed.
        max_body: bytes of an API request's body.
        max_push: bytes of one push.
        max_git_processes: git processes at the same time; further ones wait.
        git_timeout: seconds for a git command that is not a transfer.

    Raises:
        ValueError: a login or the base URL cannot be used; the message names it.
    """

    root: Path
    base_url: str
    tokens: Mapping[str, str] = field(repr=False)
    replaces: str = "github.com"
    open_clones: bool = False
    max_body: int = 64 * _MIB
    max_push: int = 2048 * _MIB
    max_git_processes: int = 16
    git_timeout: float = 60.0

    def __post_init__(self) -> None:
        url = urlsplit(self.base_url)
        if url.scheme not in {"http", "https"} or not url.hostname or url.path or url.query or url.fragment:
            raise ValueError(
                f"base_url {self.base_url!r} of the sandbox must look like http://127.0.0.1:8022, without a path"
            )
        for login in self.tokens.values():
            names.owner(login)

    @property
    def api_url(self) -> str:
        """Root of the REST API; the path is that of GitHub Enterprise Server."""
        return f"{self.base_url}/api/v3"

    @property
    def raw_url(self) -> str:
        """Root of raw files: ``<raw_url>/<owner>/<repo>/<ref>/<path>``."""
        return f"{self.base_url}/raw"

    @property
    def authority(self) -> str:
        """Host and port as they stand in a URL, e.g. ``127.0.0.1:8022``."""
        return urlsplit(self.base_url).netloc

    def integrations(self, token: str) -> list[JsonObject]:
        """Return the entries of ``integrations.github`` that send clients here.

        Two are needed: one for URLs of the host that is replaced (``github.com?owner=…``), one for the URLs that
        the sandbox itself hands out.
        """
        common = {"apiBaseUrl": self.api_url, "rawBaseUrl": self.raw_url, "token": token}
        return [{"host": host, **common} for host in (self.replaces, self.authority)]
