"""GitHub Actions as the sandbox knows it: variables, secrets, environments, workflows and their dispatches.

Secrets arrive sealed for a public key whose private half is thrown away when it is made, so what is kept can be read
by nobody. A dispatch is recorded and shown, not run.
"""

import base64
from http import HTTPStatus
from typing import Final

from starlette.responses import Response

from backstage_py.model.json import JsonObject
from backstage_py.sandbox import names
from backstage_py.sandbox.call import Call, answer, nothing, route
from backstage_py.sandbox.gitrepo import objects, refs
from backstage_py.sandbox.problems import Conflict, NotFound, Unprocessable
from backstage_py.sandbox.records import Repository, now
from backstage_py.sandbox.rest import links

_FOLDER = ".github/workflows"


def _book(call: Call, kind: str) -> str:
    """Return the book of variables or secrets: the repository's, or that of the path's environment."""
    environment = call.request.path_params.get("environment")
    if environment is None:
        return kind
    if environment not in call.find().book("environments"):
        raise NotFound
    return f"{kind} of {environment}"


async def _list_variables(call: Call) -> Response:
    book = call.find().book(_book(call, "variables"))
    return answer({"total_count": len(book), "variables": list(book.values())})


async def _get_variable(call: Call) -> Response:
    record = call.find().book(_book(call, "variables")).get(call.param("name").upper())
    if record is None:
        raise NotFound
    return answer(record)


async def _post_variable(call: Call) -> Response:
    repository, book, fields = call.find(), _book(call, "variables"), await call.fields()
    name = fields.text("name").upper()
    if name in repository.book(book):
        raise Conflict("Already exists - Variable already exists")
    stamp = now()
    record = {"name": name, "value": fields.text("value", ""), "created_at": stamp, "updated_at": stamp}
    await call.change(repository, lambda before: before.with_record(book, name, record))
    return answer({}, HTTPStatus.CREATED)


async def _patch_variable(call: Call) -> Response:
    repository, book, name = call.find(), _book(call, "variables"), call.param("name").upper()
    record = repository.book(book).get(name)
    if record is None:
        raise NotFound
    after = record | {"value": (await call.fields()).text("value", record["value"]), "updated_at": now()}
    await call.change(repository, lambda before: before.with_record(book, name, after))
    return nothing()


async def _delete_variable(call: Call) -> Response:
    repository, book = call.find(), _book(call, "variables")
    await call.change(repository, lambda before: before.without_record(book, call.param("name").upper()))
    return nothing()


async def _get_public_key(call: Call) -> Response:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    repository, book = call.find(), _book(call, "keys")
    if not repository.book(book):
        public = X25519PrivateKey.generate().public_key().public_bytes_raw()
        key = {"key_id": str(links.number("key", public.hex())), "key": base64.b64encode(public).decode()}
        repository = await call.change(
            repository, lambda before: before if before.book(book) else before.with_record(book, "public", key)
        )
    return answer(repository.book(book)["public"])


async def _list_secrets(call: Call) -> Response:
    book = call.find().book(_book(call, "secrets"))
    return answer({"total_count": len(book), "secrets": list(book.values())})


async def _put_secret(call: Call) -> Response:
    repository, book, fields = call.find(), _book(call, "secrets"), await call.fields()
    name = call.param("name").upper()
    known = repository.book(_book(call, "keys")).get("public", {}).get("key_id")
    if fields.text("key_id") != known or not fields.text("encrypted_value"):
        raise Unprocessable("Bad request - key_id does not match the public key")
    before = repository.book(book).get(name)
    record = {"name": name, "created_at": before["created_at"] if before else now(), "updated_at": now()}
    await call.change(repository, lambda current: current.with_record(book, name, record))
    return nothing() if before else answer({}, HTTPStatus.CREATED)


async def _put_environment(call: Call) -> Response:
    repository, name = call.find(), call.param("environment")
    rules = (await call.fields()).data
    record = {"name": name, "created_at": now(), "updated_at": now(), "rules": rules}
    await call.change(repository, lambda before: before.with_record("environments", name, record))
    return answer(_environment(call, repository, record))


async def _get_environment(call: Call) -> Response:
    repository = call.find()
    record = repository.book("environments").get(call.param("environment"))
    if record is None:
        raise NotFound
    return answer(_environment(call, repository, record))


def _environment(call: Call, repository: Repository, record: JsonObject) -> JsonObject:
    name = record["name"]
    page = links.repository_page(call.host.settings, repository)
    return {
        "id": links.number("environment", repository.full_name, name),
        "node_id": links.node("EN", repository.full_name, name),
        "name": name,
        "url": f"{links.repository_api(call.host.settings, repository)}/environments/{name}",
        "html_url": f"{page}/deployments/activity_log?environments_filter={name}",
        "created_at": record["created_at"],
        "updated_at": record["updated_at"],
        "protection_rules": [],
        "deployment_branch_policy": record["rules"].get("deployment_branch_policy"),
    }


