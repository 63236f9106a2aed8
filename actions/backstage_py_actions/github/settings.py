"""Actions that set one thing of a repository: webhook, autolink, deploy key, pages, branch protection, ruleset."""

from dataclasses import dataclass, field

from backstage_py.plugin import ActionContext, BackstageError, Json, JsonObject
from backstage_py_actions._builtin import builtin
from backstage_py_actions.github import client
from backstage_py_actions.github.protection import Protection, protect
from backstage_py_actions.github.repository import put_secrets


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
    """Add a webhook; a refusal is a warning in the log, as in Backstage."""
    wanted = ctx.input
    ctx.logger.info(f"Creating webhook {wanted.webhook_url} for repo {wanted.repo_url}")
    client.locate(ctx, wanted.repo_url)
    if ctx.is_dry_run:
        ctx.logger.info("Dry run complete")
        return
    config: JsonObject = {
        "url": wanted.webhook_url,
        "content_type": wanted.content_type,
        "insecure_ssl": "1" if wanted.insecure_ssl else "0",
    }
    if wanted.webhook_secret is not None:
        config["secret"] = wanted.webhook_secret
    async with client.repository(ctx, wanted.repo_url, wanted.token) as target:

        async def create() -> Json:
            body = {"name": "web", "config": config, "events": wanted.events, "active": wanted.active}
            await target.call("POST", "/hooks", body)
            return None

        try:
            await ctx.checkpoint(f"create.webhook.{target.owner}.{target.name}.{wanted.webhook_url}", create)
        except BackstageError as error:
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

        async def create() -> Json:
            await target.call("POST", "/autolinks", body)
            ctx.logger.info("Autolink reference created successfully")
            return None

        await ctx.checkpoint(f"create.auto.link.{target.owner}.{target.name}.{wanted.key_prefix}", create)


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

        async def create() -> Json:
            await target.call("POST", "/keys", {"title": wanted.deploy_key_name, "key": wanted.public_key})
            return None

        async def store() -> Json:
            await put_secrets(target, "/actions/secrets", {wanted.secret_name: wanted.private_key})
            return None

        await ctx.checkpoint(f"create.deploy.key.{target.owner}.{target.name}.{wanted.public_key}", create)
        await ctx.checkpoint(f"create.or.update.repo.secret.{target.owner}.{target.name}.{wanted.secret_name}", store)
    return {"privateKeySecretName": wanted.secret_name}


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

        async def enable() -> Json:
            source = {"branch": wanted.source_branch, "path": wanted.source_path}
            await target.call("POST", "/pages", {"build_type": wanted.build_type, "source": source})
            return None

        await ctx.checkpoint(f"enabled.github.pages.{target.owner}.{target.name}", enable)
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

        async def create() -> Json:
            return (await target.call("POST", "/rulesets", wanted.as_rest()))["id"]

        return {"id": await ctx.checkpoint(f"create.ruleset.{target.owner}.{target.name}.{wanted.name}", create)}
