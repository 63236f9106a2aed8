"""What a browser sees: raw files, and a readable page for each URL that the API hands out."""

from collections.abc import Awaitable, Callable, Iterable
from html import escape
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from backstage_py.sandbox import names
from backstage_py.sandbox.gitrepo import objects, refs
from backstage_py.sandbox.gitrepo.objects import Entry, MissingObjectError
from backstage_py.sandbox.host import Host
from backstage_py.sandbox.records import Repository

_MAX_SHOWN = 1024 * 1024
_STYLE = "body{font:16px/1.5 system-ui;margin:2rem auto;max-width:60rem;padding:0 1rem}pre{overflow:auto}"
_HEADERS: Final = {
    # files of repositories are foreign text: nothing in them may run
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "x-content-type-options": "nosniff",
}
_CHALLENGE: Final = {"www-authenticate": 'Basic realm="sandbox"'}
Page = Callable[[Request, Host, Repository], Awaitable[Response]]


class _MissingPageError(Exception):
    """There is nothing at this URL."""


def _route(path: str, page: Page) -> Route:
    async def endpoint(request: Request) -> Response:
        host: Host = request.app.state.host
        try:
            login = host.tokens.login(request.headers.get("authorization"))
        except PermissionError:
            return PlainTextResponse("Unknown token.\n", HTTPStatus.UNAUTHORIZED, _CHALLENGE)
        repository = host.store.find(request.path_params["owner"], request.path_params["repo"].removesuffix(".git"))
        try:
            response = await page(request, host, _visible(repository, login))
        except (_MissingPageError, MissingObjectError, names.InvalidNameError):
            response = PlainTextResponse("404: Not Found\n", HTTPStatus.NOT_FOUND)
        response.headers.update(_HEADERS)
        return response

    return Route(path, endpoint, methods=["GET"])


def _visible(repository: Repository | None, login: str | None) -> Repository:
    if repository is None or (repository.private and login is None):
        raise _MissingPageError
    return repository


async def _located(request: Request, host: Host, repository: Repository) -> tuple[str, Entry]:
    """Return the commit and the entry that ``{rest}``, which is ``<ref>/<path>``, means."""
    bare = host.store.bare(repository)
    found = await refs.split(bare, request.path_params["rest"])
    if found is None:
        raise _MissingPageError
    commit, path = found[0], names.tree_path(found[1])
    entry = await objects.find_entry(bare, commit, path) if path else Entry("040000", "tree", commit, None, "")
    if entry is None:
        raise _MissingPageError
    return commit, entry


async def _raw(request: Request, host: Host, repository: Repository) -> Response:
    _, entry = await _located(request, host, repository)
    if entry.type != "blob":
        raise _MissingPageError
    tag = f'"{entry.sha}"'
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"etag": tag})
    content = await objects.read_blob(host.store.bare(repository), entry.sha)
    media = "text/plain; charset=utf-8" if _is_text(content) else "application/octet-stream"
    return Response(content, media_type=media, headers={"etag": tag, "cache-control": "no-cache"})


async def _blob(request: Request, host: Host, repository: Repository) -> Response:
    """Show a file, or a folder's list: GitHub leads from the one URL to the other."""
    bare = host.store.bare(repository)
    _, entry = await _located(request, host, repository)
    if entry.type == "tree":
        ref = request.path_params["rest"].removesuffix(entry.path).strip("/")
        return await _folder(host, repository, ref, entry)
    content = await objects.read_blob(bare, entry.sha)
    text = content[:_MAX_SHOWN].decode(errors="replace") if _is_text(content) else f"{len(content)} bytes, not text"
    return _page(host, repository, entry.path, [f"<pre>{escape(text)}</pre>"])


async def _folder(host: Host, repository: Repository, ref: str, folder: Entry) -> Response:
    entries = await objects.read_tree(host.store.bare(repository), folder.sha)
    prefix = f"{folder.path}/" if folder.path else ""
    items = []
    for each in sorted(entries, key=lambda entry: (entry.type != "tree", entry.path)):
        kind = "tree" if each.type == "tree" else "blob"
        url = f"/{repository.full_name}/{kind}/{quote(ref)}/{quote(prefix + each.path)}"
        items.append(f'<li><a href="{escape(url)}">{escape(each.path)}</a>{"/" if kind == "tree" else ""}</li>')
    return _page(host, repository, folder.path, [f"<ul>{''.join(items)}</ul>"])


