"""Rulesets of a repository: recorded and handed back, not enforced."""

from http import HTTPStatus
from typing import Final

from starlette.responses import Response

from backstage_py.model.json import JsonObject
from backstage_py.sandbox.call import Call, Fields, answer, route
from backstage_py.sandbox.problems import NotFound, Unprocessable, invalid_field
from backstage_py.sandbox.records import Repository, now
from backstage_py.sandbox.rest import links

_BOOK: Final = "rulesets"
_BRIEF: Final = frozenset({"conditions", "rules", "bypass_actors"})  # what a list of rulesets leaves out


def _choice(fields: Fields, key: str, allowed: tuple[str, ...], default: str | None = None) -> str:
    value = fields.text(key, default)
    if value not in allowed:
        raise invalid_field("Ruleset", key, f"{key} must be one of: {', '.join(allowed)}")
    return value


def _record(call: Call, repository: Repository, fields: Fields) -> JsonObject:
    name = fields.text("name")
    number = links.number("ruleset", repository.full_name, name)
    return {
        "id": number,
        "node_id": links.node("RRS", repository.full_name, name),
        "name": name,
        "target": _choice(fields, "target", ("branch", "tag", "push"), "branch"),
        "source_type": "Repository",
        "source": repository.full_name,
        "enforcement": _choice(fields, "enforcement", ("disabled", "active", "evaluate")),
        "conditions": fields.object("conditions").data,
        "rules": [{"type": rule.text("type"), **rule.data} for rule in fields.objects("rules")],
        "bypass_actors": [
            {"bypass_mode": "always", "actor_id": None, "actor_type": actor.text("actor_type"), **actor.data}
            for actor in fields.objects("bypass_actors")
        ],
        "created_at": now(),
        "updated_at": now(),
        "_links": {
            "self": {"href": f"{links.repository_api(call.host.settings, repository)}/rulesets/{number}"},
            "html": {"href": f"{links.repository_page(call.host.settings, repository)}/rules/{number}"},
        },
    }


async def _post(call: Call) -> Response:
    repository, fields = call.find(), await call.fields()
    record = _record(call, repository, fields)
    if record["name"] in repository.book(_BOOK):
        error = {"resource": "Ruleset", "code": "custom", "message": "Name must be unique"}
        raise Unprocessable(errors=[error])
    await call.change(repository, lambda before: before.with_record(_BOOK, record["name"], record))
    return answer(record, HTTPStatus.CREATED)


async def _list(call: Call) -> Response:
    found = call.find().book(_BOOK).values()
    return answer([{key: value for key, value in one.items() if key not in _BRIEF} for one in found])


async def _get(call: Call) -> Response:
    wanted = call.param("ruleset_id")
    for record in call.find().book(_BOOK).values():
        if str(record["id"]) == wanted:
            return answer(record)
    raise NotFound


ROUTES = [
    route("GET", "/repos/{owner}/{repo}/rulesets", _list),
    route("POST", "/repos/{owner}/{repo}/rulesets", _post),
    route("GET", "/repos/{owner}/{repo}/rulesets/{ruleset_id}", _get),
]
