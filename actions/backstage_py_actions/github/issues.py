"""``github:issues:create`` and ``github:issues:label``."""

from dataclasses import dataclass

from backstage_py.plugin import ActionContext, BackstageError, Json, JsonObject
from backstage_py_actions import hosting
from backstage_py_actions._builtin import builtin
from backstage_py_actions.github import client

_DRY_RUN_NUMBER = 42
_PAGES = 3  # the newest issues come first


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """A new issue."""

    repo_url: str
    title: str
    body: str | None = None
    assignees: list[str] | None = None
    milestone: str | int | None = None
    labels: list[str] | None = None
    token: str | None = None


@builtin("github:issues:create", Issue, dry_run=True, needs_workspace=False)
async def github_issues_create(ctx: ActionContext[Issue]) -> JsonObject:
    """Open an issue."""
    wanted = ctx.input
    _, owner, repo = client.locate(ctx, wanted.repo_url)
    ctx.logger.info(f'Creating issue "{wanted.title}" on repo {repo}')
    if ctx.is_dry_run:
        ctx.logger.info(f'Performing dry run of creating issue "{wanted.title}"')
        ctx.logger.info("Dry run complete")
        url = f"https://github.com/{owner}/{repo}/issues/{_DRY_RUN_NUMBER}"
        return {"issueUrl": url, "issueNumber": _DRY_RUN_NUMBER}
    given = {
        "title": wanted.title,
        "assignees": wanted.assignees,
        "milestone": wanted.milestone,
        "labels": wanted.labels,
    }
    async with client.repository(ctx, wanted.repo_url, wanted.token) as target:

        async def create(marker: str) -> JsonObject:
            body = given | {"body": hosting.marked(wanted.body, marker)}
            return _shown(await target.call("POST", "/issues", {k: v for k, v in body.items() if v is not None}))

        async def find(marker: str) -> JsonObject | None:
            newest = await target.list("/issues", query={"state": "all"}, pages=_PAGES)
            return next((_shown(one) for one in newest if marker in str(one["body"])), None)

        try:
            key = f"github.issues.create.{target.owner}.{target.name}.{wanted.title}"
            issue = await ctx.effect(key, create=create, find=find)
        except BackstageError as error:
            ctx.logger.warning(f"Failed: creating issue '{wanted.title}' on repo: '{target.name}', {error.message}")
            raise
    ctx.logger.info(f"Successfully created issue #{issue['issueNumber']}: {issue['issueUrl']}")
    return issue


def _shown(issue: Json) -> JsonObject:
    return {"issueUrl": issue["html_url"], "issueNumber": issue["number"]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """Labels for an issue or pull request."""

    repo_url: str
    number: float
    labels: list[str]
    token: str | None = None


@builtin("github:issues:label", Labels, needs_workspace=False)
async def github_issues_label(ctx: ActionContext[Labels]) -> None:
    """Add labels; a refusal is a warning in the log, as in Backstage. Without an answer the step fails."""
    wanted = ctx.input
    number = int(wanted.number)
    async with client.repository(ctx, wanted.repo_url, wanted.token) as target:
        ctx.logger.info(f"Adding labels to {number} issue on repo {target.name}")

        async def add() -> None:
            await target.call("POST", "/issues/{number}/labels", {"labels": wanted.labels}, number=str(number))

        key = f"github.issues.add.label.{target.owner}.{target.name}.{number}"
        said = f"Failed: adding labels to issue: '{number}' on repo: '{target.name}'"
        await hosting.unless_refused(ctx, key, add, said)
