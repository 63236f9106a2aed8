"""git's objects and refs, one at a time: blobs, trees, commits, refs."""

import base64
import binascii
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from starlette.responses import Response

from backstage_py.model.json import JsonObject
from backstage_py.sandbox import names
from backstage_py.sandbox.call import Call, Fields, answer, nothing, route
from backstage_py.sandbox.gitrepo import changes, objects, refs
from backstage_py.sandbox.gitrepo.changes import Change
from backstage_py.sandbox.gitrepo.objects import Entry, MissingObjectError
from backstage_py.sandbox.gitrepo.refs import Ref
from backstage_py.sandbox.problems import Conflict, NotFound, Unprocessable, invalid_field
from backstage_py.sandbox.records import Repository
from backstage_py.sandbox.rest import commits, links

_MODES: Final = {"100644": "blob", "100755": "blob", "120000": "blob", "040000": "tree", "160000": "commit"}
_MAX_ENTRIES = 100_000


def _api(call: Call, repository: Repository) -> str:
    return f"{links.repository_api(call.host.settings, repository)}/git"


def _found_sha(call: Call) -> str:
    sha = call.param("sha")
    if not names.is_sha(sha):
        raise NotFound
    return sha


async def _get_blob(call: Call) -> Response:
    repository, sha = call.find(), _found_sha(call)
    try:
        content = await objects.read_blob(call.bare(repository), sha)
    except MissingObjectError:
        raise NotFound from None
    return answer(
        {
            "sha": sha,
            "node_id": links.node("B", repository.full_name, sha),
            "size": len(content),
            "url": f"{_api(call, repository)}/blobs/{sha}",
            "content": base64.b64encode(content).decode(),
            "encoding": "base64",
        }
    )


async def _post_blob(call: Call) -> Response:
    repository, fields = call.find(), await call.fields()
    text, encoding = fields.text("content", ""), fields.text("encoding", "utf-8")
    try:
        content = base64.b64decode(text, validate=False) if encoding == "base64" else text.encode()
    except (binascii.Error, ValueError):
        raise Unprocessable("content is not valid Base64") from None
    sha = await objects.write_blob(call.bare(repository), content)
    return answer({"sha": sha, "url": f"{_api(call, repository)}/blobs/{sha}"}, HTTPStatus.CREATED)


def _tree(call: Call, repository: Repository, sha: str, entries: list[Entry]) -> JsonObject:
    api = _api(call, repository)
    folders = {"tree": "trees", "blob": "blobs"}
    return {
        "sha": sha,
        "url": f"{api}/trees/{sha}",
        "tree": [
            {"path": each.path, "mode": each.mode, "type": each.type, "sha": each.sha}
            | ({"size": each.size} if each.size is not None else {})
            | ({"url": f"{api}/{folders[each.type]}/{each.sha}"} if each.type in folders else {})
            for each in entries[:_MAX_ENTRIES]
        ],
        "truncated": len(entries) > _MAX_ENTRIES,
    }


async def _get_tree(call: Call) -> Response:
    repository = call.find()
    bare, name = call.bare(repository), call.param("ref")
    known = names.is_sha(name) and await objects.type_of(bare, name) == "tree"
    sha = name if known else (await objects.read_commit(bare, await call.commit(repository, name))).tree
    recursive = call.query("recursive") != ""  # GitHub: any value, even 0
    return answer(_tree(call, repository, sha, await objects.read_tree(bare, sha, recursive=recursive)))


async def _post_tree(call: Call) -> Response:
    repository, fields = call.find(), await call.fields()
    bare = call.bare(repository)
    base = fields.sha("base_tree") if fields.data.get("base_tree") is not None else None
    given = [await _change(call, repository, each) for each in fields.objects("tree")]
    if not given:
        raise invalid_field("Tree", "tree", code="missing_field")
    sha = await changes.write_tree(bare, base, given)
    return answer(_tree(call, repository, sha, await objects.read_tree(bare, sha)), HTTPStatus.CREATED)


async def _change(call: Call, repository: Repository, fields: Fields) -> Change:
    mode = fields.text("mode", "100644")
    if mode not in _MODES:
        raise invalid_field("Tree", "mode", f"mode must be one of {', '.join(_MODES)}")
    path = fields.path("path")
    if "content" in fields.data:
        blob = await objects.write_blob(call.bare(repository), fields.text("content", "").encode())
        return Change(path, blob, mode)
    if "sha" in fields.data and fields.data["sha"] is None:
        return Change(path, None, mode)
    sha = fields.sha("sha")
    kind = await objects.type_of(call.bare(repository), sha)
    if kind != _MODES[mode] and mode != "160000":
        raise invalid_field("Tree", "sha", f"tree.sha {sha} is not a valid {_MODES[mode]}")
    return Change(path, sha, mode)


