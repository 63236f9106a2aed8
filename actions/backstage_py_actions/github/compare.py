"""``github:commits:compare``: which commits came between two revisions."""

import re
from dataclasses import dataclass, field

from backstage_py.integrations.forges.github import Repository
from backstage_py.plugin import ActionAttributes, ActionContext, Json, JsonObject, NotFoundError
from backstage_py_actions._builtin import builtin
from backstage_py_actions.github import client

_PAGE, _MOST_PAGES = 100, 10
_LONGEST_TITLE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Compare:
    """Two revisions, and how many commits are listed."""

    repo_url: str
    base: str
    head: str
    limit: float = 50
    ignore: list[str] = field(default_factory=list)
    token: str | None = None


@builtin(
    "github:commits:compare",
    Compare,
    attributes=ActionAttributes(read_only=True, idempotent=True, destructive=False),
    needs_workspace=False,
)
async def github_commits_compare(ctx: ActionContext[Compare]) -> JsonObject:
    """List the commits that ``head`` has and ``base`` has not, the newest first."""
    wanted = ctx.input
    async with client.repository(ctx, wanted.repo_url, wanted.token) as target:
        first, commits = await _read(target, wanted)
    shown = [_shown(one) for one in reversed(commits)]
    told = [one for one in shown if not any(text in one["title"] for text in wanted.ignore)]
    listed = told[: int(wanted.limit)]
    ahead, url = int(first["ahead_by"]), str(first["html_url"])
    ctx.logger.info(f"'{wanted.head}' is {ahead} commits ahead of '{wanted.base}', {first['behind_by']} behind")
    return {
        "status": first["status"],
        "aheadBy": ahead,
        "behindBy": int(first["behind_by"]),
        "url": url,
        "commits": list(listed),
        "markdown": "\n".join([*map(_line, listed), *_rest(len(told) - len(listed) + ahead - len(shown), url)]),
    }


async def _read(target: Repository, wanted: Compare) -> tuple[JsonObject, list[Json]]:
    """Return the first page, and the commits of all of them, the oldest first as GitHub has them."""
    path = target.path("/compare/{base}...{head}", base=wanted.base, head=wanted.head)
    first: JsonObject = {}
    commits: list[Json] = []
    for page in range(1, _MOST_PAGES + 1):
        try:
            answer = await target.api.call("GET", path, query={"per_page": str(_PAGE), "page": str(page)})
        except NotFoundError as error:
            raise NotFoundError(
                f"'{wanted.base}' or '{wanted.head}' is no revision of {target.label}, or they have nothing in common: "
                f"{error.message}"
            ) from error
        first = first or answer
        commits += answer["commits"]
        if len(answer["commits"]) < _PAGE:
            break
    return first, commits


def _shown(commit: Json) -> JsonObject:
    inner = commit["commit"]
    title = (str(inner["message"]).splitlines() or [""])[0]
    return {
        "sha": commit["sha"],
        "title": title[:_LONGEST_TITLE],
        "author": str((inner.get("author") or {}).get("name") or ""),
        "date": str((inner.get("author") or {}).get("date") or ""),
        "url": commit["html_url"],
    }


def _line(commit: JsonObject) -> str:
    """Return an item of a list; what people wrote stands as code, so that it mentions nobody and closes nothing."""
    title, author = _code(commit["title"]), _code(commit["author"])
    return f"- {title} by {author} ([{commit['sha'][:7]}]({commit['url']}))"


def _rest(count: int, url: str) -> list[str]:
    return [f"- and {count} more: {url}"] if count > 0 else []


def _code(text: str) -> str:
    """Return a text as code: between more backticks than stand in it anywhere in a row."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence, pad = "`" * (longest + 1), " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text or '?'}{pad}{fence}"
