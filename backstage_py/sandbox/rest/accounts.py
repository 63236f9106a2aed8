"""Users, organisations and teams.

Who has a token is a user; every other name is an organisation that exists on first use, with any team that is asked
for.
"""

from typing import Final

from starlette.responses import Response

from backstage_py.model.json import JsonObject
from backstage_py.sandbox import names
from backstage_py.sandbox.call import Call, answer, route
from backstage_py.sandbox.host import Host
from backstage_py.sandbox.problems import NotFound
from backstage_py.sandbox.rest import links

_EPOCH = "2020-01-01T00:00:00Z"
_USER_FOLDERS: Final = {
    "events": "/events{/privacy}",
    "followers": "/followers",
    "following": "/following{/other_user}",
    "gists": "/gists{/gist_id}",
    "organizations": "/orgs",
    "received_events": "/received_events",
    "repos": "/repos",
    "starred": "/starred{/owner}{/repo}",
    "subscriptions": "/subscriptions",
}


def is_user(host: Host, login: str) -> bool:
    """Tell whether a name is a user's."""
    return login.lower() in host.tokens.logins


def simple(host: Host, login: str) -> JsonObject:
    """Return an account in the short shape that other objects embed (``simple-user``)."""
    api = f"{host.settings.api_url}/users/{login}"
    return {
        "login": login,
        "id": links.number("account", login),
        "node_id": links.node("U", login),
        "avatar_url": f"{host.settings.base_url}/{login}.png",
        "gravatar_id": "",
        "url": api,
        "html_url": f"{host.settings.base_url}/{login}",
        **{f"{noun}_url": f"{api}{folder}" for noun, folder in _USER_FOLDERS.items()},
        "type": "User" if is_user(host, login) else "Organization",
        "site_admin": False,
        "user_view_type": "public",
    }


def full(host: Host, login: str) -> JsonObject:
    """Return an account as ``/users/<login>`` shows it (``public-user``)."""
    return simple(host, login) | {
        **dict.fromkeys(("bio", "blog", "company", "email", "hireable", "location", "twitter_username")),
        "name": login,
        "followers": 0,
        "following": 0,
        "public_gists": 0,
        "public_repos": sum(not each.private for each in host.store.owned_by(login)),
        "created_at": _EPOCH,
        "updated_at": _EPOCH,
    }


def organisation(host: Host, login: str) -> JsonObject:
    """Return an organisation (``organization-full``)."""
    api = f"{host.settings.api_url}/orgs/{login}"
    return {
        "login": login,
        "id": links.number("account", login),
        "node_id": links.node("O", login),
        "url": api,
        "repos_url": f"{api}/repos",
        "events_url": f"{api}/events",
        "hooks_url": f"{api}/hooks",
        "issues_url": f"{api}/issues",
        "members_url": f"{api}/members{{/member}}",
        "public_members_url": f"{api}/public_members{{/member}}",
        "avatar_url": f"{host.settings.base_url}/{login}.png",
        "description": None,
        "name": login,
        "html_url": f"{host.settings.base_url}/{login}",
        "has_organization_projects": True,
        "has_repository_projects": True,
        "public_repos": sum(not each.private for each in host.store.owned_by(login)),
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "type": "Organization",
        "created_at": _EPOCH,
        "updated_at": _EPOCH,
        "archived_at": None,
    }


def team(host: Host, org: str, slug: str) -> JsonObject:
    """Return a team (``team-full``)."""
    api = f"{host.settings.api_url}/organizations/{links.number('account', org)}/team/{links.number('team', org, slug)}"
    return {
        "id": links.number("team", org, slug),
        "node_id": links.node("T", org, slug),
        "url": api,
        "members_url": f"{api}/members{{/member}}",
        "repositories_url": f"{api}/repos",
        "name": slug,
        "slug": slug,
        "description": None,
        "privacy": "closed",
        "notification_setting": "notifications_enabled",
        "permission": "pull",
        "type": "organization",
        "html_url": f"{host.settings.base_url}/orgs/{org}/teams/{slug}",
        "parent": None,
        "members_count": 0,
        "repos_count": 0,
        "created_at": _EPOCH,
        "updated_at": _EPOCH,
        "organization": organisation(host, org) | {"is_verified": False},
    }


async def _get_self(call: Call) -> Response:
    private = {
        "collaborators": 0,
        "disk_usage": 0,
        "owned_private_repos": 0,
        "private_gists": 0,
        "total_private_repos": 0,
        "two_factor_authentication": False,
        "user_view_type": "private",
    }
    return answer(full(call.host, call.caller()) | private)


async def _get_user(call: Call) -> Response:
    return answer(full(call.host, names.owner(call.param("login"))))


async def _get_organisation(call: Call) -> Response:
    org = names.owner(call.param("org"))
    if is_user(call.host, org):
        raise NotFound
    return answer(organisation(call.host, org))


async def _get_team(call: Call) -> Response:
    return answer(team(call.host, names.owner(call.param("org")), names.owner(call.param("slug"))))


async def _get_rate_limit(_call: Call) -> Response:
    rate = {"limit": 5000, "remaining": 5000, "reset": 2**31 - 1, "used": 0}
    return answer({"resources": {"core": rate, "search": rate}, "rate": rate})


ROUTES = [
    route("GET", "/user", _get_self),
    route("GET", "/users/{login}", _get_user),
    route("GET", "/orgs/{org}", _get_organisation),
    route("GET", "/orgs/{org}/teams/{slug}", _get_team),
    route("GET", "/rate_limit", _get_rate_limit),
]
