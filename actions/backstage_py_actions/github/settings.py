"""Actions that set one thing of a repository: webhook, autolink, deploy key, pages, branch protection, ruleset."""

from dataclasses import dataclass, field

from backstage_py.integrations.forges import forge as hosts
from backstage_py.integrations.forges.github import Repository
from backstage_py.plugin import ActionContext, BackstageError, Json, JsonObject
from backstage_py_actions import hosting
from backstage_py_actions._builtin import builtin
from backstage_py_actions.github import client, secrets
from backstage_py_actions.github.protection import Protection, protect


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Where events go."""

    repo_url: str
    webhook_url: str
    webhook_secret: str | None = None
    events: list[str] = field(default_factory=lambda: ["push"])
    active: bool = True
    content_type: str = "form"
    insecure_ssl: bool = False
    token: str | None = None


@builtin("github:webhook", Webhook, dry_run=True, needs_workspace=False)
async def github_webhook(ctx: ActionContext[Webhook]) -> None:
    """Add a webhook; a refusal is a warning in the log, as in Backstage. Without an answer the step fails."""
    wanted = ctx.input
    ctx.logger.info(f"Creating webhook {wanted.webhook_url} for repo {wanted.repo_url}")
    client.locate(ctx, wanted.repo_url)
    if ctx.is_dry_run:
        ctx.logger.info("Dry run complete")
        return
    hook = hosts.Webhook(
        url=wanted.webhook_url,
        events=tuple(wanted.events),
        secret=wanted.webhook_secret,
        options={
            "active": wanted.active,
            "content_type": wanted.content_type,
            "insecure_ssl": "1" if wanted.insecure_ssl else "0",
        },
    )
    async with client.repository(ctx, wanted.repo_url, wanted.token) as target:
        try:
            key = f"create.webhook.{target.owner}.{target.name}.{wanted.webhook_url}"
            await hosting.add_webhook(ctx, target, hook, key)
        except BackstageError as error:
            if not error.is_refusal:
                raise
            ctx.logger.warning(
                f"Failed: create webhook '{wanted.webhook_url}' on repo: '{target.name}', {error.message}"
            )
            return
    ctx.logger.info(f"Webhook '{wanted.webhook_url}' created successfully")


@dataclass(frozen=True, slots=True, kw_only=True)
class Autolink:
    """References that become links."""

    repo_url: str
    key_prefix: str
    url_template: str
    is_alphanumeric: bool | None = None
    token: str | None = None


@builtin("github:autolinks:create", Autolink, needs_workspace=False)
async def github_autolinks_create(ctx: ActionContext[Autolink]) -> None:
    """Create an autolink."""
    wanted = ctx.input
    ctx.logger.info(f"Creating autolink reference for repo {wanted.repo_url}")
    body: JsonObject = {"key_prefix": wanted.key_prefix, "url_template": wanted.url_template}
    if wanted.is_alphanumeric is not None:
        body["is_alphanumeric"] = wanted.is_alphanumeric
    async with client.repository(ctx, wanted.repo_url, wanted.token) as target:

        async def create(_marker: str) -> Json:
            return (await target.call("POST", "/autolinks", body))["id"]

        async def find(_marker: str) -> Json:
            return next((one["id"] for one in await target.list("/autolinks") if body.items() <= one.items()), None)

        key = f"create.auto.link.{target.owner}.{target.name}.{wanted.key_prefix}"
        await ctx.effect(key, create=create, find=find)
    ctx.logger.info("Autolink reference created successfully")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployKey:
    """A key and its private half."""

    repo_url: str
    public_key: str
    private_key: str = field(repr=False)
    deploy_key_name: str
    private_key_secret_name: str | None = None
    token: str | None = None

    @property
    def secret_name(self) -> str:
        """Name of the secret that holds the private half."""
        return self.private_key_secret_name or f"{'_'.join(self.deploy_key_name.split(' ')).upper()}_PRIVATE_KEY"


@builtin("github:deployKey:create", DeployKey, needs_workspace=False)
async def github_deploy_key_create(ctx: ActionContext[DeployKey]) -> JsonObject:
    """Store a deploy key, and its private half as a secret."""
    wanted = ctx.input
    async with client.repository(ctx, wanted.repo_url, wanted.token) as target:

        async def create(_marker: str) -> Json:
            body = {"title": wanted.deploy_key_name, "key": wanted.public_key}
            return (await target.call("POST", "/keys", body))["id"]

        async def find(_marker: str) -> Json:
            known = (wanted.deploy_key_name, _bare_key(wanted.public_key))
            keys = await target.list("/keys")
            return next((one["id"] for one in keys if (one["title"], _bare_key(one["key"])) == known), None)

        key = f"create.deploy.key.{target.owner}.{target.name}.{wanted.public_key}"
        await ctx.effect(key, create=create, find=find)
        where = f"create.or.update.repo.secret.{target.owner}.{target.name}"
        await secrets.put(ctx, target, "/actions/secrets", {wanted.secret_name: wanted.private_key}, where)
    return {"privateKeySecretName": wanted.secret_name}


def _bare_key(text: str) -> list[str]:
    """Return type and data of a public key; GitHub drops its comment."""
    return text.split()[:2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """What pages are built from."""

    repo_url: str
    build_type: str = "workflow"
    source_branch: str = "main"
    source_path: str = "/"
    token: str | None = None


@builtin("github:pages:enable", Pages, needs_workspace=False)
async def github_pages_enable(ctx: ActionContext[Pages]) -> None:
    """Enable GitHub Pages."""
    wanted = ctx.input
    async with client.repository(ctx, wanted.repo_url, wanted.token) as target:
        ctx.logger.info(
            f"Attempting to enable GitHub Pages for {target.owner}/{target.name} "
            f'with "{wanted.build_type}" build type, on source branch "{wanted.source_branch}" '
            f'and source path "{wanted.source_path}"'
        )

        source = {"branch": wanted.source_branch, "path": wanted.source_path}
        body = {"build_type": wanted.build_type, "source": source}

        async def enable(_marker: str) -> bool:
            await target.call("POST", "/pages", body)
            return True

        async def find(_marker: str) -> bool | None:
            found = await target.get("/pages")
            return True if found and body.items() <= found.items() else None

        await ctx.effect(f"enabled.github.pages.{target.owner}.{target.name}", create=enable, find=find)
    ctx.logger.info("Completed enabling GitHub Pages")


@dataclass(frozen=True, slots=True, kw_only=True)
class Protect:
    """A branch and what it demands."""

    repo_url: str
    protection: Protection
    branch: str | None = None
    enforce_admins: bool = True
    block_creations: bool = False
    token: str | None = None


@builtin("github:branch-protection:create", Protect, needs_workspace=False)
async def github_branch_protection_create(ctx: ActionContext[Protect]) -> None:
    """Protect a branch."""
    wanted = ctx.input
    async with client.repository(ctx, wanted.repo_url, wanted.token) as target:

        async def protect_branch() -> Json:
            branch = wanted.branch or str((await target.call("GET"))["default_branch"])
            await protect(
                target,
                branch,
                wanted.protection,
                ctx.logger,
                enforce_admins=wanted.enforce_admins,
                block_creations=wanted.block_creations,
            )
            return None

        await ctx.checkpoint(
            f"enable.branch.protection.{target.owner}.{target.name}.{wanted.branch or ''}", protect_branch
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruleset:
    """Rules and what they are for; conditions, rules and actors as GitHub's REST API has them."""

    repo_url: str
    name: str
    target: str = "branch"
    enforcement: str = "active"
    conditions: JsonObject | None = None
    rules: list[JsonObject] | None = None
    bypass_actors: list[JsonObject] | None = None
    token: str | None = None

    def as_rest(self) -> JsonObject:
        """Return the body that GitHub wants."""
        body: JsonObject = {"name": self.name, "target": self.target, "enforcement": self.enforcement}
        given = {"conditions": self.conditions, "rules": self.rules, "bypass_actors": self.bypass_actors}
        return body | {key: value for key, value in given.items() if value is not None}


