"""``OPTIONS`` without CORS, as Express answers it: 200 with the methods of the path, as a header and as the body."""

from collections.abc import Iterable

from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from backstage_py.http.respond import EtagResponse


def answer(routes: Iterable[BaseRoute], scope: Scope) -> Response | None:
    """Return the answer, None for a path that none of the routes has."""
    methods: dict[str, None] = {}
    for route in routes:
        if isinstance(route, Route) and route.matches(scope)[0] is not Match.NONE:
            methods |= dict.fromkeys(sorted(route.methods or ()))
    if not methods:
        return None
    allowed = ",".join(methods)
    return EtagResponse(allowed.encode(), headers={"allow": allowed}, media_type="text/html")