async def _home(_request: Request, host: Host, repository: Repository) -> Response:
    bare = host.store.bare(repository)
    commit = await refs.commit_of(bare, f"refs/heads/{repository.default_branch}")
    if commit is None:
        return _page(host, repository, "", ["<p>This repository is empty.</p>"])
    return await _folder(host, repository, repository.default_branch, Entry("040000", "tree", commit, None, ""))


async def _commit(request: Request, host: Host, repository: Repository) -> Response:
    bare, sha = host.store.bare(repository), request.path_params["sha"]
    if not names.is_sha(sha):
        raise _MissingPageError
    commit = await objects.read_commit(bare, sha)
    author = f"{commit.author.name} · {commit.author.date}"
    link = f'<a href="/{repository.full_name}/tree/{sha}">files</a>'
    return _page(host, repository, sha, [f"<p>{escape(author)}</p><pre>{escape(commit.message)}</pre><p>{link}</p>"])


async def _issue(request: Request, host: Host, repository: Repository) -> Response:
    record = repository.book("issues").get(str(request.path_params["number"]))
    if record is None:
        raise _MissingPageError
    pull = record.get("pull")
    heading = f"{record['title']} ({record['state']})"
    parts = [f"<h2>{escape(heading)}</h2>"]
    if pull:
        parts.append(f"<p>{escape(pull['head'])} → {escape(pull['base'])}</p>")
    parts.append(f"<pre>{escape(record['body'] or '')}</pre>")
    return _page(host, repository, "", parts)


async def _dispatches(_request: Request, host: Host, repository: Repository) -> Response:
    """Show the workflows that were dispatched; they are recorded, not run."""
    records = repository.book("dispatches").values()
    rows = [f"{each['at']} {each['workflow']} on {each['ref']} with {each['inputs']}" for each in records]
    return _page(
        host, repository, "dispatched workflows", [f"<ul>{''.join(f'<li>{escape(r)}</li>' for r in rows)}</ul>"]
    )


def _page(host: Host, repository: Repository, title: str, parts: Iterable[str]) -> Response:
    clone = f"git clone {host.settings.base_url}/{repository.full_name}.git"
    head = f'<h1><a href="/{repository.full_name}">{escape(repository.full_name)}</a> {escape(title)}</h1>'
    about = f"<p>{escape(str(repository.settings.get('description') or ''))}</p><pre>{escape(clone)}</pre>"
    return HTMLResponse(
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(repository.full_name)}</title>"
        f"<style>{_STYLE}</style>{head}{about}{''.join(parts)}</html>"
    )


async def _index(request: Request) -> Response:
    host: Host = request.app.state.host
    public = [each for each in host.store.everything() if not each.private]
    items = "".join(f'<li><a href="/{each.full_name}">{escape(each.full_name)}</a></li>' for each in public)
    body = f"<h1>Sandbox in place of {escape(host.settings.replaces)}</h1><ul>{items}</ul>"
    text = (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Sandbox</title><style>{_STYLE}</style>{body}</html>"
    )
    return HTMLResponse(text, headers=_HEADERS)


def _is_text(content: bytes) -> bool:
    return b"\0" not in content[:8000]  # git's own rule


_REPOSITORY: Final = "/{owner}/{repo}"
RAW = [_route("/raw/{owner}/{repo}/{rest:path}", _raw)]
PAGES = [
    Route("/", _index, methods=["GET"]),
    _route(f"{_REPOSITORY}/blob/{{rest:path}}", _blob),
    _route(f"{_REPOSITORY}/tree/{{rest:path}}", _blob),
    _route(f"{_REPOSITORY}/raw/{{rest:path}}", _raw),
    _route(f"{_REPOSITORY}/commit/{{sha}}", _commit),
    _route(f"{_REPOSITORY}/pull/{{number:int}}", _issue),
    _route(f"{_REPOSITORY}/issues/{{number:int}}", _issue),
    _route(f"{_REPOSITORY}/actions", _dispatches),
    _route(_REPOSITORY, _home),
]
