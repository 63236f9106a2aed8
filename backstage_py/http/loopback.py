"""Who may ask a server on a developer's machine: programs there, and pages that it served itself.

A browser sends requests to this machine for any site. One that has its own name resolve to 127.0.0.1 would even read
the answers, so the name in ``Host`` must be one of this machine; and what has effects is asked by our own page only.
"""

from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from backstage_py.errors import NotAllowedError
from backstage_py.http.errors import error_response
from backstage_py.identity import guest

_OWN_SITES = frozenset({"same-origin", "none"})
_READING = frozenset({"GET", "HEAD"})


class LoopbackOnly:
    """Refuses requests for other hosts' names, and other sites' requests for some paths.

    Args:
        app: answers the rest.
        names: more hosts that are this one.
        own: beginnings of paths that only pages of this server may ask for.
    """

    def __init__(self, app: ASGIApp, names: Collection[str], own: tuple[str, ...]) -> None:
        self._app = app
        self._names = frozenset(one.lower() for one in names)
        self._own = own

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await error_response(scope, NotAllowedError(refusal))(scope, receive, send)

    def _refusal(self, scope: Scope) -> str | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        name = guest.name_of(host)
        if name not in self._names and not guest.is_this_machine(name):
            return "Only requests for this machine are answered: open http://127.0.0.1, or set backend.baseUrl"
        if not scope["path"].startswith(self._own):
            return None
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if site not in {None, *_OWN_SITES} or (origin is not None and origin.partition("://")[2] != host):
            return "Only the page of this server may ask for this"
        if scope["method"] not in _READING and not headers.get("content-type", "").startswith("application/json"):
            return "The body must be JSON"
        return None
