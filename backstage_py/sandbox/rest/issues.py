"""Issues. A pull request is an issue too: they share numbers, labels and assignees."""

from http import HTTPStatus
from typing import Final

from starlette.responses import Response

from backstage_py.model.json import JsonObject
from backstage_py.sandbox.call import Call, Fields, answer, route
from backstage_py.sandbox.host import Host
from backstage_py.sandbox.problems import NotFound, invalid_field
from backstage_py.sandbox.records import Repository, now
from backstage_py.sandbox.rest import accounts, links

_STATES: Final = {"open", "closed"}


def opened(call: Call, title: str, body: str | None, **more: object) -> JsonObject:
    """Return the record of a new issue."""
    return {
        "title": title,
        "body": body,
        "user": call.caller(),
        "state": "open",
        "labels": [],
        "assignees": [],
        "created_at": now(),
        "updated_at": now(),
        "closed_at": None,
        **more,
    }


async def create_numbered(call: Call, repository: Repository, record: JsonObject) -> tuple[Repository, str]:
    """Keep a new issue under the next number."""
    taken: list[str] = []

    def numbered(before: Repository) -> Repository:
        taken.append(str(len(before.book("issues")) + 1))
        return before.with_record("issues", taken[0], record)

    return await call.change(repository, numbered), taken[0]


async def edit(call: Call, repository: Repository, number: str, changes: JsonObject) -> JsonObject:
    """Change an issue's record and return it."""

    def edited(before: Repository) -> Repository:
        record = before.book("issues")[number] | changes | {"updated_at": now()}
        return before.with_record("issues", number, record)

    after = await call.change(repository, edited)
    record: JsonObject = after.book("issues")[number]
    return record


def found(call: Call) -> tuple[Repository, str, JsonObject]:
    """Return repository, number and record of the issue in the path."""
    repository, number = call.find(), call.param("number")
    record = repository.book("issues").get(number)
    if record is None:
        raise NotFound
    return repository, number, record


def label(host: Host, repository: Repository, name: str) -> JsonObject:
    """Return a label; it exists on first use."""
    return {
        "id": links.number("label", repository.full_name, name),
        "node_id": links.node("LA", repository.full_name, name),
        "url": f"{links.repository_api(host.settings, repository)}/labels/{name}",
        "name": name,
        "description": None,
        "color": "ededed",
        "default": False,
    }


def common(call: Call, repository: Repository, number: str, record: JsonObject) -> JsonObject:
    """Return the members that issues and pull requests share."""
    api = links.repository_api(call.host.settings, repository)
    assignees = [accounts.simple(call.host, login) for login in record["assignees"]]
    return {
        "number": int(number),
        "title": record["title"],
        "body": record["body"],
        "state": record["state"],
        "locked": False,
        "user": accounts.simple(call.host, record["user"]),
        "labels": [label(call.host, repository, name) for name in record["labels"]],
        "assignee": assignees[0] if assignees else None,
        "assignees": assignees,
        "milestone": None,
        "created_at": record["created_at"],
        "updated_at": record["updated_at"],
        "closed_at": record["closed_at"],
        "author_association": "OWNER",
        "comments_url": f"{api}/issues/{number}/comments",
    }


def shown(call: Call, repository: Repository, number: str, record: JsonObject) -> JsonObject:
    """Return an issue (``issue``)."""
    api = links.repository_api(call.host.settings, repository)
    page = links.repository_page(call.host.settings, repository)
    pull = {"url": f"{api}/pulls/{number}", "html_url": f"{page}/pull/{number}"}
    files = {"diff_url": f"{page}/pull/{number}.diff", "patch_url": f"{page}/pull/{number}.patch"}
    return common(call, repository, number, record) | {
        "id": links.number("issue", repository.full_name, number),
        "node_id": links.node("I", repository.full_name, number),
        "url": f"{api}/issues/{number}",
        "repository_url": api,
        "labels_url": f"{api}/issues/{number}/labels{{/name}}",
        "events_url": f"{api}/issues/{number}/events",
        "html_url": f"{page}/issues/{number}",
        "comments": 0,
        "state_reason": None,
        **({"pull_request": pull | files} if "pull" in record else {}),
    }


async def _list(call: Call) -> Response:
    repository = call.find()
    wanted = call.query("state", "open")
    found_records = [
        (number, record) for number, record in repository.book("issues").items() if wanted in {"all", record["state"]}
    ]
    return answer([shown(call, repository, number, record) for number, record in reversed(found_records)])


async def _post(call: Call) -> Response:
    repository, fields = call.find(), await call.fields()
    record = opened(call, fields.text("title"), fields.text("body", "") or None)
    record |= {"labels": fields.texts("labels"), "assignees": fields.texts("assignees")}
    after, number = await create_numbered(call, repository, record)
    return answer(shown(call, after, number, record), HTTPStatus.CREATED)


async def _get(call: Call) -> Response:
    return answer(shown(call, *found(call)))


async def _patch(call: Call) -> Response:
    repository, number, record = found(call)
    fields = await call.fields()
    after = await edit(call, repository, number, edits(fields.text("state", record["state"]), fields.data))
    return answer(shown(call, repository, number, after))


def edits(state: str, given: JsonObject) -> JsonObject:
    """Return what a PATCH of an issue or pull request changes in its record."""
    if state not in _STATES:
        raise invalid_field("Issue", "state", "state must be open or closed")
    texts = {key: given[key] for key in ("title", "body") if isinstance(given.get(key), str)}
    return texts | {"state": state, "closed_at": now() if state == "closed" else None}


async def _post_labels(call: Call) -> Response:
    repository, number, record = found(call)
    given = await call.payload()
    # a bare list is what older clients send, and GitHub still takes it
    fields = Fields(given if isinstance(given, dict) else {"labels": given})
    names = list(dict.fromkeys([*record["labels"], *fields.texts("labels")]))
    await edit(call, repository, number, {"labels": names})
    return answer([label(call.host, repository, name) for name in names])


async def _post_assignees(call: Call) -> Response:
    repository, number, record = found(call)
    logins = list(dict.fromkeys([*record["assignees"], *(await call.fields()).texts("assignees")]))
    after = await edit(call, repository, number, {"assignees": logins})
    return answer(shown(call, repository, number, after), HTTPStatus.CREATED)


_ISSUES: Final = "/repos/{owner}/{repo}/issues"
ROUTES = [
    route("GET", _ISSUES, _list),
    route("POST", _ISSUES, _post),
    route("GET", f"{_ISSUES}/{{number:int}}", _get),
    route("PATCH", f"{_ISSUES}/{{number:int}}", _patch),
    route("POST", f"{_ISSUES}/{{number:int}}/labels", _post_labels),
    route("POST", f"{_ISSUES}/{{number:int}}/assignees", _post_assignees),
]
