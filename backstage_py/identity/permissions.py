"""The permission plugin where it is served here: the known may do everything.

The answers are those of Backstage's permission backend with a policy that allows everything. A policy of the operator's
own is in a Backstage; ``backstage_py.permissions`` asks it, and this plugin is not served then.
"""

from backstage_py.errors import InputError
from backstage_py.identity.principals import Credentials, UserPrincipal
from backstage_py.model.json import Json

_ACTIONS = {"create", "read", "update", "delete"}


def authorize(body: Json, credentials: Credentials) -> Json:
    """Answer ``POST /authorize``.

    Raises:
        InputError: the request is malformed, or a user asks about a resource permission without naming a resource.
    """
    items = body.get("items") if isinstance(body, dict) else None
    if not isinstance(items, list):
        raise InputError("Expected an object with an array 'items'")
    for index, item in enumerate(items):
        _check(item, f"items[{index}]")
    direct = not isinstance(credentials.principal, UserPrincipal) or credentials.principal.actor is None
    if direct and any(_is_resource(item) and item.get("resourceRef") is None for item in items):
        raise InputError(
            "Resource permissions require a resourceRef to be set. "
            "Direct user requests without a resourceRef are not allowed."
        )
    return {"items": [{"id": item["id"], "result": "ALLOW"} for item in items]}


def _is_resource(item: Json) -> bool:
    return bool(item["permission"]["type"] == "resource")


def _check(item: Json, path: str) -> None:
    if not isinstance(item, dict) or not isinstance(item.get("id"), str):
        raise InputError(f"{path}.id must be a string")
    permission = item.get("permission")
    if not isinstance(permission, dict):
        raise InputError(f"{path}.permission must be an object")
    if permission.get("type") not in {"basic", "resource"}:
        raise InputError(f"{path}.permission.type must be 'basic' or 'resource'")
    if not isinstance(permission.get("name"), str):
        raise InputError(f"{path}.permission.name must be a string")
    if permission["type"] == "resource" and not isinstance(permission.get("resourceType"), str):
        raise InputError(f"{path}.permission.resourceType must be a string")
    _check_attributes(permission.get("attributes"), f"{path}.permission.attributes")
    _check_resource(item.get("resourceRef"), f"{path}.resourceRef", allowed=permission["type"] == "resource")


def _check_attributes(attributes: Json, path: str) -> None:
    if not isinstance(attributes, dict):
        raise InputError(f"{path} must be an object")
    if "action" in attributes and attributes["action"] not in _ACTIONS:
        raise InputError(f"{path}.action must be one of {', '.join(sorted(_ACTIONS))}")


def _check_resource(ref: Json, path: str, *, allowed: bool) -> None:
    several = isinstance(ref, list) and bool(ref) and all(isinstance(one, str) for one in ref)
    if ref is not None and not (allowed and (isinstance(ref, str) or several)):
        raise InputError(f"{path} must be a reference, or several, and is only for resource permissions")