async def _get_commit(call: Call) -> Response:
    repository = call.find()
    try:
        commit = await objects.read_commit(call.bare(repository), _found_sha(call))
    except MissingObjectError:
        raise NotFound from None
    return answer(commits.plain(call, repository, commit))


async def _post_commit(call: Call) -> Response:
    repository, fields = call.find(), await call.fields()
    bare, parents = call.bare(repository), fields.texts("parents")
    if not all(names.is_sha(sha) for sha in parents):
        raise invalid_field("Commit", "parents", "parents must be full object names")
    author = commits.given_signature(call, fields.object("author"))
    committer = commits.given_signature(call, fields.object("committer")) if fields.object("committer").data else author
    sha = await objects.write_commit(bare, fields.sha("tree"), parents, fields.text("message"), author, committer)
    shown = commits.plain(call, repository, await objects.read_commit(bare, sha))
    return answer(shown, HTTPStatus.CREATED)


def _ref(call: Call, repository: Repository, ref: Ref) -> JsonObject:
    api = _api(call, repository)
    return {
        "ref": ref.name,
        "node_id": links.node("REF", repository.full_name, ref.name),
        "url": f"{api}/{quote(ref.name)}",
        "object": {"type": ref.type, "sha": ref.sha, "url": f"{api}/{ref.type}s/{ref.sha}"},
    }


async def _found_ref(call: Call) -> tuple[Repository, Ref]:
    repository = call.find()
    bare = call.bare(repository)
    name = f"refs/{call.param('ref').removeprefix('refs/')}"
    ref = await refs.find(bare, name)
    if ref is None:
        if not await refs.listing(bare, "refs/"):
            raise Conflict("Git Repository is empty.")
        raise NotFound
    return repository, ref


async def _get_ref(call: Call) -> Response:
    repository, ref = await _found_ref(call)
    return answer(_ref(call, repository, ref))


async def _list_refs(call: Call) -> Response:
    repository = call.find()
    prefix = f"refs/{call.request.path_params.get('ref', '')}"
    found = await refs.listing(call.bare(repository), "refs/")
    return answer([_ref(call, repository, ref) for ref in found if ref.name.startswith(prefix)])


async def _post_ref(call: Call) -> Response:
    repository, fields = call.find(), await call.fields()
    bare, name, sha = call.bare(repository), names.ref(fields.text("ref")), fields.sha("sha")
    if not name.startswith(("refs/heads/", "refs/tags/")):
        raise Unprocessable("Reference name must start with 'refs/heads/' or 'refs/tags/'.")
    if await objects.type_of(bare, sha) is None:
        raise Unprocessable("Object does not exist")
    try:
        await refs.move(bare, name, sha, None)
    except refs.RefMovedError:
        raise Unprocessable("Reference already exists") from None
    await call.change(repository, Repository.pushed)
    ref = Ref(name, sha, await objects.type_of(bare, sha) or "commit")
    return answer(_ref(call, repository, ref), HTTPStatus.CREATED)


async def _patch_ref(call: Call) -> Response:
    repository, ref = await _found_ref(call)
    fields = await call.fields()
    bare, sha = call.bare(repository), fields.sha("sha")
    if await objects.type_of(bare, sha) is None:
        raise Unprocessable("Object does not exist")
    if not fields.flag("force", default=False) and not await refs.is_ancestor(bare, ref.sha, sha):
        raise Unprocessable("Update is not a fast forward")
    await refs.move(bare, ref.name, sha, ref.sha)
    await call.change(repository, Repository.pushed)
    return answer(_ref(call, repository, Ref(ref.name, sha, ref.type)))


async def _delete_ref(call: Call) -> Response:
    repository, ref = await _found_ref(call)
    if ref.name == f"refs/heads/{repository.default_branch}":
        raise Unprocessable("Cannot delete the default branch")
    await refs.delete(call.bare(repository), ref.name, ref.sha)
    return nothing()


_GIT: Final = "/repos/{owner}/{repo}/git"
ROUTES = [
    route("POST", f"{_GIT}/blobs", _post_blob),
    route("GET", f"{_GIT}/blobs/{{sha}}", _get_blob),
    route("POST", f"{_GIT}/trees", _post_tree),
    route("GET", f"{_GIT}/trees/{{ref:path}}", _get_tree),
    route("POST", f"{_GIT}/commits", _post_commit),
    route("GET", f"{_GIT}/commits/{{sha}}", _get_commit),
    route("GET", f"{_GIT}/matching-refs/{{ref:path}}", _list_refs),
    route("GET", f"{_GIT}/ref/{{ref:path}}", _get_ref),
    route("GET", f"{_GIT}/refs", _list_refs),
    route("POST", f"{_GIT}/refs", _post_ref),
    route("GET", f"{_GIT}/refs/{{ref:path}}", _get_ref),
    route("PATCH", f"{_GIT}/refs/{{ref:path}}", _patch_ref),
    route("DELETE", f"{_GIT}/refs/{{ref:path}}", _delete_ref),
]