async def _post_branch_policy(call: Call) -> Response:
    repository, book = call.find(), _book(call, "branch policies")
    fields = await call.fields()
    name, kind = fields.text("name"), fields.text("type", "branch")
    record = {"id": links.number(book, repository.full_name, name), "name": name, "type": kind}
    shown = record | {"node_id": links.node("BP", repository.full_name, book, name)}
    await call.change(repository, lambda before: before.with_record(book, name, record))
    return answer(shown)


async def _list_branch_policies(call: Call) -> Response:
    book = call.find().book(_book(call, "branch policies"))
    return answer({"total_count": len(book), "branch_policies": list(book.values())})


async def _workflow_path(call: Call, repository: Repository, commit: str) -> str:
    """Return the file of a workflow given by its file name or by its number."""
    wanted = call.param("workflow")
    folder = await objects.find_entry(call.bare(repository), commit, _FOLDER)
    entries = await objects.read_tree(call.bare(repository), folder.sha) if folder else []
    for entry in entries:
        if wanted in {entry.path, str(_workflow_id(repository, entry.path))}:
            return names.tree_path(f"{_FOLDER}/{entry.path}")
    raise NotFound


def _workflow_id(repository: Repository, file: str) -> int:
    return links.number("workflow", repository.full_name, file)


async def _get_workflow(call: Call) -> Response:
    repository = call.find()
    path = await _workflow_path(call, repository, await call.commit(repository, ""))
    file = path.rsplit("/", 1)[-1]
    page = links.repository_page(call.host.settings, repository)
    number = _workflow_id(repository, file)
    return answer(
        {
            "id": number,
            "node_id": links.node("W", repository.full_name, file),
            "name": path,
            "path": path,
            "state": "active",
            "created_at": repository.created_at,
            "updated_at": repository.updated_at,
            "url": f"{links.repository_api(call.host.settings, repository)}/actions/workflows/{number}",
            "html_url": links.page(call.host.settings, repository, "blob", repository.default_branch, path),
            "badge_url": f"{page}/workflows/{path}/badge.svg",
        }
    )


async def _dispatch(call: Call) -> Response:
    repository, fields = call.find(), await call.fields()
    bare, ref = call.bare(repository), fields.text("ref")
    await _workflow_path(call, repository, await call.commit(repository, ""))
    commit = await refs.commit_of(bare, ref)
    if commit is None:
        raise Unprocessable(f"No ref found for: {ref}")
    path = await _workflow_path(call, repository, commit)
    entry = await objects.find_entry(bare, commit, path)
    if entry is None or b"workflow_dispatch" not in await objects.read_blob(bare, entry.sha):
        raise Unprocessable("Workflow does not have 'workflow_dispatch' trigger")
    record = {
        "workflow": path,
        "ref": ref,
        "commit": commit,
        "inputs": fields.object("inputs").data,
        "by": call.caller(),
        "at": now(),
    }
    await call.change(
        repository, lambda before: before.with_record("dispatches", str(len(before.book("dispatches")) + 1), record)
    )
    return nothing()


_REPOSITORY: Final = "/repos/{owner}/{repo}"
_SCOPES: Final = (f"{_REPOSITORY}/actions", f"{_REPOSITORY}/environments/{{environment}}")
ROUTES = [
    *(
        each
        for scope in _SCOPES
        for each in (
            route("GET", f"{scope}/variables", _list_variables),
            route("POST", f"{scope}/variables", _post_variable),
            route("GET", f"{scope}/variables/{{name}}", _get_variable),
            route("PATCH", f"{scope}/variables/{{name}}", _patch_variable),
            route("DELETE", f"{scope}/variables/{{name}}", _delete_variable),
            route("GET", f"{scope}/secrets", _list_secrets),
            route("GET", f"{scope}/secrets/public-key", _get_public_key),
            route("PUT", f"{scope}/secrets/{{name}}", _put_secret),
        )
    ),
    route("GET", f"{_REPOSITORY}/environments/{{environment}}/deployment-branch-policies", _list_branch_policies),
    route("POST", f"{_REPOSITORY}/environments/{{environment}}/deployment-branch-policies", _post_branch_policy),
    route("GET", f"{_REPOSITORY}/environments/{{environment}}", _get_environment),
    route("PUT", f"{_REPOSITORY}/environments/{{environment}}", _put_environment),
    route("GET", f"{_REPOSITORY}/actions/workflows/{{workflow}}", _get_workflow),
    route("POST", f"{_REPOSITORY}/actions/workflows/{{workflow}}/dispatches", _dispatch),
]
