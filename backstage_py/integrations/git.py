"""git through its command line, with nothing taken from the machine, the workspace or the remote.

A workspace may hold a ``.git`` folder, attributes and hooks that a template put there. None of them is honoured:
the repository lies outside the workspace, system and user configuration are off, hooks point nowhere, attributes of
our own win (CVE-2024-53983). Credentials travel as configuration in the environment, never in a URL or an argument.
"""

import asyncio
import base64
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from backstage_py import threads
from backstage_py.errors import (
    BackstageError,
    ConflictError,
    ForeignError,
    NotAllowedError,
    NotFoundError,
    NotImplementedInBackendError,
    ServiceUnavailableError,
)
from backstage_py.integrations import clones, git_advice, lfs, signing
from backstage_py.integrations.children import child
from backstage_py.integrations.children.limits import GIT
from backstage_py.integrations.clones import Clone
from backstage_py.integrations.lfs import LargeFile
from backstage_py.integrations.signing import Signer
from backstage_py.model import excerpt

_SAFE_CONFIG = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.attributesFile": os.devnull,
    "core.excludesFile": os.devnull,
    "core.autocrlf": "false",
    "core.askPass": "",
    "credential.helper": "",
    "commit.gpgSign": "false",
    "gc.auto": "0",
    "http.followRedirects": "false",
    "protocol.allow": "never",
    "protocol.http.allow": "always",
    "protocol.https.allow": "always",
    "submodule.recurse": "false",
    "transfer.fsckObjects": "false",
}
_VERBATIM_ATTRIBUTES = "* -text !eol -ident !filter !working-tree-encoding\n"
_LONGEST_MESSAGE = 2_000
_CLONE_SECONDS = 600.0
_MOST_NAMES = 5
_PROTECTED = ("protected branch", "tf402455", "branch permissions", "must use a pull request")
"""What hosts say of a branch that a rule protects: GitHub and GitLab, Azure DevOps, Bitbucket."""
_VERBS = frozenset(
    {
        "add",
        "cat-file",
        "check-attr",
        "clone",
        "commit-tree",
        "diff-index",
        "fetch",
        "hash-object",
        "init",
        "ls-files",
        "ls-remote",
        "push",
        "read-tree",
        "rev-parse",
        "update-index",
        "write-tree",
    }
)
_KEPT_VARIABLES = (
    "PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "TMPDIR",
    "HTTPS_PROXY",
    "https_proxy",
    "NO_PROXY",
    "no_proxy",
)


@dataclass(frozen=True, slots=True)
class GitAuthor:
    """The author of a commit."""

    name: str = "Scaffolder"
    email: str = "scaffolder@backstage.io"


@dataclass(frozen=True, slots=True)
class GitCredentials:
    """What a host asks for; ``repr`` hides the password. A bearer token goes without the user's name."""

    username: str
    password: str
    is_bearer: bool = False

    def __repr__(self) -> str:
        return f"GitCredentials(username={self.username!r}, password='***')"

    def header(self) -> str:
        """Return the value of ``Authorization``."""
        if self.is_bearer:
            return f"Bearer {self.password}"
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


