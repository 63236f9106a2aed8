"""The checks of the Backstage beside the service."""

import re
from http import HTTPStatus

from backstage_py.cli.doctor.line import Found, bad, untried, well
from backstage_py.cli.doctor.visit import NEED_TOKEN, SECONDS, Visit, said
from backstage_py.errors import AuthenticationError, BackstageError, NotAllowedError
from backstage_py.integrations.backstage import HttpCatalogClient
from backstage_py.model import json
from backstage_py.model.json import Json, JsonObject
from backstage_py.settings.sections import DiscoverySettings

_CONFIG = re.compile(rb'<script type="backstage\.io/config">(.*?)</script>', re.DOTALL)


async def catalog(visit: Visit) -> Found:
    """Whether Backstage's catalog can be read as the user."""
    url = visit.plugin("catalog")
    try:
        await HttpCatalogClient(visit.http, url).entities_by_refs(["user:default/guest"], token=visit.token)
    except BackstageError as error:
        if not visit.token and isinstance(error, AuthenticationError | NotAllowedError):
            return untried(f"{url} wants a token: {error.message}", NEED_TOKEN)
        return bad(f"{url} cannot be read: {error.message}", "see 'discovery.endpoints' and Backstage's permissions")
    return well(f"{url} can be read")


async def permissions(visit: Visit) -> Found:
    """Whether the permission backend is there; an empty question decides nothing."""
    url = f"{visit.plugin('permission')}/authorize"
    headers = {"Content-Type": "application/json"}
    answer = await visit.ask("POST", url, headers, json.dumps({"items": []}))
    if answer.ok:
        return well(f"{url} answers")
    if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN} and not visit.token:
        return well(f"{url} is there and wants a token")
    advice = "install Backstage's permission backend, or set 'permission.enabled: false'"
    return bad(f"{url} answered {said(answer)}", advice)


async def frontend(visit: Visit, plugin: str) -> Found:
    """Whether the page of the app sends browsers here, as the configuration given to us says."""
    page = visit.settings.app_base_url
    if not page:
        return untried(
            "'app.baseUrl' is not in the configuration", "give the app-config.yaml that has it with --config"
        )
    answer = await visit.http.request("GET", f"{page.rstrip('/')}/", headers={"Accept": "text/html"}, seconds=SECONDS)
    told = _discovery(answer.body)
    if told is None:
        return untried(f"the page {page} has no configuration in it", "nothing, if the app is served in another way")
    theirs, ours = told.target(plugin), visit.addresses.plugin(plugin)
    if theirs == ours:
        return well(f"the app asks {ours}")
    return bad(
        f"the app asks {theirs or 'its own backend'} for '{plugin}', and the configuration given here says {ours}",
        "give both the same 'discovery.endpoints', and restart Backstage: its page is written at its start",
    )


async def listing(visit: Visit, plugin: str) -> Found:
    """Whether Backstage's scaffolder lists our actions: it found us, we believed it, it understood us."""
    if not visit.token:
        return untried("no token of a user", NEED_TOKEN)
    url = f"{visit.plugin('scaffolder')}/v2/actions"
    answer = await visit.ask("GET", url)
    if not answer.ok:
        return bad(f"{url} answered {said(answer)}", "see Backstage's log")
    listed: Json = answer.json()
    known = listed if isinstance(listed, list) else []
    ids = [str(one.get("id")) for one in known if isinstance(one, dict)]
    found = [one for one in ids if one.startswith(f"{plugin}:")]
    if found:
        return well(f"Backstage lists {len(found)} actions of '{plugin}'")
    return bad(
        f"Backstage lists {len(ids)} actions and none of '{plugin}'",
        f"put '{plugin}' into its 'backend.actions.pluginSources' and 'discovery.endpoints', and let it reach us",
    )


def _discovery(page: bytes) -> DiscoverySettings | None:
    """Return what the app's page says of discovery: the parts of the configuration in it, later ones first to count."""
    found = _CONFIG.search(page)
    if found is None:
        return None
    try:
        parts = json.parse(found[1])
    except ValueError:
        return None
    endpoints: list[JsonObject] = []
    for part in parts if isinstance(parts, list) else []:
        data = part.get("data") if isinstance(part, dict) else None
        given = data.get("discovery") if isinstance(data, dict) else None
        if isinstance(given, dict) and isinstance(given.get("endpoints"), list):
            endpoints = given["endpoints"]
    return DiscoverySettings({plugin: target for one in endpoints for plugin, target in _targets(one)})


def _targets(endpoint: Json) -> list[tuple[str, str]]:
    if not isinstance(endpoint, dict):
        return []
    target = endpoint.get("target")
    if isinstance(target, dict):
        target = target.get("external")
    plugins = endpoint.get("plugins")
    if not isinstance(target, str) or not isinstance(plugins, list):
        return []
    return [(str(one), target) for one in plugins]
