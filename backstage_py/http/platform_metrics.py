"""``GET /api/backstage-py/v1/metrics/platform``: what the platform does for its teams, measured."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from backstage_py.errors import InputError
from backstage_py.http.credentials import credentials
from backstage_py.http.respond import json_response
from backstage_py.reporting.authorized import AuthorizedReports

PLUGIN = "backstage-py"
PATH = "/v1/metrics/platform"
DOCUMENT = "openapi/backstage-py"
"""The schema that describes all that is neither the catalog's nor the scaffolder's."""
_MEMBERS = frozenset({"from", "to", "team", "template"})


def routes(reports: AuthorizedReports) -> list[Route]:
    """Return the route, below the plugin."""

    async def answer(request: Request) -> Response:
        query = dict(request.query_params)
        if unknown := sorted(query.keys() - _MEMBERS):
            raise InputError(f"Unknown query parameter '{unknown[0]}'; there are {', '.join(sorted(_MEMBERS))}")
        return json_response(await reports.report(query, credentials(request)))

    return [Route(PATH, answer)]
