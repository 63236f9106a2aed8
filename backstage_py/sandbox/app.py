"""The sandbox as a Starlette application; composition only."""

from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.routing import Mount

from backstage_py.errors import AuthenticationError, BackstageError
from backstage_py.sandbox import smart_http, web
from backstage_py.sandbox.crossplane import Guard, answer_error, crossplane_routes
from backstage_py.sandbox.host import Host
from backstage_py.sandbox.rest import (
    access,
    accounts,
    archives,
    branches,
    commits,
    contents,
    extras,
    git_data,
    issues,
    pulls,
    repositories,
    rulesets,
    search,
    workflows,
)
from backstage_py.sandbox.settings import SandboxSettings

_NOUNS = (
    accounts,
    access,
    archives,
    branches,
    commits,
    contents,
    git_data,
    issues,
    pulls,
    workflows,
    extras,
    rulesets,
    search,
    repositories,
)


def create_sandbox_app(settings: SandboxSettings) -> Starlette:
    """Return the application. ``app.state.host`` holds its parts, e.g. ``app.state.host.store``."""
    host = Host.open(settings)
    api = [route for noun in _NOUNS for route in noun.ROUTES]
    app = Starlette(
        routes=[
            Mount("/api/v3", routes=[*api, repositories.UNKNOWN]),
            Mount(
                "/api/crossplane",
                routes=crossplane_routes(host.store, guard=_token_holder(host), base_url=settings.base_url),
            ),
            *web.RAW,
            *archives.DOWNLOADS,
            *smart_http.ROUTES,
            *web.PAGES,
        ],
        exception_handlers={BackstageError: answer_error},
        # a page of a foreign site must not reach a loopback server under the site's own name
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=_hosts(settings), www_redirect=False)],
    )
    app.state.host = host
    return app


def _hosts(settings: SandboxSettings) -> list[str]:
    return [urlsplit(settings.base_url).hostname or "", "127.0.0.1", "localhost", "[::1]"]


def _token_holder(host: Host) -> Guard:
    async def guard(request: Request) -> str:
        try:
            login = host.tokens.login(request.headers.get("authorization"))
        except PermissionError:
            login = None
        if login is None:
            raise AuthenticationError("A token of the sandbox is needed in the Authorization header.")
        return login

    return guard
