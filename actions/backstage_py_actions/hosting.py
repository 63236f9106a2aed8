"""What actions on all git hosts have in common: which one is meant, and making each thing once for each task.

A host is a ``Forge``; what its actions are given and give back is theirs. All that is made here is an effect or a
checkpoint of the step, so that it goes on where it was when it runs again.
"""

import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from backstage_py.integrations import git, signing
from backstage_py.integrations.forges.forge import Forge, NewRepository, Request, Webhook
from backstage_py.integrations.git import GitAuthor, GitCredentials
from backstage_py.integrations.patience import Patience, RateLimitedError
from backstage_py.integrations.signing import Signer
from backstage_py.plugin import ActionContext, BackstageError, InputError, Json, JsonObject, ScmIntegration

T = TypeVar("T", str, JsonObject)

OF_FORMS = frozenset({"allowedHosts"})
"""What half of the public templates pass to the actions that publish, though it is the form's and no schema has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A first commit: where its files are, what it says and who made it; the configuration has what is not said.

    ``sign`` without a value leaves it to ``scaffolder.defaultCommitSigning``. ``base`` is the branch that has what a
    commit stands on, where that is another one.
    """

    branch: str
    base: str | None = None
    source_path: str | None = None
    message: str | None = None
    author_name: str | None = None
    author_email: str | None = None
    sign: bool | None = None


def config(ctx: ActionContext[Any]) -> Mapping[str, Json]:
    """Return ``scaffolder`` of the configuration."""
    section: Mapping[str, Json] = (ctx.services.config or {}).get("scaffolder") or {}
    return section


def integration(ctx: ActionContext[Any], kind: str, host: str) -> ScmIntegration:
    """Return the integration of a host.

    Raises:
        InputError: there is none of this kind.
    """
    found = ctx.integrations.by_host(host)
    if not found or found.type != kind:
        raise InputError(
            f"No matching integration configuration for host {host}, please check your integrations config"
        )
    return found


def refuse_without_user(ctx: ActionContext[Any], host: str, token: str | None) -> None:
    """Refuse to act with the integration's own token where the configuration wants that of the user.

    Raises:
        InputError: it wants that, and there is none.
    """
    if not token and config(ctx).get("requireScmUserCredentials"):
        raise InputError(
            f"No user credentials provided for host {host}, but scaffolder.requireScmUserCredentials is enabled"
        )


def patience(ctx: ActionContext[Any]) -> Patience:
    """Return how long requests of a step wait where a host limits them."""
    return Patience.of_step(ctx.services.config or {}, ctx.logger.info, ctx.clock.sleep)


async def create(ctx: ActionContext[Any], forge: Forge, new: NewRepository, key: str, shown: Callable[[Json], T]) -> T:
    """Create a repository and describe it.

    Args:
        ctx: keeps what is made.
        forge: the name that it gets.
        new: what it is.
        key: of the effect.
        shown: makes JSON of what the host's API says of a repository; that is returned.
    """

    async def make(marker: str) -> T:
        return shown(await forge.create(new, marker))

    async def find(marker: str) -> T | None:
        found = await forge.find(marker)
        return None if found is None else shown(found)

    made: T = await ctx.effect(key, create=make, find=find)

    async def settle() -> Json:
        await forge.settle(new)
        return None

    await ctx.checkpoint(f"{key}.described", settle)
    return made


async def push(ctx: ActionContext[Any], forge: Forge, remote_url: str, commit: Commit, key: str) -> str:
    """Push files of the workspace as a first commit and return its hash.

    Its time is kept, so that a step that runs again makes the same commit, which the branch may have already.
    """
    signs_with = signer(ctx, forge.host, asked=commit.sign)
    at = int(await ctx.checkpoint(f"{key}.at", lambda: int(ctx.clock.now().timestamp())))

    async def publish() -> Json:
        return await git.publish(
            source_folder(ctx, commit.source_path),
            remote_url=remote_url,
            branch=commit.branch,
            message=commit.message or config(ctx).get("defaultCommitMessage") or "initial commit",
            author=author(ctx, commit.author_name, commit.author_email),
            credentials=forge.git_credentials,
            committed_at=at,
            signer=signs_with,
            warn=ctx.logger.warning,
        )

    return str(await ctx.checkpoint(key, publish))


async def commit_onto(
    ctx: ActionContext[Any],
    host: str,
    credentials: GitCredentials,
    remote_url: str,
    commit: Commit,
    onto: str,
    key: str,
) -> str:
    """Push files of the workspace as a commit behind another one to a branch, and return its hash.

    ``onto`` is where the branch was before the step; what an earlier run pushed behind it is found again.
    """
    signs_with = signer(ctx, host, asked=commit.sign)
    at = int(await ctx.checkpoint(f"{key}.at", lambda: int(ctx.clock.now().timestamp())))

    async def push() -> Json:
        return await git.commit_onto(
            source_folder(ctx, commit.source_path),
            remote_url=remote_url,
            branch=commit.base or commit.branch,
            target=f"refs/heads/{commit.branch}",
            message=commit.message or config(ctx).get("defaultCommitMessage") or "initial commit",
            author=author(ctx, commit.author_name, commit.author_email),
            credentials=credentials,
            committed_at=at,
            onto=onto,
            signer=signs_with,
        )

    return str(await ctx.checkpoint(key, push))


async def message_with_change_id(ctx: ActionContext[Any], subject: str) -> str:
    """Return the message of a first commit for hosts that know changes by ``Change-Id``; again the same.

    The configuration's ``scaffolder.defaultCommitMessage`` stands above what the step says, as in Backstage's modules
    for Gerrit and Gitea.
    """
    return with_change_id(config(ctx).get("defaultCommitMessage") or subject, await change_id(ctx))