async def publish(
    directory: Path,
    *,
    remote_url: str,
    branch: str,
    message: str,
    author: GitAuthor,
    credentials: GitCredentials | None,
    committed_at: int | None = None,
    signer: Signer | None = None,
    warn: Callable[[str], None] = lambda _: None,
    seconds: float = 600.0,
) -> str:
    """Commit everything below ``directory`` as one first commit, push it to ``branch`` and return its hash.

    ``.gitignore`` files count; folders named ``.git`` do not; bytes and executable bits arrive unchanged, and files
    that ``.gitattributes`` gives to Git LFS go there. With the same
    files and ``committed_at`` (seconds since 1970; now by default) the commit is the same, so a step that is run again
    finds what it pushed before. When the branch holds exactly these files already, its commit is the answer, too, as it
    must be with a ``signer``: a signature is another one each time. ``warn`` is told of LFS pointers whose contents are
    not there.

    Raises:
        ConflictError: the branch has other commits.
        NotFoundError, NotAllowedError, ServiceUnavailableError, ForeignError: as git reports; no secret in them.
    """
    async with asyncio.timeout(seconds), _repository() as repository, _without_git_folders(directory) as tree:
        identity = _identity(author, committed_at)
        at = ["--git-dir", str(repository), "--work-tree", str(tree)]
        await _run([*at, "add", "--all", "--", "."], folder=tree)
        await _move_large_files(repository, at, tree, partial(_upload, remote_url, branch, credentials), warn)
        tree_hash = await _run([*at, "write-tree"], folder=tree)
        commit = await _run([*at, "commit-tree", tree_hash], folder=tree, env=identity, stdin=_as_message(message))
        if signer:
            commit = await _signed(at, commit, signer, tree)
        network = _network(remote_url, credentials)
        try:
            await _run(
                [*at, "push", "--no-verify", "--porcelain", remote_url, f"{commit}:refs/heads/{branch}"],
                folder=tree,
                env=network,
            )
        except ConflictError as refused:
            fetched = ["fetch", "--quiet", "--depth=1", remote_url, f"refs/heads/{branch}"]
            try:
                await _run([*at, *fetched], folder=tree, env=network)
            except BackstageError as error:  # such as of a branch that is not there
                raise refused from error
            if await _run([*at, "rev-parse", "FETCH_HEAD^{tree}"], folder=tree) != tree_hash:
                raise
            return await _run([*at, "rev-parse", "FETCH_HEAD"], folder=tree)
    return commit


async def commit_onto(
    directory: Path,
    *,
    remote_url: str,
    branch: str,
    target: str,
    message: str,
    author: GitAuthor,
    credentials: GitCredentials | None,
    committed_at: int,
    onto: str | None = None,
    signer: Signer | None = None,
    warn: Callable[[str], None] = lambda _: None,
    seconds: float = 600.0,
) -> str:
    """Commit what is below ``directory`` onto a branch as the host has it, push that to ``target``, return its hash.

    Files that the branch has and the directory has not stay as they are. Of a directory that is a clone, those files
    count that are not as in the commit that is checked out, whichever branch that is of. ``target`` is a ref such as
    ``refs/for/main``; which files count is as for ``publish``. With ``onto``, the commit where the branch was before
    an earlier run, a commit behind it that has these files is what that run pushed, and the answer.

    Raises:
        ConflictError: the host takes no such commit there, or the branch is elsewhere.
        NotFoundError: the host has no such branch.
        NotAllowedError, ServiceUnavailableError, ForeignError: as git reports; no secret in them.
    """
    cloned = await threads.file_work(clones.find, directory)
    async with asyncio.timeout(seconds), _repository() as repository, _without_git_folders(directory) as tree:
        network, at = _network(remote_url, credentials), ["--git-dir", str(repository), "--work-tree", str(tree)]
        if cloned:
            await threads.file_work(_take_objects, cloned, repository)
            await _run([*at, "read-tree", cloned.commit], folder=tree)
        fetched = ["fetch", "--quiet", f"--depth={2 if onto else 1}", remote_url, f"refs/heads/{branch}"]
        await _run([*at, *fetched], folder=tree, env=network)
        tip = await _run([*at, "rev-parse", "FETCH_HEAD"], folder=tree)
        parent = onto or tip
        if tip != parent and parent not in await _parents(at, tip, tree):
            raise ConflictError(f"The branch '{branch}' has commits that this task did not make; choose another one")
        if not cloned:
            await _run([*at, "read-tree", parent], folder=tree)
            await _hide_ignore_files(at, tree)
        await _run([*at, "add", "--ignore-removal", "--", "."], folder=tree)
        await _move_large_files(repository, at, tree, partial(_upload, remote_url, branch, credentials), warn)
        if cloned:
            await _put_changes(at, cloned.commit, parent, tree)
        tree_hash = await _run([*at, "write-tree"], folder=tree)
        if tip != parent and await _run([*at, "rev-parse", f"{tip}^{{tree}}"], folder=tree) == tree_hash:
            return tip
        made = ["commit-tree", tree_hash, "-p", parent]
        identity = _identity(author, committed_at)
        commit = await _run([*at, *made], folder=tree, env=identity, stdin=_as_message(message))
        if signer:
            commit = await _signed(at, commit, signer, tree)
        pushed = ["push", "--no-verify", "--porcelain", remote_url, f"{commit}:{target}"]
        await _run([*at, *pushed], folder=tree, env=network)
    return commit


