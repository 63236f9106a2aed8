"""Files and folders of a repository, read and written one at a time."""

import base64
import binascii
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from starlette.responses import Response

from backstage_py.model.json import JsonObject
from backstage_py.sandbox import names
from backstage_py.sandbox.call import Call, Fields, answer, route, tagged
from backstage_py.sandbox.gitrepo import changes, objects, refs
from backstage_py.sandbox.gitrepo.changes import Change
from backstage_py.sandbox.gitrepo.objects import Entry
from backstage_py.sandbox.problems import Conflict, NotFound, Problem, Unprocessable, invalid_field
from backstage_py.sandbox.records import Repository
from backstage_py.sandbox.rest import commits, links

_INLINE = 1024 * 1024  # GitHub leaves out the content of larger files
_RAW = 100 * 1024 * 1024
_README: Final = ("README.md", "README", "README.txt", "readme.md", "Readme.md")


def _raw_wanted(call: Call) -> bool:
    media = call.request.headers.get("accept", "").split(";")[0].split(",")[0].strip()
    return media.startswith("application/vnd.github") and media.removesuffix("+json").endswith((".raw", "/raw"))


def shown(call: Call, repository: Repository, ref: str, entry: Entry) -> JsonObject:
    """Return a file or folder without its content, as a folder's listing shows it."""
    api = links.repository_api(call.host.settings, repository)
    folder = entry.type == "tree"
    git = f"{api}/git/{'trees' if folder else 'blobs'}/{entry.sha}"
    page = links.page(call.host.settings, repository, "tree" if folder else "blob", ref, entry.path)
    url = f"{api}/contents/{quote(entry.path)}?ref={quote(ref)}"
    raw = f"{call.host.settings.raw_url}/{repository.full_name}/{quote(ref)}/{quote(entry.path)}"
    return {
        "name": entry.path.rsplit("/", 1)[-1],
        "path": entry.path,
        "sha": entry.sha,
        "size": entry.size or 0,
        "type": entry.kind,
        "url": url,
        "html_url": page,
        "git_url": git,
        "download_url": None if entry.type != "blob" else raw,
        "_links": {"self": url, "git": git, "html": page},
    }


async def _get(call: Call) -> Response:
    repository = call.find()
    ref = call.query("ref") or repository.default_branch
    commit = await call.commit(repository, call.query("ref"))
    return await _at(call, repository, ref, commit, names.tree_path(call.request.path_params.get("path", "")))


async def _get_readme(call: Call) -> Response:
    repository = call.find()
    ref = call.query("ref") or repository.default_branch
    commit = await call.commit(repository, call.query("ref"))
    for path in _README:
        if await objects.find_entry(call.bare(repository), commit, path):
            return await _at(call, repository, ref, commit, path)
    raise NotFound


async def _at(call: Call, repository: Repository, ref: str, commit: str, path: str) -> Response:
    bare = call.bare(repository)
    entry = await objects.find_entry(bare, commit, path) if path else Entry("040000", "tree", commit, None, "")
    if entry is None:
        raise NotFound
    if entry.type == "tree":
        prefix = f"{path}/" if path else ""
        within = await objects.read_tree(bare, entry.sha)
        return answer(
            [
                shown(call, repository, ref, Entry(each.mode, each.type, each.sha, each.size, f"{prefix}{each.path}"))
                for each in within
            ]
        )
    if entry.type == "commit":
        return answer(shown(call, repository, ref, entry) | {"submodule_git_url": None})
    return await _file(call, repository, ref, entry)


async def _file(call: Call, repository: Repository, ref: str, entry: Entry) -> Response:
    size = entry.size or 0
    if size > _RAW:
        raise Problem(HTTPStatus.FORBIDDEN, "This file is larger than 100 MB; clone the repository to read it.")
    raw_wanted = _raw_wanted(call)
    if not raw_wanted and size > _INLINE:
        return answer(shown(call, repository, ref, entry) | {"content": "", "encoding": "none"})
    content = await objects.read_blob(call.bare(repository), entry.sha)
    if raw_wanted:
        return tagged(Response(content, media_type="application/vnd.github.raw; charset=utf-8"))
    if entry.kind == "symlink":
        return answer(shown(call, repository, ref, entry) | {"target": content.decode(errors="replace")})
    # lines of 60 characters, as GitHub breaks them
    text = base64.b64encode(content).decode()
    lines = "".join(f"{text[start : start + 60]}\n" for start in range(0, len(text), 60))
    return answer(shown(call, repository, ref, entry) | {"content": lines, "encoding": "base64"})


async def _put(call: Call) -> Response:
    fields = await call.fields()
    try:
        content = base64.b64decode("".join(fields.text("content", "").split()), validate=True)
    except (binascii.Error, ValueError):
        raise Unprocessable("content is not valid Base64") from None
    return await _write(call, fields, content)


async def _delete(call: Call) -> Response:
    fields = await call.fields()
    query = call.request.query_params
    merged = {key: query[key] for key in ("message", "sha", "branch") if key in query}
    return await _write(call, Fields(merged | fields.data), None)


async def _write(call: Call, fields: Fields, content: bytes | None) -> Response:
    """Write (or with None delete) one file in one commit; the file's old sha must be known to the caller."""
    repository = call.find()
    bare = call.bare(repository)
    path = names.tree_path(call.param("path"))
    if not path:
        raise invalid_field("Commit", "path", "path must name a file")
    message, branch = fields.text("message"), names.ref(fields.text("branch", repository.default_branch))
    parent = await refs.commit_of(bare, f"refs/heads/{branch}")
    if parent is None and await refs.listing(bare):
        raise NotFound(f"Branch {branch} not found")
    before = await objects.find_entry(bare, parent, path) if parent else None
    _check_known(before, fields.text("sha", ""), path)
    if before is None and content is None:
        raise NotFound
    blob = None if content is None else await objects.write_blob(bare, content)
    mode = before.mode if before and before.type == "blob" else "100644"
    author = commits.given_signature(call, fields.object("author"))
    sha = await changes.commit(bare, branch, parent, [Change(path, blob, mode)], message, author)
    await call.change(repository, Repository.pushed)
    entry = await objects.find_entry(bare, sha, path) if blob else None
    commit = commits.plain(call, repository, await objects.read_commit(bare, sha))
    status = HTTPStatus.OK if before else HTTPStatus.CREATED
    return answer({"content": shown(call, repository, branch, entry) if entry else None, "commit": commit}, status)


def _check_known(before: Entry | None, known: str, path: str) -> None:
    if before is not None and not known:
        raise Unprocessable('Invalid request.\n\n"sha" wasn\'t supplied.')
    if (before.sha if before else "") != known:
        raise Conflict(f"{path} does not match {known}")


_REPOSITORY: Final = "/repos/{owner}/{repo}"
ROUTES = [
    route("GET", f"{_REPOSITORY}/readme", _get_readme),
    route("GET", f"{_REPOSITORY}/contents", _get),
    route("GET", f"{_REPOSITORY}/contents/{{path:path}}", _get),
    route("PUT", f"{_REPOSITORY}/contents/{{path:path}}", _put),
    route("DELETE", f"{_REPOSITORY}/contents/{{path:path}}", _delete),
]