async def change_id(ctx: ActionContext[Any]) -> str:
    """Return the id that Gerrit knows the step's change by: ``I`` and 40 hexadecimal digits."""
    return str(await ctx.checkpoint("change-id", lambda: f"I{secrets.token_hex(20)}"))


def with_change_id(message: str, change: str) -> str:
    """Return a message of a commit with the trailer that Gerrit looks for."""
    return f"{message}\n\nChange-Id: {change}"


def signer(ctx: ActionContext[Any], host: str, *, asked: bool | None) -> Signer | None:
    """Return what signs commits for a host: ``commitSigningKey`` of its integration, or the scaffolder's default key.

    Raises:
        InputError: commits shall be signed, and there is no key.
    """
    if not (asked or (asked is None and config(ctx).get("defaultCommitSigning"))):
        return None
    own = ctx.integrations.by_host(host)
    if own and (key := own.options.get("commitSigningKey")):
        return signing.signer(str(key), f"integrations.{own.type}[].commitSigningKey")
    if key := config(ctx).get("defaultCommitSigningKey"):
        return signing.signer(str(key), "scaffolder.defaultCommitSigningKey")
    raise InputError(
        "Signing commits is enabled but no signing key is provided in the configuration; set 'commitSigningKey' of the "
        "integration, or 'scaffolder.defaultCommitSigningKey'"
    )


async def check_commit(ctx: ActionContext[Any], host: str, *, sign: bool | None, source_path: str | None) -> None:
    """Refuse what cannot be signed or is not there, before there is a repository for it.

    A run that goes on elsewhere may have nothing left to push: it is not asked for the folder again.

    Raises:
        InputError: there is no key, or no such folder. NotAllowedError: the folder is outside of the workspace.
    """
    signer(ctx, host, asked=sign)
    if source_path:
        await ctx.checkpoint(f"source.{source_path}", lambda: source_folder(ctx, source_path).is_dir())


def tell_unsigned(ctx: ActionContext[Any], host: str) -> None:
    """Say that a key of the configuration does not sign what is committed through a host's API, as in Backstage."""
    if config(ctx).get("defaultCommitSigning"):
        ctx.logger.warning(
            f"This commit is made by {host}'s API, which signs it itself or not at all; "
            "scaffolder.defaultCommitSigning signs what git pushes"
        )


async def open_request(
    ctx: ActionContext[Any], forge: Forge, request: Request, key: str, shown: Callable[[Json], T]
) -> T:
    """Open a request to merge; return what ``shown`` makes of what the host's API says of it."""

    async def make(_marker: str) -> T:
        return shown(await forge.open_request(request))

    async def find(_marker: str) -> T | None:
        found = await forge.find_request(request)
        return None if found is None else shown(found)

    made: T = await ctx.effect(key, create=make, find=find)
    return made


async def add_webhook(ctx: ActionContext[Any], forge: Forge, hook: Webhook, key: str) -> Json:
    """Add a webhook and return its id."""

    async def make(_marker: str) -> Json:
        return (await forge.add_webhook(hook))["id"]

    async def find(_marker: str) -> Json:
        found = await forge.find_webhook(hook)
        return found and found["id"]

    return await ctx.effect(key, create=make, find=find)


async def once(ctx: ActionContext[Any], key: str, work: Callable[[], Any]) -> None:
    """Do something that may be done twice without harm."""

    async def done() -> Json:
        await work()
        return None

    await ctx.checkpoint(key, done)


async def unless_refused(ctx: ActionContext[Any], key: str, work: Callable[[], Any], said: str) -> None:
    """Do something that only helps: a refusal is a warning that begins with ``said``; no answer fails the step."""
    try:
        await once(ctx, key, work)
    except BackstageError as error:
        if not error.is_refusal:
            raise
        ctx.logger.warning(f"{said}, {error.message}")


@contextmanager
def as_input_error(words: str) -> Iterator[None]:
    """Put words before what a host refuses, which is an ``InputError`` then, as in Backstage."""
    try:
        yield
    except BackstageError as error:
        message = f"{words} {error.message}"
        if not error.is_refusal or isinstance(error, RateLimitedError):
            raise error.reworded(message) from error
        raise InputError(message) from error


@contextmanager
def about(words: str) -> Iterator[None]:
    """Put words before what a host says, whatever it is."""
    try:
        yield
    except BackstageError as error:
        raise error.reworded(f"{words}, {error.message}") from error


def marked(text: str | None, marker: str) -> str:
    """Return a text with the marker in a comment that nobody sees where it is rendered."""
    comment = f"<!-- scaffolder task: {marker} -->"
    return f"{text}\n\n{comment}" if text else comment


def author(ctx: ActionContext[Any], name: str | None, email: str | None) -> GitAuthor:
    """Return who commits: as given, as ``scaffolder.defaultAuthor`` says, or the scaffolder."""
    known = config(ctx).get("defaultAuthor") or {}
    fallback = GitAuthor()
    return GitAuthor(
        str(name or known.get("name") or fallback.name), str(email or known.get("email") or fallback.email)
    )


def source_folder(ctx: ActionContext[Any], source_path: str | None) -> Path:
    """Return the folder of the workspace to publish; climbing at the start of a path is ignored, as in Backstage.

    Raises:
        NotAllowedError: it leads out of the workspace. InputError: it is no folder.
    """
    if not source_path:
        return ctx.workspace.root
    parts = list(Path(os.path.normpath(source_path)).parts)
    while parts and parts[0] == "..":
        parts.pop(0)
    folder = ctx.workspace.path(*parts)
    if not folder.is_dir():
        raise InputError(f"The workspace has no folder '{source_path}' to publish; check 'sourcePath'")
    return folder
