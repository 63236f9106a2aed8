"""Collaborators and teams. They are stored without effect: every token may do everything."""

from http import HTTPStatus
from typing import Final

from starlette.responses import Response

from backstage_py.model.json import JsonObject
from backstage_py.sandbox import names
from backstage_py.sandbox.call import Call, Fields, answer, nothing, route
from backstage_py.sandbox.problems import NotFound, invalid_field
from backstage_py.sandbox.records import Repository, now
from backstage_py.sandbox.rest import accounts, links, repositories

_LEVELS: Final = ("pull", "triage", "push", "maintain", "admin")
_ALIASES: Final = {"read": "pull", "write": "push"}
_ROLES: Final = {"pull": "read", "push": "write"}


def _permission(fields: Fields) -> str:
    given = fields.text("permission", "push")
    level = _ALIASES.get(given, given)
    if level not in _LEVELS:
        raise invalid_field("Repository", "permission", f"permission must be one of {', '.join(_LEVELS)}")
    return level


def _permissions(level: str) -> JsonObject:
    reached = _LEVELS.index(level)
    return {each: index <= reached for index, each in enumerate(_LEVELS)}


async def _put_collaborator(call: Call) -> Response:
    repository = call.find()
    login = names.owner(call.param("login"))
    level = _permission(await call.fields())
    known = login in repository.book("collaborators") or login.lower() == repository.owner.lower()
    await call.change(repository, lambda before: before.with_record("collaborators", login, {"permission": level}))
    return nothing() if known else answer(_invitation(call, repository, login, level), HTTPStatus.CREATED)


def _invitation(call: Call, repository: Repository, login: str, level: str) -> JsonObject:
    """Return the invitation that GitHub sends; here it is accepted at once."""
    key = links.number("invitation", repository.full_name, login)
    return {
        "id": key,
        "node_id": links.node("RI", repository.full_name, login),
        "repository": repositories.minimal(call.host, repository, call.login),
        "invitee": accounts.simple(call.host, login),
        "inviter": accounts.simple(call.host, call.caller()),
        "permissions": _ROLES.get(level, level),
        "created_at": now(),
        "expired": False,
        "url": f"{call.host.settings.api_url}/user/repository_invitations/{key}",
        "html_url": f"{links.repository_page(call.host.settings, repository)}/invitations",
    }


async def _get_collaborators(call: Call) -> Response:
    repository = call.find()
    book = {repository.owner: {"permission": "admin"}} | repository.book("collaborators")
    return answer(
        [
            accounts.simple(call.host, login)
            | {"permissions": _permissions(record["permission"]), "role_name": record["permission"]}
            for login, record in book.items()
        ]
    )


async def _get_collaborator(call: Call) -> Response:
    repository = call.find()
    if call.param("login") not in {repository.owner, *repository.book("collaborators")}:
        raise NotFound
    return nothing()


async def _get_permission(call: Call) -> Response:
    repository = call.find()
    login = call.param("login")
    record = repository.book("collaborators").get(login, {"permission": "admin" if login == call.login else "pull"})
    level = record["permission"]
    user = accounts.simple(call.host, login) | {"permissions": _permissions(level), "role_name": level}
    return answer({"permission": _ROLES.get(level, level), "role_name": level, "user": user})


async def _delete_collaborator(call: Call) -> Response:
    repository = call.find()
    await call.change(repository, lambda before: before.without_record("collaborators", call.param("login")))
    return nothing()


async def _put_team(call: Call) -> Response:
    repository = call.find()
    slug = names.owner(call.param("slug"))
    level = _permission(await call.fields())
    await call.change(repository, lambda before: before.with_record("teams", slug, {"permission": level}))
    return nothing()


async def _get_teams(call: Call) -> Response:
    repository = call.find()
    return answer(
        [
            accounts.team(call.host, repository.owner, slug) | {"permission": record["permission"]}
            for slug, record in repository.book("teams").items()
        ]
    )


_REPOSITORY: Final = "/repos/{owner}/{repo}"
ROUTES = [
    route("GET", f"{_REPOSITORY}/collaborators", _get_collaborators),
    route("GET", f"{_REPOSITORY}/collaborators/{{login}}/permission", _get_permission),
    route("GET", f"{_REPOSITORY}/collaborators/{{login}}", _get_collaborator),
    route("PUT", f"{_REPOSITORY}/collaborators/{{login}}", _put_collaborator),
    route("DELETE", f"{_REPOSITORY}/collaborators/{{login}}", _delete_collaborator),
    route("GET", f"{_REPOSITORY}/teams", _get_teams),
    route("PUT", "/orgs/{org}/teams/{slug}/repos/{owner}/{repo}", _put_team),
]
