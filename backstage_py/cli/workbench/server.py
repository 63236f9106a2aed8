"""The service of ``backstage-py dev`` with the page before it: the page at ``/``, the API below ``/api``."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from backstage_py import app
from backstage_py.cli.commands import serve
from backstage_py.cli.local.trust import Trust
from backstage_py.cli.workbench import face
from backstage_py.cli.workbench.changes import Changes
from backstage_py.cli.workbench.folder import Folder
from backstage_py.http import application, page_files
from backstage_py.http.body import BODY_LIMIT
from backstage_py.http.loopback import LoopbackOnly
from backstage_py.settings.sections import Settings

_OWN = "/workbench/"


def run(path: Path, config: Sequence[Path], named: Sequence[Path], *, trust: Trust, state: str) -> int:
    """Serve until SIGINT or SIGTERM; return the exit status.

    Args:
        path: the folder with the templates.
        config: app-config files of the service.
        named: those of them that the author named, which runs use.
        trust: what the folder's files may have runs do.
        state: name of the folder in it that is not watched.
    """
    folder = Folder(path.absolute(), named, trust)

    @asynccontextmanager
    async def front(service: app.Service, settings: Settings) -> AsyncIterator[ASGIApp]:
        changes = Changes(folder.path, (state,))
        backend = replace(settings.backend, csp=page_files.CSP, cors=None)
        page = application.create([*page_files.routes(), *face.routes(folder, changes)], backend, service.streams)
        host = urlsplit(settings.backend.base_url).hostname
        async with changes.running():
            yield LoopbackOnly(_Fork(page, service.asgi), [host] if host else [], (_OWN,))

    return serve.run(config, host=None, port=None, workers=0, front=front)


class _Fork:
    """Sends requests for the page to the page, and all others to the service."""

    def __init__(self, page: ASGIApp, service: ASGIApp) -> None:
        self._page = page
        self._service = service
        self._paths = page_files.paths()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and (scope["path"] in self._paths or scope["path"].startswith(_OWN)):
            await self._page({**scope, BODY_LIMIT: face.BODY_LIMIT}, receive, send)
        else:
            await self._service(scope, receive, send)
