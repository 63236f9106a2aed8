"""Pull requests between branches of one repository."""

from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from starlette.responses import Response

from backstage_py.model.json import JsonObject
from backstage_py.sandbox.call import Call, Fields, answer, route
from backstage_py.sandbox.gitrepo import changes, refs
from backstage_py.sandbox.problems import NotFound, Problem, Unprocessable, invalid_field
from backstage_py.sandbox.records import Repository, now
from backstage_py.sandbox.rest import accounts, commits, issues, links, repositories

_LINKS: Final = {
    "self": "/pulls/{number}",
    "issue": "/issues/{number}",
    "comments": "/issues/{number}/comments",
    "review_comments": "/pulls/{number}/comments",
    "review_comment": "/pulls/comments{{/number}}",
    "commits": "/pulls/{number}/commits",
    "statuses": "/statuses/{sha}",
}


async def _end(call: Call, repository: Repository, branch: str, last: str) -> JsonObject:
    """Return one side: where the branch is now, or was when it was last seen."""
    now = await refs.commit_of(call.bare(repository), f"refs/heads/{branch}")
    return {
        "label": f"{repository.owner}:{branch}",
        "ref": branch,
        "sha": now or last,
        "user": accounts.simple(call.host, repository.owner),
        "repo": repositories.full(call, repository),
    }


async def simple(call: Call, repository: Repository, number: str, record: JsonObject) -> JsonObject:
    """Return a pull request as lists show it (``pull-request-simple``)."""
    api = links.repository_api(call.host.settings, repository)
    page = f"{links.repository_page(call.host.settings, repository)}/pull/{number}"
    pull = record["pull"]
    head = await _end(call, repository, pull["head"], pull["head_sha"])
    base = await _end(call, repository, pull["base"], pull["base_sha"])
    urls = {name: api + path.format(number=number, sha=head["sha"]) for name, path in _LINKS.items()}
    return issues.common(call, repository, number, record) | {
        "id": links.number("pull", repository.full_name, number),
        "node_id": links.node("PR", repository.full_name, number),
        "url": urls["self"],
        "issue_url": urls["issue"],
        "commits_url": urls["commits"],
        "statuses_url": urls["statuses"],
        "review_comments_url": urls["review_comments"],
        "review_comment_url": urls["review_comment"],
        "html_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "_links": {name: {"href": url} for name, url in urls.items()} | {"html": {"href": page}},
        "draft": pull["draft"],
        "head": head,
        "base": base,
        "requested_reviewers": [accounts.simple(call.host, login) for login in pull["reviewers"]],
        "requested_teams": [accounts.team(call.host, repository.owner, slug) for slug in pull["team_reviewers"]],
        "auto_merge": None,
        "merged_at": pull.get("merged_at"),
        "merge_commit_sha": pull.get("merge_commit_sha"),
    }


async def full(call: Call, repository: Repository, number: str, record: JsonObject) -> JsonObject:
    """Return a pull request by itself (``pull-request``)."""
    shown = await simple(call, repository, number, record)
    bare, base, head = call.bare(repository), shown["base"]["sha"], shown["head"]["sha"]
    counts = await changes.compare(bare, base, head)
    merged_by = record["pull"].get("merged_by")
    clean = None if merged_by else await changes.merges_cleanly(bare, base, head)
    return shown | {
        "commits": counts.commits,
        "changed_files": counts.files,
        "additions": counts.additions,
        "deletions": counts.deletions,
        "mergeable": clean,
        "mergeable_state": {True: "clean", False: "dirty", None: "unknown"}[clean],
        "rebaseable": clean,
        "merged": merged_by is not None,
        "merged_by": accounts.simple(call.host, merged_by) if merged_by else None,
        "comments": 0,
        "review_comments": 0,
        "maintainer_can_modify": record["pull"]["maintainer_can_modify"],
    }


def _found(call: Call) -> tuple[Repository, str, JsonObject]:
    repository, number, record = issues.found(call)
    if "pull" not in record:
        raise NotFound
    return repository, number, record


async def _post(call: Call) -> Response:
    repository, fields = call.find(), await call.fields()
    bare = call.bare(repository)
    owner, _, branch = fields.text("head").rpartition(":")
    if owner and owner.lower() != repository.owner.lower():
        raise invalid_field("PullRequest", "head", "the sandbox has no forks; push the branch to this repository")
    base = fields.text("base")
    head_sha = await refs.commit_of(bare, f"refs/heads/{branch}")
    base_sha = await refs.commit_of(bare, f"refs/heads/{base}")
    if head_sha is None or base_sha is None:
        raise invalid_field("PullRequest", "base" if head_sha else "head")
    _refuse_second(repository, branch, base)
    if (await changes.compare(bare, base_sha, head_sha)).commits == 0:
        message = f"No commits between {base} and {branch}"
        problem = invalid_field("PullRequest", "base", message, code="custom")
        raise Unprocessable(errors=problem.errors)
    pull = {
        "head": branch,
        "base": base,
        "head_sha": head_sha,
        "base_sha": base_sha,
        "draft": fields.flag("draft", default=False),
        "maintainer_can_modify": fields.flag("maintainer_can_modify", default=True),
        "reviewers": [],
        "team_reviewers": [],
    }
    record = issues.opened(call, fields.text("title"), fields.text("body", "") or None, pull=pull)
    after, number = await issues.create_numbered(call, repository, record)
    return answer(await full(call, after, number, record), HTTPStatus.CREATED)