async def _parents(at: Sequence[str], commit: str, folder: Path) -> list[str]:
    head = (await _run([*at, "cat-file", "commit", commit], folder=folder)).partition("\n\n")[0]
    return [line.removeprefix("parent ") for line in head.splitlines() if line.startswith("parent ")]


async def _hide_ignore_files(at: Sequence[str], folder: Path) -> None:
    """Have git read the ``.gitignore`` files that only the branch has from the index, as if they were in the folder."""
    listed = await _bytes([*at, "ls-files", "-z", "--", ".gitignore", "**/.gitignore"], folder=folder)
    gone = [name for name in listed.split(b"\0") if name and not (folder / os.fsdecode(name)).exists()]
    if gone:
        hide = ["update-index", "-z", "--skip-worktree", "--stdin"]
        await _run([*at, *hide], folder=folder, stdin=b"\0".join(gone))


async def tip(remote_url: str, branch: str, *, credentials: GitCredentials | None = None) -> str | None:
    """Return the newest commit of a branch; None when there is no such branch. Errors as for ``clone``."""
    folder = Path(tempfile.gettempdir())
    asked = ["ls-remote", "--quiet", "--", remote_url, f"refs/heads/{branch}"]
    async with asyncio.timeout(_CLONE_SECONDS):
        listed = await _run(asked, folder=folder, env=_network(remote_url, credentials))
    return listed.split()[0] if listed else None


def _take_objects(cloned: Clone, repository: Path) -> None:
    """Let a repository of ours read the objects of a clone."""
    (repository / "objects" / "info").mkdir(exist_ok=True)
    (repository / "objects" / "info" / "alternates").write_text(f"{cloned.objects.resolve()}\n")


async def _put_changes(at: Sequence[str], base: str, onto: str, folder: Path) -> None:
    """Make the index that of another commit, with what it had that ``base`` has not."""
    listed = await _bytes([*at, "diff-index", "--cached", "--no-renames", "-z", base], folder=folder)
    fields = listed.split(b"\0")
    lines = b"".join(
        b" ".join(about.split(b" ")[1:4:2]) + b"\t" + path + b"\0"
        for about, path in zip(fields[::2], fields[1::2], strict=False)
    )
    await _run([*at, "read-tree", onto], folder=folder)
    await _run([*at, "update-index", "-z", "--index-info"], folder=folder, stdin=lines)


async def _move_large_files(
    repository: Path,
    at: Sequence[str],
    tree: Path,
    upload: Callable[[Sequence[LargeFile]], Awaitable[Sequence[LargeFile]]],
    warn: Callable[[str], None],
) -> None:
    """Upload files that ``.gitattributes`` gives to LFS, and put pointers into the index in their place.

    Where the host has no LFS they stay as they are, as in Backstage. Pointers whose contents the host has not are told.
    """
    if not await threads.file_work(lfs.wants, tree):
        return
    modes = await _given_to_lfs(repository, at, tree)
    read = {name: await threads.file_work(lfs.large_file, tree / os.fsdecode(name)) for name in modes}
    files = {name: file for name, file in read.items() if not file.is_pointer}
    try:
        missing = await upload(list(read.values()))
    except (NotFoundError, NotImplementedInBackendError):
        return
    except BackstageError as error:
        if files or not error.is_refusal:
            raise
        return  # only pointers, of which nothing was to be uploaded
    if missing:
        names = ", ".join(one.path.relative_to(tree).as_posix() for one in missing[:_MOST_NAMES])
        names += f" and {len(missing) - _MOST_NAMES} more" if len(missing) > _MOST_NAMES else ""
        warn(
            f"The contents behind Git LFS pointers are not in the new repository; its clones will miss them: {names}. "
            "Switch on LFS objects in archives where the skeleton is, or keep such files out of it"
        )
    lines = b""
    for name, file in files.items():
        blob = await _run([*at, "hash-object", "-w", "--stdin"], folder=tree, stdin=file.pointer())
        lines += modes[name] + b" " + blob.encode() + b"\t" + name + b"\0"
    await _run([*at, "update-index", "-z", "--index-info"], folder=tree, stdin=lines)


