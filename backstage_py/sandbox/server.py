"""A running sandbox: bound to loopback, served in this process, stopped on leaving the block."""

import ipaddress
import secrets
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from backstage_py.http import server
from backstage_py.model.json import JsonObject
from backstage_py.model.scm import ScmIntegration
from backstage_py.sandbox.app import create_sandbox_app
from backstage_py.sandbox.faults import Faults, FaultyHost
from backstage_py.sandbox.settings import SandboxSettings
from backstage_py.sandbox.store import RepositoryStore

_log = structlog.get_logger(__name__)
_LOGIN = "sandbox"
_GRACE = 5


@dataclass(frozen=True, slots=True)
class Sandbox:
    """What users of a running sandbox need."""

    url: str
    api_url: str
    raw_url: str
    token: str = field(repr=False)
    store: RepositoryStore = field(repr=False)
    integrations: list[JsonObject] = field(repr=False)
    """Entries for ``integrations.github`` of an app-config."""
    faults: Faults = field(repr=False, default_factory=Faults)
    """What goes wrong next, for tests: ``faults.lose_answer("POST", "*/user/repos")``."""

    @property
    def hosts(self) -> tuple[ScmIntegration, ...]:
        """The same as they are read from there."""
        return tuple(
            ScmIntegration("github", one["host"], one["host"], one["apiBaseUrl"], one["rawBaseUrl"], one["token"], {})
            for one in self.integrations
        )


@asynccontextmanager
async def serve_sandbox(
    root: Path,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    tokens: Mapping[str, str] | None = None,
    replaces: str = "github.com",
    open_clones: bool = False,
    max_push: int | None = None,
) -> AsyncIterator[Sandbox]:
    """Serve the repositories below ``root`` until the block is left.

    Args:
        root: folder that keeps everything; made when missing.
        host: a loopback address or ``localhost``.
        port: 0 takes a free one, see ``Sandbox.url``.
        tokens: token to login; without it one token is made for the login ``sandbox``. The first is ``Sandbox.token``.
        replaces: the host in whose place the sandbox answers.
        open_clones: see ``SandboxSettings``.
        max_push: bytes of one push; without it the default of ``SandboxSettings``.

    Raises:
        ValueError: the address is not loopback, or a setting is wrong.
        OSError: the address cannot be bound; the message says what to do.
    """
    listener = _listen(host, port)
    try:
        name = f"[{host}]" if ":" in host else host
        settings = SandboxSettings(
            root=root,
            base_url=f"http://{name}:{listener.getsockname()[1]}",
            tokens=dict(tokens or {secrets.token_urlsafe(24): _LOGIN}),
            replaces=replaces,
            open_clones=open_clones,
            **({} if max_push is None else {"max_push": max_push}),
        )
        app, faults = create_sandbox_app(settings), Faults()
        token = next(iter(settings.tokens))
        async with server.running(FaultyHost(app, faults), listener, grace=_GRACE):
            _log.info("sandbox_started", url=settings.base_url, replaces=settings.replaces)
            try:
                yield Sandbox(
                    url=settings.base_url,
                    api_url=settings.api_url,
                    raw_url=settings.raw_url,
                    token=token,
                    store=app.state.host.store,
                    integrations=settings.integrations(token),
                    faults=faults,
                )
            finally:
                _log.info("sandbox_stopped")
    finally:
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ValueError(f"the sandbox listens on loopback only, not on {host!r}; use 127.0.0.1, ::1 or localhost")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        message = (
            f"the sandbox cannot listen on {host}:{port} ({error.strerror}); choose another port, or 0 for a free one"
        )
        raise OSError(error.errno, message) from error