@builtin("github:repo:rulesets:create", Ruleset, needs_workspace=False)
async def github_repo_rulesets_create(ctx: ActionContext[Ruleset]) -> JsonObject:
    """Create a ruleset."""
    wanted = ctx.input
    async with client.repository(ctx, wanted.repo_url, wanted.token) as target:
        ctx.logger.info(f'Creating ruleset "{wanted.name}" in {target.owner}/{target.name}')

        async def create(_marker: str) -> Json:
            return (await target.call("POST", "/rulesets", wanted.as_rest()))["id"]

        async def find(_marker: str) -> Json:
            return await _same_ruleset(target, wanted.as_rest())

        key = f"create.ruleset.{target.owner}.{target.name}.{wanted.name}"
        return {"id": await ctx.effect(key, create=create, find=find)}


async def _same_ruleset(target: Repository, wanted: JsonObject) -> Json:
    """Return the id of the ruleset that has all that is wanted; GitHub adds defaults to what it was sent."""
    for one in await target.list("/rulesets"):
        if one["name"] == wanted["name"]:
            found = await target.get("/rulesets/{ruleset}", ruleset=str(one["id"]))
            if found and _holds(found, wanted):
                return found["id"]
    return None


def _holds(found: Json, wanted: Json) -> bool:
    """Say whether a value has all that is wanted: objects may have further members, lists may not be longer."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(key in found and _holds(found[key], wanted[key]) for key in wanted)
    if isinstance(wanted, list):
        return isinstance(found, list) and len(found) == len(wanted) and all(map(_holds, found, wanted))
    return bool(found == wanted)