async def _given_to_lfs(repository: Path, at: Sequence[str], tree: Path) -> dict[bytes, bytes]:
    """Return the mode of each file in the index that an attributes file of the tree gives to LFS."""
    listed = await _bytes([*at, "ls-files", "-z", "--stage"], folder=tree)
    lines = [line.split(b"\t", 1) for line in listed.split(b"\0") if line.startswith(b"100")]
    modes = {path: about.split(b" ", 1)[0] for about, path in lines}
    ours = repository / "info" / "attributes"
    ours.unlink()  # it takes filters away, and those of the tree are asked for here
    asked = await _bytes([*at, "check-attr", "-z", "--stdin", "filter"], folder=tree, stdin=b"\0".join(modes))
    ours.write_text(_VERBATIM_ATTRIBUTES)
    fields = asked.split(b"\0")
    return {name: modes[name] for name, value in zip(fields[::3], fields[2::3], strict=False) if value == b"lfs"}


async def _upload(
    remote_url: str, branch: str, credentials: GitCredentials | None, files: Sequence[LargeFile]
) -> Sequence[LargeFile]:
    return await lfs.upload(remote_url, credentials.header() if credentials else None, branch, files)


async def _signed(at: Sequence[str], commit: str, signer: Signer, folder: Path) -> str:
    """Return a commit that is the same and signed."""
    text = await _bytes([*at, "cat-file", "commit", commit], folder=folder)
    signature = await threads.offload(signer, text)
    signed = signing.with_signature(text, signature)
    return await _run([*at, "hash-object", "-t", "commit", "-w", "--stdin"], folder=folder, stdin=signed)


async def clone(
    remote_url: str,
    target: Path,
    *,
    ref: str | None = None,
    credentials: GitCredentials | None = None,
    depth: int = 1,
) -> None:
    """Clone the last commits into ``target``, which must not exist; without submodules, and with bytes as they are.

    Raises:
        NotFoundError, NotAllowedError, ServiceUnavailableError, ForeignError: as git reports.
    """
    options = ["--quiet", "--no-recurse-submodules", f"--depth={depth}"]
    options += [f"--branch={ref}"] if ref else []
    with tempfile.TemporaryDirectory(prefix="backstage-template-") as template:
        await threads.file_work(_write_attributes, Path(template))
        async with asyncio.timeout(_CLONE_SECONDS):
            await _run(
                ["clone", f"--template={template}", *options, "--", remote_url, str(target)],
                folder=target.parent,
                env=_network(remote_url, credentials),
            )


def _write_attributes(template: Path) -> None:
    (template / "info").mkdir()
    (template / "info" / "attributes").write_text(_VERBATIM_ATTRIBUTES)


async def checked_out(folder: Path) -> Clone | None:
    """Return what a folder that is a clone says of itself; None when it is none. Errors as for ``clones.find``."""
    return await threads.file_work(clones.find, folder)


@asynccontextmanager
async def _repository() -> AsyncIterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="backstage-git-"))
    try:
        await _run(["init", "--quiet", "--template=", "--bare", str(folder)], folder=folder)
        (folder / "info").mkdir(exist_ok=True)
        (folder / "info" / "attributes").write_text(_VERBATIM_ATTRIBUTES)
        yield folder
    finally:
        await threads.file_work(shutil.rmtree, folder, ignore_errors=True)


@asynccontextmanager
async def _without_git_folders(directory: Path) -> AsyncIterator[Path]:
    """Give the directory itself, or a copy when a folder inside is a repository of its own.

    git would record such a folder as a submodule; Backstage publishes its files.
    """
    if not await threads.file_work(_has_inner_repository, directory):
        yield directory
        return
    folder = Path(tempfile.mkdtemp(prefix="backstage-tree-"))
    try:
        ignore = shutil.ignore_patterns(".git")
        await threads.file_work(shutil.copytree, directory, folder, symlinks=True, ignore=ignore, dirs_exist_ok=True)
        yield folder
    finally:
        await threads.file_work(shutil.rmtree, folder, ignore_errors=True)


