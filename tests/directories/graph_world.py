"""A tenant of Entra ID behind a stand-in for Microsoft Graph, and the configurations with which it is read."""

import re
from typing import Any
from urllib.parse import parse_qs, unquote

from tests.directories.api_host import Answer, ApiHost, Asked

TENANT = "tenantid"
_PAGE = 2


def _user(number: int, name: str, **more: Any) -> dict[str, Any]:
    email = f"{name.split(maxsplit=1)[0].lower()}@example.com"
    return {"id": f"u{number}", "displayName": name, "mail": email, "userPrincipalName": email, **more}


def _group(number: int, name: str, **more: Any) -> dict[str, Any]:
    return {"id": f"g{number}", "displayName": name, **more}


USERS = [
    _user(1, "Ada Lovelace"),
    _user(2, "Bob  Ü!", mail=None, userPrincipalName=" Bob__Ü!#EXT#@Example.com__ "),
    _user(3, "Eve", accountEnabled=False),
    _user(4, "Zoë", accountEnabled=True),
    {"id": "u5", "userPrincipalName": "nobody@example.com"},
]
GROUPS: list[dict[str, Any]] = [
    _group(1, "All of Us", mailNickname="all", description="Everybody", mail="all@example.com"),
    _group(2, "Web Team", mailNickname="web", securityEnabled=True),
    _group(3, "API", mailNickname=None),
    {"id": "g4", "mailNickname": "nameless"},
    _group(5, "Lonely"),
]
INNER = [_group(6, "Inner")]
MEMBERS: dict[str, list[tuple[str, str | None]]] = {
    "g1": [("group", "g2"), ("group", "g3"), ("user", "u1")],
    "g2": [("user", "u1"), ("user", "u2"), ("user", "u3"), ("group", "g6"), ("device", "d1")],
    "g3": [("user", "u2"), ("user", "u9")],
    "g5": [("servicePrincipal", None)],
    "g6": [("user", "u4"), ("group", "g3")],
}
_PHOTOS = {
    "u1": [{"id": "48x48", "height": 48}, {"id": "240x240", "height": 240}, {"id": "120x120", "height": 120}],
    "u2": [{"id": "648x648", "height": 648}],
    "u4": [],
}
_KNOWN = {one["id"]: one for one in (*USERS, *GROUPS, *INNER)}


def _collection(host: ApiHost, asked: Asked, found: list[Any]) -> Answer:
    """A page of two, and where the next one is."""
    skipped = int(asked.query.get("$skiptoken", "0"))
    page: dict[str, Any] = {"value": found[skipped : skipped + _PAGE]}
    if skipped + _PAGE < len(found):
        page["@odata.nextLink"] = f"{host.url}{asked.path}?$skiptoken={skipped + _PAGE}"
    return 200, page


def _member(kind: str, id_: str | None) -> dict[str, Any]:
    return {"@odata.type": f"#microsoft.graph.{kind}", **_KNOWN.get(id_ or "", {}), "id": id_}


def handle(host: ApiHost, asked: Asked) -> Answer:
    """Answer as Graph does."""
    path = unquote(asked.path)
    if path.endswith("/oauth2/v2.0/token"):
        given = {name: value[0] for name, value in parse_qs(asked.body).items()}
        if given["client_secret"] != "right":
            said = "AADSTS7000215: Invalid client secret provided. Trace ID: 1-2 Correlation ID: 3\r\nTimestamp: now"
            return 401, {"error": "invalid_client", "error_description": said}
        return 200, {"access_token": f"for:{given['scope']}", "expires_in": 3600}
    if asked.headers.get("authorization") != "Bearer for:http://127.0.0.1/.default":
        return 401, {"error": {"code": "InvalidAuthenticationToken", "message": "Access token is empty."}}
    if path == f"/v1.0/organization/{TENANT}":
        return 200, {"id": TENANT, "displayName": "Example & Co!"}
    if path in {"/v1.0/users", "/v1.0/groups/g1/transitiveMembers"}:
        return _collection(host, asked, USERS)
    if path in {"/v1.0/groups", "/v1.0/some/groups"}:
        chosen = [one for one in GROUPS if asked.query.get("$filter", "") != "id eq 'g1'" or one["id"] == "g1"]
        return _collection(host, asked, chosen)
    if found := re.fullmatch(r"/v1\.0/groups/([^/]+)/members(/microsoft\.graph\.user/)?", path):
        kinds = {"user"} if found[2] else {"user", "group", "device", "servicePrincipal"}
        members = [_member(kind, id_) for kind, id_ in MEMBERS.get(found[1], []) if kind in kinds]
        return _collection(host, asked, members)
    if found := re.fullmatch(r"/v1\.0/users/([^/]+)/photos(?:/([^/]+)/\$value)?", path):
        if found[1] not in _PHOTOS:
            return 404, {"error": {"code": "ImageNotFound", "message": "none"}}
        return (200, f"photo {found[1]} {found[2]}".encode()) if found[2] else (200, {"value": _PHOTOS[found[1]]})
    return 403, {"error": {"code": "Authorization_RequestDenied", "message": "Insufficient privileges"}}


CONFIGS: dict[str, Any] = {
    "defaults": {},
    "selected": {
        "user": {
            "filter": "accountEnabled eq true",
            "select": ["id", "displayName", "mail", "userPrincipalName"],
            "expand": "manager",
            "loadPhotos": False,
        },
        "group": {"filter": "securityEnabled eq false", "select": ["id", "displayName"], "expand": "member"},
    },
    "searched": {
        "queryMode": "advanced",
        "user": {"filter": "startswith(displayName,'A')"},
        "group": {"search": '"displayName:We" AND "description:Ü+&"', "includeSubGroups": True},
    },
    "of groups": {"userGroupMember": {"filter": "id eq 'g1'"}, "group": {"filter": "id eq 'g1'"}},
    "of searched groups": {
        "userGroupMember": {"search": '"displayName:team"', "path": "some/groups"},
        "group": {"path": "some/groups"},
        "user": {"select": ["accountEnabled", "ID", "displayName"], "loadPhotos": False},
    },
    "elsewhere": {"user": {"path": "groups/g1/transitiveMembers"}},
    "not allowed": {"user": {"path": "auditLogs/signIns"}},
}
"""What stands below ``catalog.providers.microsoftGraphOrg.default``, besides who asks whom."""


def config(url: str, name: str) -> Any:
    """A provider of the stand-in at a URL."""
    app = {"tenantId": TENANT, "clientId": "app", "clientSecret": "right"}
    return {"target": f"{url}/v1.0", "authority": url, **app, **CONFIGS[name]}


def requests(host: ApiHost) -> list[list[Any]]:
    """What was asked of Graph, in an order that is nobody's."""
    shown = [one.shown("consistencylevel", "authorization") for one in host.asked if "/oauth2/" not in one.path]
    return sorted(shown, key=repr)
