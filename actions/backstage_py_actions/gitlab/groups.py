"""``gitlab:group:ensureExists`` and ``gitlab:group:migrate``."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from backstage_py.integrations import gitlab
from backstage_py.integrations.gitlab import GitlabApi
from backstage_py.plugin import ActionContext, BackstageError, InputError, Json, JsonObject, NotFoundError
from backstage_py.plugin.formats import parse_repo_url
from backstage_py_actions import hosting
from backstage_py_actions._builtin import builtin
from backstage_py_actions.gitlab import client

_DRY_RUN_NUMBER = 42


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """Groups, each in the one before."""

    repo_url: str
    path: list[Json]
    token: str | None = None
    description: str | None = None


@builtin("gitlab:group:ensureExists", Groups, dry_run=True, needs_workspace=False, extra=client.EXTRA)
async def gitlab_group_ensure_exists(ctx: ActionContext[Groups]) -> JsonObject:
    """Make sure that groups exist; the last one gets the description if it is made."""
    wanted = ctx.input
    if ctx.is_dry_run:
        return {"groupId": _DRY_RUN_NUMBER}
    parts = list(_parts(wanted.path))
    async with client.opened(ctx, gitlab.host_of(wanted.repo_url), wanted.token) as api:
        parent, path = None, ""
        for index, (name, slug) in enumerate(parts):
            path = f"{path}/{slug}" if path else slug
            body: JsonObject = {"name": name, "path": slug}
            if parent is not None:
                body["parent_id"] = parent
            if wanted.description and index == len(parts) - 1:
                body["description"] = wanted.description
            parent = await _find(api, path) or await _create(ctx, api, path, body)
    return {} if parent is None else {"groupId": parent}


def _parts(path: list[Json]) -> Iterator[tuple[str, str]]:
    """Yield name and slug of each group; a text may hold several."""
    for one in path:
        if isinstance(one, str):
            yield from ((part, part) for part in one.split("/"))
        else:
            yield str(one["name"]), str(one["slug"])


async def _find(api: GitlabApi, path: str) -> int | None:
    try:
        found = await api.call("GET", gitlab.path("/groups/{group}", group=path))
    except NotFoundError:
        return None
    return int(found["id"])


async def _create(ctx: ActionContext[Any], api: GitlabApi, path: str, body: JsonObject) -> int:
    """Create a group; one that somebody else made meanwhile is as good."""
    ctx.logger.info(f"creating missing group {path}")

    async def create(_marker: str) -> int:
        return int((await api.call("POST", "/groups", body))["id"])

    async def find(_marker: str) -> int | None:
        return await _find(api, path)

    try:
        return await ctx.effect(f"ensure.{path}", create=create, find=find)
    except BackstageError as error:
        found = await _find(api, path) if error.is_refusal else None
        if found is None:
            raise
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """A project elsewhere, and where it goes."""

    destination_access_token: str
    destination_url: str
    source_access_token: str
    source_full_path: str
    source_url: str


@builtin("gitlab:group:migrate", Migration, needs_workspace=False, extra=client.EXTRA)
async def gitlab_group_migrate(ctx: ActionContext[Migration]) -> JsonObject:
    """Have GitLab copy a project from another GitLab."""
    wanted = ctx.input
    where = parse_repo_url(wanted.destination_url, ctx.integrations)
    if not where.owner:
        raise InputError(
            "Failed to determine target repository to migrate to. Make sure destinationUrl matches the format "
            "'gitlab.myorg.com?repo=project_name&owner=group_name'"
        )
    entity: JsonObject = {
        "source_type": "project_entity",
        "source_full_path": wanted.source_full_path,
        "destination_slug": where.repo,
        "destination_namespace": where.owner,
    }
    source = {"url": wanted.source_url, "access_token": wanted.source_access_token}
    async with client.opened(ctx, where.host, wanted.destination_access_token) as api:

        async def create(_marker: str) -> int:
            body = {"configuration": source, "entities": [entity]}
            return int((await api.call("POST", "/bulk_imports", body))["id"])

        async def find(_marker: str) -> int | None:
            known = await api.call("GET", "/bulk_imports/entities", query={"sort": "desc"})
            same = ("source_full_path", "destination_slug", "destination_namespace")
            found = (one for one in known if all(one.get(name) == entity[name] for name in same))
            return next((int(one["bulk_import_id"]) for one in found), None)

        with hosting.as_input_error(
            f"Failed to transfer repo {wanted.source_full_path}. Make sure that {wanted.source_full_path} exists in "
            f"{wanted.source_url}, and token has enough rights."
        ):
            key = f"migrate.{where.host}.{where.owner}.{where.repo}"
            migration = await ctx.effect(key, create=create, find=find)
    return {"importedRepoUrl": f"{where.host}/{where.owner}/{where.repo}", "migrationId": migration}