def _has_inner_repository(directory: Path) -> bool:
    return any(".git" in folders or ".git" in files for _, folders, files in os.walk(directory))


def _as_message(message: str) -> bytes:
    return (message if message.endswith("\n") else f"{message}\n").encode("utf-8", "replace")


def _identity(author: GitAuthor, at: int | None) -> dict[str, str]:
    dates = {} if at is None else {"DATE": f"@{at} +0000"}
    parts = {"NAME": author.name, "EMAIL": author.email, **dates}
    return {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER") for part, value in parts.items()}


def _network(remote_url: str, credentials: GitCredentials | None) -> dict[str, str]:
    """Return the environment that authenticates to the remote's host and to no other."""
    if not credentials:
        return _config_env(_SAFE_CONFIG)
    parts = urlsplit(remote_url)
    header = f"http.{parts.scheme}://{parts.netloc}/.extraHeader"
    return _config_env({**_SAFE_CONFIG, header: f"Authorization: {credentials.header()}"})


def _config_env(config: Mapping[str, str]) -> dict[str, str]:
    env = {"GIT_CONFIG_COUNT": str(len(config))}
    for index, (key, value) in enumerate(config.items()):
        env[f"GIT_CONFIG_KEY_{index}"] = key
        env[f"GIT_CONFIG_VALUE_{index}"] = value
    return env


def quiet_environment() -> dict[str, str]:
    """Return the environment in which git takes nothing from the machine or the user."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return (
        kept
        | _config_env(_SAFE_CONFIG)
        | {
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_CEILING_DIRECTORIES": "/",
            "HOME": os.devnull,
            "LC_ALL": "C.UTF-8",
        }
    )


async def _run(
    arguments: Sequence[str], *, folder: Path, env: Mapping[str, str] | None = None, stdin: bytes | None = None
) -> str:
    return (await _bytes(arguments, folder=folder, env=env, stdin=stdin)).decode("utf-8", "replace").strip()


async def _bytes(
    arguments: Sequence[str], *, folder: Path, env: Mapping[str, str] | None = None, stdin: bytes | None = None
) -> bytes:
    environment = quiet_environment() | dict(env or {})
    try:
        ended = await child.run(("git", *arguments), limits=GIT, environment=environment, cwd=folder, given=stdin)
    except child.OutputError as error:
        raise _as_error(arguments, f"it {error}") from error
    if ended.status != 0:
        reached = GIT.reached(ended.status, ended.said)
        raise _as_error(arguments, f"it {reached}" if reached else _said(ended))
    return ended.output


def _said(ended: child.Ended) -> str:
    """Return what git said; why a ref was refused stands in the output of a push, behind ``!`` and two tabs."""
    output = ended.output.decode("utf-8", "replace").strip()
    refused = [line.split("\t")[-1] for line in output.splitlines() if line.startswith("!\t")]
    return "\n".join([ended.said.strip(), *refused]).strip() or output


def _as_error(arguments: Sequence[str], said: str) -> Exception:
    verb = next(word for word in arguments if word in _VERBS)
    message = f"git {verb} failed: {excerpt.ending(said.strip(), _LONGEST_MESSAGE)}"
    lowered = said.lower()
    if "authentication failed" in lowered or "error: 403" in lowered or "could not read username" in lowered:
        return NotAllowedError(f"{message}. Check that the token may write to the repository")
    if any(words in lowered for words in _PROTECTED):
        return NotAllowedError(f"{message}. A rule protects the branch: push to another one and open a pull request")
    if "[rejected]" in lowered or "[remote rejected]" in lowered or "updates were rejected" in lowered:
        return ConflictError(f"{message}. {git_advice.of_refused_push(said)}")
    if "couldn't find remote ref" in lowered:
        return NotFoundError(f"{message}. Correct the branch, or push it first")
    if "not found" in lowered or "error: 404" in lowered:
        return NotFoundError(message)
    if "could not resolve host" in lowered or "failed to connect" in lowered or "couldn't connect" in lowered:
        return ServiceUnavailableError(f"{message}. Check the network to the git host")
    return ForeignError(message)
