"""Commits as the API shows them: with their author's account, and as plain git data."""

from typing import Final

from starlette.responses import Response

from backstage_py.model.json import JsonObject
from backstage_py.sandbox import names
from backstage_py.sandbox.call import Call, Fields, answer, route, tagged
from backstage_py.sandbox.gitrepo import changes, objects, refs
from backstage_py.sandbox.gitrepo.objects import Commit, Signature
from backstage_py.sandbox.problems import Conflict, NotFound
from backstage_py.sandbox.records import Repository, now
from backstage_py.sandbox.rest import links, repositories

_UNSIGNED: Final = {"verified": False, "reason": "unsigned", "signature": None, "payload": None, "verified_at": None}
_SHA_MEDIA: Final = {"application/vnd.github.sha", "application/vnd.github.v3.sha"}
_MAX_PAGE = 100
_MAX_AT_ONCE = 250


def signature(of: Signature) -> JsonObject:
    """Return an author or committer."""
    return {"name": of.name, "email": of.email, "date": of.date}


def given_signature(call: Call, fields: Fields) -> Signature:
    """Return the author or committer that a request names; who calls now, where it says nothing."""
    login = call.caller()
    email = f"{login}@users.noreply.{call.host.settings.authority}"
    return Signature(fields.text("name", login), fields.text("email", email), fields.text("date", now()))


def plain(call: Call, repository: Repository, commit: Commit) -> JsonObject:
    """Return a commit as git data (``git-commit``)."""
    api = links.repository_api(call.host.settings, repository)
    page = links.repository_page(call.host.settings, repository)
    return {
        "sha": commit.sha,
        "node_id": links.node("C", repository.full_name, commit.sha),
        "url": f"{api}/git/commits/{commit.sha}",
        "html_url": f"{page}/commit/{commit.sha}",
        "author": signature(commit.author),
        "committer": signature(commit.committer),
        "message": commit.message,
        "tree": {"sha": commit.tree, "url": f"{api}/git/trees/{commit.tree}"},
        "parents": [
            {"sha": sha, "url": f"{api}/git/commits/{sha}", "html_url": f"{page}/commit/{sha}"}
            for sha in commit.parents
        ],
        "verification": dict(_UNSIGNED),
    }


def shown(call: Call, repository: Repository, commit: Commit) -> JsonObject:
    """Return a commit as the repository's history shows it (``commit``)."""
    git = plain(call, repository, commit)
    api = f"{links.repository_api(call.host.settings, repository)}/commits"
    inner = {key: git[key] for key in ("url", "author", "committer", "message", "tree", "verification")}
    return {
        "sha": git["sha"],
        "node_id": git["node_id"],
        "url": f"{api}/{commit.sha}",
        "html_url": git["html_url"],
        "comments_url": f"{api}/{commit.sha}/comments",
        "commit": inner | {"comment_count": 0},
        "author": None,
        "committer": None,
        "parents": [parent | {"url": f"{api}/{parent['sha']}"} for parent in git["parents"]],
    }


async def _get(call: Call) -> Response:
    repository = call.find()
    sha = await call.commit(repository, call.param("ref"))
    if call.request.headers.get("accept", "").split(";")[0].strip() in _SHA_MEDIA:
        return tagged(Response(sha, media_type="text/plain"))
    return answer(shown(call, repository, await objects.read_commit(call.bare(repository), sha)))


async def _list(call: Call) -> Response:
    repository = call.find()
    bare = call.bare(repository)
    if not await refs.listing(bare):
        raise Conflict("Git Repository is empty.")
    start = await call.commit(repository, call.query("sha"))
    path = names.tree_path(call.query("path"))
    found = await objects.history(bare, start, path=path, limit=_page_size(call))
    return answer([shown(call, repository, commit) for commit in found])


def _page_size(call: Call) -> int:
    given = call.query("per_page", "30")
    return max(1, min(int(given), _MAX_PAGE)) if given.isdigit() else 30


async def _get_status(call: Call) -> Response:
    repository = call.find()
    sha = await call.commit(repository, call.param("ref"))
    api = f"{links.repository_api(call.host.settings, repository)}/commits/{sha}"
    return answer(
        {
            "state": "pending",
            "sha": sha,
            "total_count": 0,
            "statuses": [],
            "repository": repositories.minimal(call.host, repository, call.login),
            "commit_url": api,
            "url": f"{api}/status",
        }
    )


async def _compare(call: Call) -> Response:
    repository = call.find()
    bare = call.bare(repository)
    base_name, _, head_name = call.param("range").partition("...")
    if not head_name:
        raise NotFound
    base, head = await call.commit(repository, base_name), await call.commit(repository, head_name)
    ahead = await changes.compare(bare, base, head)
    behind = await changes.compare(bare, head, base)
    status = {(False, False): "identical", (True, False): "ahead", (False, True): "behind"}
    merge_base = await refs.merge_base(bare, base, head)
    if merge_base is None:
        raise NotFound("No common ancestor")
    between = await objects.history(bare, head, limit=ahead.commits, without=base) if ahead.commits else []
    page = links.repository_page(call.host.settings, repository)
    return answer(
        {
            "url": f"{links.repository_api(call.host.settings, repository)}/compare/{base}...{head}",
            "html_url": f"{page}/compare/{base}...{head}",
            "permalink_url": f"{page}/compare/{base}...{head}",
            "diff_url": f"{page}/compare/{base}...{head}.diff",
            "patch_url": f"{page}/compare/{base}...{head}.patch",
            "base_commit": shown(call, repository, await objects.read_commit(bare, base)),
            "merge_base_commit": shown(call, repository, await objects.read_commit(bare, merge_base)),
            "status": status.get((bool(ahead.commits), bool(behind.commits)), "diverged"),
            "ahead_by": ahead.commits,
            "behind_by": behind.commits,
            "total_commits": ahead.commits,
            "commits": [shown(call, repository, commit) for commit in _page(call, between[::-1])],
        }
    )


def _page(call: Call, commits: list[Commit]) -> list[Commit]:
    """Return the commits of the page that is asked for; without one, as many as GitHub gives at once."""
    if not call.query("per_page") and not call.query("page"):
        return commits[:_MAX_AT_ONCE]
    size, page = _page_size(call), call.query("page", "1")
    start = (max(1, int(page)) - 1) * size if page.isdigit() else 0
    return commits[start : start + size]


_REPOSITORY: Final = "/repos/{owner}/{repo}"
ROUTES = [
    route("GET", f"{_REPOSITORY}/commits", _list),
    route("GET", f"{_REPOSITORY}/commits/{{ref:path}}/status", _get_status),
    route("GET", f"{_REPOSITORY}/commits/{{ref:path}}", _get),
    route("GET", f"{_REPOSITORY}/compare/{{range:path}}", _compare),
]
