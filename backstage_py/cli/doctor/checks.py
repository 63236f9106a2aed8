"""The checks of our service: each asks once and says what it found."""

from contextlib import ExitStack
from http import HTTPStatus

from sqlalchemy.engine import make_url

from backstage_py.cli.doctor.line import Found, bad, untried, well
from backstage_py.cli.doctor.visit import NEED_TOKEN, SECONDS, Visit, origin, said
from backstage_py.errors import BackstageError, ServiceUnavailableError
from backstage_py.identity import jwks
from backstage_py.model import json
from backstage_py.storage import migrate
from backstage_py.wiring import database as databases


async def reachable(visit: Visit) -> Found:
    """Whether the service answers at all."""
    url = f"{visit.service}/.backstage/health/v1/liveness"
    answer = await visit.ask("GET", url)
    if answer.ok:
        return well(f"{visit.service} answers")
    return bad(f"{url} answered {said(answer)}", "another program is there; see 'discovery.endpoints' and the proxy")


async def health(visit: Visit) -> Found:
    """Whether the service wants requests; its database and background work are part of that."""
    answer = await visit.ask("GET", f"{visit.service}/.backstage/health/v1/readiness")
    if answer.ok:
        return well("ready: its database answers and its work in the background goes on")
    try:
        body = answer.json()
        reason = str(body.get("message", "")) if isinstance(body, dict) else ""
    except BackstageError:
        reason = ""
    return bad(f"not ready: {reason or said(answer)}", "see docs/operators/health.md and the service's log")


async def backstage_keys(visit: Visit) -> Found:
    """Whether the key set of Backstage's users can be read."""
    url = f"{visit.plugin('auth')}/.well-known/jwks.json"
    try:
        found = json.parse(await jwks.fetch_url(url))
    except (ServiceUnavailableError, ValueError) as error:
        reason = error.message if isinstance(error, ServiceUnavailableError) else f"{url} is no key set"
        return bad(reason, "let this machine reach Backstage's backend; see 'discovery.endpoints'")
    keys = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(keys, list):
        return bad(f"{url} is no key set", "'backend.baseUrl' must be Backstage's backend, not the page of the app")
    return well(f"{url} has {len(keys)} key(s)")


async def own_keys(visit: Visit, plugin: str) -> Found:
    """Whether Backstage's backend finds the keys with which we sign as a plugin."""
    url = f"{visit.plugin(plugin)}/.backstage/auth/v1/jwks.json"
    answer = await visit.ask("GET", url)
    if answer.ok and isinstance(body := answer.json(), dict) and body.get("keys"):
        return well(f"{url} has {len(body['keys'])} key(s)")
    return bad(
        f"{url} answered {said(answer)}", "Backstage's backend must reach this URL to believe what is signed here"
    )


async def token(visit: Visit, path: str) -> Found:
    """Whether the service believes a user of Backstage."""
    if not visit.token:
        return untried("no token of a user", NEED_TOKEN)
    answer = await visit.ask("GET", visit.service + path)
    if answer.ok:
        return well("the service accepts the user's token")
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return bad(
            f"the service refuses the user's token: {said(answer)}",
            "it must fetch Backstage's key set: see 'backend.baseUrl', 'discovery.endpoints' (auth) and 'auth.issuers'",
        )
    return bad(f"{path} answered {said(answer)}", "see the service's log")


async def cors(visit: Visit, path: str) -> Found:
    """Whether a browser may ask from the app's page."""
    page = origin(visit.settings.app_base_url)
    if not page:
        return untried(
            "'app.baseUrl' is not in the configuration", "give the app-config.yaml that has it with --config"
        )
    if page == origin(visit.service):
        return well("the app and the service have one origin")
    asked = {
        "Origin": page,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
    }
    answer = await visit.http.request("OPTIONS", visit.service + path, headers=asked, seconds=SECONDS)
    allowed = answer.headers.get("access-control-allow-origin")
    if answer.ok and allowed in {page, "*"}:
        return well(f"browsers on {page} may ask")
    return bad(
        f"browsers on {page} may not ask: {answer.status}, Access-Control-Allow-Origin is {allowed or 'missing'}",
        f"set 'backend.cors.origin: {page}' and 'credentials: true', and let the proxy pass OPTIONS on",
    )


async def actions(visit: Visit, plugin: str) -> Found:
    """Whether our actions are offered by the distributed actions protocol."""
    url = f"{visit.plugin(plugin)}/.backstage/actions/v1/actions"
    answer = await visit.ask("GET", url)
    if answer.status == HTTPStatus.UNAUTHORIZED and not visit.token:
        return untried(f"{url} is there and wants a token", NEED_TOKEN)
    if answer.ok and isinstance(body := answer.json(), dict) and isinstance(body.get("actions"), list):
        return well(f"{url} lists {len(body['actions'])} actions")
    return bad(f"{url} answered {said(answer)}", "see 'discovery.endpoints' and 'scaffolder.actionsPluginId'")


async def database(visit: Visit) -> Found:
    """Whether the configured server answers from here, and has tables of this version or of a later one."""
    with ExitStack() as stack:
        settings = databases.with_certificates(visit.settings, stack)
        shown = make_url(settings.backend.database_url).set(query={}).render_as_string()
        store = databases.of(settings)
        try:
            if not await store.answers():
                return bad(
                    f"{shown} does not answer, or there is no such database",
                    "see 'backend.database'; doctor must run where that server is reached",
                )
            found, known = await migrate.current(store), migrate.revisions()
        finally:
            await store.close()
    if found is None or (found in known and found != known[-1]):
        return bad(
            f"{shown} has {'no tables' if found is None else f'the tables of revision {found}'}, and not {known[-1]}",
            "start the service of this version with it, or run 'backstage-py migrate'",
        )
    return well(f"{shown} answers and has the tables of this version or a later one")