def _refuse_second(repository: Repository, head: str, base: str) -> None:
    for record in repository.book("issues").values():
        pull = record.get("pull")
        if pull and record["state"] == "open" and (pull["head"], pull["base"]) == (head, base):
            message = f"A pull request already exists for {repository.owner}:{head}."
            error = {"resource": "PullRequest", "code": "custom", "message": message}
            raise Unprocessable(errors=[error])


async def _list(call: Call) -> Response:
    repository = call.find()
    wanted = call.query("state", "open")
    head = call.query("head").rpartition(":")[2]
    base = call.query("base")
    pulls = [
        (number, record)
        for number, record in repository.book("issues").items()
        if "pull" in record
        and wanted in {"all", record["state"]}
        and head in {"", record["pull"]["head"]}
        and base in {"", record["pull"]["base"]}
    ]
    return answer([await simple(call, repository, number, record) for number, record in reversed(pulls)])


async def _get(call: Call) -> Response:
    return answer(await full(call, *_found(call)))


async def _get_files(call: Call) -> Response:
    repository, number, record = _found(call)
    shown = await simple(call, repository, number, record)
    changed = await changes.files(call.bare(repository), shown["base"]["sha"], shown["head"]["sha"])
    return answer([_file(call, repository, shown["head"]["sha"], one) for one in changed])


def _file(call: Call, repository: Repository, commit: str, one: changes.FileStat) -> JsonObject:
    page = links.repository_page(call.host.settings, repository)
    path = quote(one.path)
    return {
        "sha": one.sha,
        "filename": one.path,
        "status": one.status,
        "additions": one.additions,
        "deletions": one.deletions,
        "changes": one.additions + one.deletions,
        "blob_url": f"{page}/blob/{commit}/{path}",
        "raw_url": f"{page}/raw/{commit}/{path}",
        "contents_url": f"{links.repository_api(call.host.settings, repository)}/contents/{path}?ref={commit}",
    }


async def _patch(call: Call) -> Response:
    repository, number, record = _found(call)
    fields = await call.fields()
    edits = issues.edits(fields.text("state", record["state"]), fields.data)
    base = fields.text("base", record["pull"]["base"])
    if base != record["pull"]["base"]:
        sha = await refs.commit_of(call.bare(repository), f"refs/heads/{base}")
        if sha is None:
            raise invalid_field("PullRequest", "base")
        edits |= {"pull": record["pull"] | {"base": base, "base_sha": sha}}
    after = await issues.edit(call, repository, number, edits)
    return answer(await full(call, repository, number, after))


async def _merge(call: Call) -> Response:
    """Merge with a commit of two parents, or with ``squash`` of one; the branch stays."""
    repository, number, record = _found(call)
    fields, bare, pull = await call.fields(), call.bare(repository), record["pull"]
    base = await refs.commit_of(bare, f"refs/heads/{pull['base']}")
    head = await refs.commit_of(bare, f"refs/heads/{pull['head']}")
    if record["state"] != "open" or not base or not head or not await changes.merges_cleanly(bare, base, head):
        raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, "Pull Request is not mergeable")
    if fields.text("sha", head) != head:
        raise Problem(HTTPStatus.CONFLICT, "Head branch was modified. Review and try the merge again.")
    parents = [base] if fields.text("merge_method", "merge") == "squash" else [base, head]
    title = fields.text("commit_title", f"Merge pull request #{number} from {repository.owner}/{pull['head']}")
    author = commits.given_signature(call, Fields({}))
    sha = await changes.merge(bare, pull["base"], head, parents, title, author)
    done = {"merged_at": now(), "merged_by": call.caller(), "merge_commit_sha": sha, "head_sha": head, "base_sha": base}
    await issues.edit(call, repository, number, {"state": "closed", "closed_at": now(), "pull": pull | done})
    await call.change(repository, Repository.pushed)
    return answer({"sha": sha, "merged": True, "message": "Pull Request successfully merged"})


async def _post_reviewers(call: Call) -> Response:
    repository, number, record = _found(call)
    fields = await call.fields()
    pull = record["pull"]
    asked = {key: list(dict.fromkeys([*pull[key], *fields.texts(key)])) for key in ("reviewers", "team_reviewers")}
    if record["user"] in asked["reviewers"]:
        raise Unprocessable("Review cannot be requested from pull request author.")
    after = await issues.edit(call, repository, number, {"pull": pull | asked})
    return answer(await simple(call, repository, number, after), HTTPStatus.CREATED)


_PULLS: Final = "/repos/{owner}/{repo}/pulls"
ROUTES = [
    route("GET", _PULLS, _list),
    route("POST", _PULLS, _post),
    route("GET", f"{_PULLS}/{{number:int}}", _get),
    route("GET", f"{_PULLS}/{{number:int}}/files", _get_files),
    route("PATCH", f"{_PULLS}/{{number:int}}", _patch),
    route("PUT", f"{_PULLS}/{{number:int}}/merge", _merge),
    route("POST", f"{_PULLS}/{{number:int}}/requested_reviewers", _post_reviewers),
]
