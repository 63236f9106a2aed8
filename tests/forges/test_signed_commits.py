"""Commits that are published signed: git itself checks them, with gpg and ssh-keygen."""

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from pysequoia import Tsk

from backstage_py.errors import InputError, SettingsError
from backstage_py.integrations import git
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.sandbox.server import Sandbox, serve_sandbox
from tests.actions.harness import Task
from tests.forges.gitlab_world import Gitlab

GITHUB = {"repoUrl": "github.com?owner=acme&repo=shop", "protectDefaultBranch": False}
GITLAB = {"repoUrl": "gitlab.com?owner=acme&repo=shop", "defaultBranch": "main"}


def program(name: str, package: str) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"{name} is missing: install {package}")


def ssh(
    make: Callable[[], ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey],
) -> tuple[str, str]:
    key = make()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return private.decode(), public.decode()


def verified(clone: Path, **config: str) -> str:
    """What git says of the newest commit."""
    more = [word for name, value in config.items() for word in ("-c", f"{name.replace('__', '.')}={value}")]
    done = subprocess.run(
        ["git", *more, "verify-commit", "HEAD"], cwd=clone, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


async def cloned(url: str, token: str, folder: Path) -> Path:
    await git.clone(url, folder, credentials=git.GitCredentials("x", token))
    return folder


@pytest.mark.thorough
@pytest.mark.parametrize(
    "make",
    [
        ed25519.Ed25519PrivateKey.generate,
        lambda: rsa.generate_private_key(65537, 2048),
        lambda: ec.generate_private_key(ec.SECP256R1()),
        lambda: ec.generate_private_key(ec.SECP521R1()),
    ],
    ids=["ed25519", "rsa", "p256", "p521"],
)
async def test_a_first_commit_is_signed_with_an_ssh_key(
    gitlab: Gitlab,
    gitlab_task: Task,
    tmp_path: Path,
    make: Callable[[], ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey],
) -> None:
    program("ssh-keygen", "openssh-client")
    private, public = ssh(make)
    gitlab.add_group("acme")
    gitlab_task.configured(scaffolder={"defaultCommitSigningKey": private})
    (gitlab_task.workspace.root / "a.txt").write_text("ä\n")
    result = await gitlab_task.run("publish:gitlab", {**GITLAB, "signCommit": True, "gitCommitMessage": "one\n\ntwo"})
    clone = await cloned(f"{gitlab.base.url}/acme/shop.git", gitlab.base.token, tmp_path / "clone")
    signers = tmp_path / "signers"
    signers.write_text(f"* {public}\n")
    assert 'Good "git" signature' in verified(clone, gpg__format="ssh", gpg__ssh__allowedSignersFile=str(signers))
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=clone, capture_output=True, text=True, check=True).stdout
    assert head.strip() == result.outputs["commitHash"]


@pytest.mark.thorough
async def test_a_lost_answer_to_a_signed_push_is_no_second_commit(gitlab: Gitlab, gitlab_task: Task) -> None:
    gitlab.add_group("acme")
    gitlab_task.configured(scaffolder={"defaultCommitSigningKey": str(Tsk.generate("Ada <ada@test>"))})
    (gitlab_task.workspace.root / "a.txt").write_text("a")
    gitlab.base.faults.lose_answer("POST", "*/git-receive-pack")
    given = {**GITLAB, "signCommit": True}
    with pytest.raises(Exception, match="git push failed"):
        await gitlab_task.run("publish:gitlab", given)
    result = await gitlab_task.run("publish:gitlab", given)
    bare = gitlab.base.bare("acme/shop")
    assert (await bare.run("rev-list", "main")).decode().split() == [result.outputs["commitHash"]]


@pytest.mark.thorough
async def test_what_is_configured_signs_also_where_no_input_says_so(tmp_path: Path) -> None:
    """An OpenPGP key of the integration comes before the one of the scaffolder."""
    program("gpg", "gnupg")
    key = Tsk.generate("Ada <ada@test>")
    other, _ = ssh(ed25519.Ed25519PrivateKey.generate)
    async with serve_sandbox(tmp_path / "sandbox") as sandbox:
        task = _github(tmp_path, sandbox, {"commitSigningKey": str(key).replace("\n", "\\n")})
        task.configured(scaffolder={"defaultCommitSigning": True, "defaultCommitSigningKey": other})
        (task.workspace.root / "a.txt").write_text("a")
        await task.run("publish:github", GITHUB)
        clone = await cloned(f"{sandbox.url}/acme/shop.git", sandbox.token, tmp_path / "clone")
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    environment = {**os.environ, "GNUPGHOME": str(home)}
    public = str(key.extract_certificate()).encode()
    subprocess.run(["gpg", "--batch", "--import"], input=public, env=environment, check=True, capture_output=True)
    try:
        done = subprocess.run(
            ["git", "verify-commit", "HEAD"], cwd=clone, env=environment, capture_output=True, text=True, check=False
        )
    finally:
        subprocess.run(["gpgconf", "--kill", "all"], env=environment, check=False)
    assert "Good signature from" in done.stderr, done.stderr


def _github(folder: Path, sandbox: Sandbox, options: Mapping[str, str]) -> Task:
    from backstage_py.plugin import Services

    hosts = [replace(one, options=dict(options)) for one in sandbox.hosts]
    return Task(folder / "task", Services(integrations=ScmRegistry(hosts), config={}))


@pytest.mark.parametrize(
    ("scaffolder", "kind", "said"),
    [
        ({}, InputError, "no signing key is provided in the configuration"),
        (
            {"defaultCommitSigningKey": "secret"},
            SettingsError,
            r"scaffolder\.defaultCommitSigningKey.*should be an Open",
        ),
        (
            {"defaultCommitSigningKey": "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nAAAA\n-----END"},
            SettingsError,
            "it is no OpenPGP key that can sign",
        ),
        (
            {"defaultCommitSigningKey": "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----"},
            SettingsError,
            "it is no SSH key that can sign",
        ),
    ],
)
async def test_a_key_that_cannot_sign_is_named_before_anything_is_made(
    gitlab: Gitlab, gitlab_task: Task, scaffolder: dict[str, str], kind: type[Exception], said: str
) -> None:
    gitlab.add_group("acme")
    gitlab_task.configured(scaffolder=scaffolder)
    with pytest.raises(kind, match=said) as raised:
        await gitlab_task.run("publish:gitlab", {**GITLAB, "signCommit": True})
    assert "secret" not in str(raised.value)
    assert gitlab.projects == []


async def test_what_an_api_commits_is_said_not_to_be_signed(gitlab: Gitlab, gitlab_task: Task) -> None:
    """As in Backstage, which signs nothing there either; GitHub signs what its Apps commit."""
    gitlab.add_group("acme")
    await gitlab.add_project("acme/shop", files={"a.txt": "old"})
    gitlab_task.configured(scaffolder={"defaultCommitSigning": True})
    (gitlab_task.workspace.root / "a.txt").write_text("a")
    given = {"repoUrl": GITLAB["repoUrl"], "branchName": "main", "commitMessage": "m"}
    result = await gitlab_task.run("gitlab:repo:push", given)
    assert any("made by gitlab.com's API" in text for level, text in result.log.lines if level == "warning")
