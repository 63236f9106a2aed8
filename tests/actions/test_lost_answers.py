"""Answers of the git host that get lost, requests that are cut, failures in between: a retry completes what began."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backstage_py.errors import BackstageError, ConflictError, ForeignError, InputError
from backstage_py.integrations import git
from backstage_py.integrations.github import GithubApi
from backstage_py.sandbox.faults import Faults
from backstage_py.sandbox.server import Sandbox
from tests.actions.harness import Catalog, Task

REPO = {"repoUrl": "github.com?owner=acme&repo=shop"}
PUBLISH = {
    **REPO,
    "description": "The shop",
    "access": "carol",
    "collaborators": [{"user": "ada", "access": "push"}, {"team": "ops", "access": "admin"}],
    "topics": ["service"],
    "repoVariables": {"REGION": "eu", "TIER": "1", "ZONE": "a"},
    "secrets": {"KEY": "k1", "OTHER": "k2"},
    "subscribe": True,
    "oidcCustomization": {"useDefault": True},
}
KEY = "ssh-ed25519 AAAAC3Nza of@me"
API = "/api/v3/repos/acme/shop"


async def ask(sandbox: Sandbox, path: str) -> Any:
    async with GithubApi(sandbox.api_url, sandbox.token) as api:
        return await api.call("GET", path)


@pytest.fixture
def work(github_task: Task) -> Path:
    root = github_task.workspace.root
    (root / "main.go").write_text("package main\n")
    (root / "big.bin").write_bytes(bytes(range(256)) * 4096)
    return root


async def complete(sandbox: Sandbox, folder: Path) -> None:
    """Assert that the repository is there once, with all that ``PUBLISH`` wants and nothing of the task's own."""
    assert [one["name"] for one in await ask(sandbox, "/users/acme/repos")] == ["shop"]
    found = await ask(sandbox, "/repos/acme/shop")
    assert (found["description"], found["topics"]) == ("The shop", ["service"])
    variables = (await ask(sandbox, "/repos/acme/shop/actions/variables"))["variables"]
    assert {one["name"]: one["value"] for one in variables} == PUBLISH["repoVariables"]
    kept = (await ask(sandbox, "/repos/acme/shop/actions/secrets"))["secrets"]
    assert [one["name"] for one in kept] == ["KEY", "OTHER"]
    people = {one["login"] for one in await ask(sandbox, "/repos/acme/shop/collaborators")}
    assert people == {"acme", "carol", "ada"}
    assert [one["slug"] for one in await ask(sandbox, "/repos/acme/shop/teams")] == ["ops"]
    assert await ask(sandbox, "/repos/acme/shop/branches/main/protection")
    assert len(await ask(sandbox, "/repos/acme/shop/commits")) == 1
    await git.clone(
        f"{sandbox.url}/acme/shop.git", folder / "clone", credentials=git.GitCredentials("x", sandbox.token)
    )
    assert (folder / "clone" / "big.bin").read_bytes() == bytes(range(256)) * 4096


PARTS = [
    ("POST", "*/orgs/acme/repos"),
    ("PATCH", API),
    ("PUT", f"{API}/collaborators/carol"),
    ("PUT", f"{API}/collaborators/ada"),
    ("PUT", "*/teams/ops/repos/acme/shop"),
    ("PUT", f"{API}/topics"),
    ("POST", f"{API}/actions/variables"),
    ("PUT", f"{API}/actions/secrets/KEY"),
    ("PUT", f"{API}/actions/oidc/*"),
    ("PUT", f"{API}/subscription"),
    ("POST", "/acme/shop.git/git-receive-pack"),
    ("PUT", f"{API}/branches/main/protection"),
]


def _lose(faults: Faults, method: str, path: str) -> None:
    faults.lose_answer(method, path)


def _cut(faults: Faults, method: str, path: str) -> None:
    faults.cut_request(method, path)


def _fail(faults: Faults, method: str, path: str) -> None:
    faults.refuse(method, path)


@pytest.mark.thorough(sample=5)
@pytest.mark.parametrize("spoil", [_lose, _cut, _fail])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "*/orgs/acme/repos"),
        ("POST", f"{API}/actions/variables"),
        ("POST", "/acme/shop.git/git-receive-pack"),
        ("PUT", f"{API}/branches/main/protection"),
    ],
)
async def test_a_retry_completes_what_was_published(
    github_task: Task,
    sandbox: Sandbox,
    work: Path,
    tmp_path: Path,
    method: str,
    path: str,
    spoil: Callable[[Faults, str, str], None],
) -> None:
    spoil(sandbox.faults, method, path)
    with pytest.raises(BackstageError) as raised:
        await github_task.run("publish:github", PUBLISH)
    assert "already exists" not in raised.value.message
    assert sandbox.faults.waiting == []
    result = await github_task.run("publish:github", PUBLISH)
    head = (await ask(sandbox, "/repos/acme/shop/git/ref/heads/main"))["object"]["sha"]
    assert result.outputs["commitHash"] == head
    assert result.outputs["remoteUrl"] == f"{sandbox.url}/acme/shop.git"
    await complete(sandbox, tmp_path)


@pytest.mark.thorough
@pytest.mark.parametrize("spoil", [_lose, _fail])
async def test_everything_may_go_wrong_once(
    github_task: Task,
    sandbox: Sandbox,
    work: Path,
    tmp_path: Path,
    spoil: Callable[[Faults, str, str], None],
) -> None:
    for method, path in PARTS:
        spoil(sandbox.faults, method, path)
    failures = 0
    while sandbox.faults.waiting:
        with pytest.raises(BackstageError):
            await github_task.run("publish:github", PUBLISH)
        failures += 1
    await github_task.run("publish:github", PUBLISH)
    assert failures == len(PARTS)
    await complete(sandbox, tmp_path)


async def test_what_makes_a_repository_a_tasks_own_is_seen_while_it_is_made(
    github_task: Task, sandbox: Sandbox, work: Path
) -> None:
    sandbox.faults.lose_answer("POST", "*/orgs/acme/repos")
    with pytest.raises(
        ForeignError, match=r"Failed to create the Organization repository acme/shop, GitHub does not answer"
    ):
        await github_task.run("publish:github", REPO)
    marker = github_task.effects["create.github.repo.acme.shop"]["marker"]
    found = await ask(sandbox, "/repos/acme/shop")
    assert found["description"] == f"Being made by the scaffolder ({marker})"
    await github_task.run("publish:github", REPO)
    assert not (await ask(sandbox, "/repos/acme/shop"))["description"]


async def test_a_repository_of_somebody_else_is_not_taken(github_task: Task, sandbox: Sandbox, work: Path) -> None:
    sandbox.faults.refuse("POST", "*/orgs/acme/repos")
    with pytest.raises(ForeignError):
        await github_task.run("publish:github", PUBLISH)
    async with GithubApi(sandbox.api_url, sandbox.token) as api:
        await api.call("POST", "/orgs/acme/repos", {"name": "shop", "description": "theirs"})
    for _ in range(2):
        with pytest.raises(ForeignError, match="name already exists on this account"):
            await github_task.run("publish:github", PUBLISH)
    found = await ask(sandbox, "/repos/acme/shop")
    assert (found["description"], found["topics"]) == ("theirs", [])
    with pytest.raises(BackstageError):
        await ask(sandbox, "/repos/acme/shop/commits/main")


async def test_a_refusal_of_what_only_helps_is_a_warning(github_task: Task, sandbox: Sandbox, work: Path) -> None:
    for path in ("topics", "branches/main/protection", "collaborators/ada"):
        sandbox.faults.refuse("PUT", f"{API}/{path}", 403, {"message": "Must have admin rights to Repository."})
    result = await github_task.run("publish:github", PUBLISH)
    warnings = [message for level, message in result.log.lines if level == "warning"]
    assert [message.partition(",")[0] for message in warnings] == [
        "Skipping push access for ada",
        "Skipping topics service",
        "Skipping: default branch protection on 'shop'",
    ]


CREATING: list[tuple[str, dict[str, Any], str, str]] = [
    ("github:webhook", {"webhookUrl": "https://ci.test/hook", "webhookSecret": "s"}, f"{API}/hooks", "hooks"),
    (
        "github:autolinks:create",
        {"keyPrefix": "T-", "urlTemplate": "https://t.test/<num>"},
        f"{API}/autolinks",
        "autolinks",
    ),
    (
        "github:deployKey:create",
        {"publicKey": KEY, "privateKey": "p", "deployKeyName": "my key"},
        f"{API}/keys",
        "keys",
    ),
    ("github:issues:create", {"title": "Review", "body": "text", "labels": ["new"]}, f"{API}/issues", "issues"),
    ("github:repo:rulesets:create", {"name": "r", "rules": [{"type": "deletion"}]}, f"{API}/rulesets", "rulesets"),
    ("github:pages:enable", {}, f"{API}/pages", "pages"),
]


@pytest.mark.thorough(sample=7)
@pytest.mark.parametrize(("action", "given", "path", "listed"), CREATING, ids=[one[0] for one in CREATING])
async def test_a_thing_of_a_repository_is_made_once(
    github_task: Task, sandbox: Sandbox, work: Path, action: str, given: dict[str, Any], path: str, listed: str
) -> None:
    await github_task.run("publish:github", {**REPO, "protectDefaultBranch": False})
    sandbox.faults.lose_answer("POST", path)
    with pytest.raises(BackstageError, match="does not answer"):
        await github_task.run(action, {**REPO, **given})
    result = await github_task.run(action, {**REPO, **given})
    assert (await github_task.run(action, {**REPO, **given})).outputs == result.outputs
    found = await ask(sandbox, f"/repos/acme/shop/{listed}")
    assert listed == "pages" or len(found) == 1


async def test_an_issue_of_the_same_words_is_not_taken(github_task: Task, sandbox: Sandbox, work: Path) -> None:
    await github_task.run("publish:github", {**REPO, "protectDefaultBranch": False})
    async with GithubApi(sandbox.api_url, sandbox.token) as api:
        await api.call("POST", "/repos/acme/shop/issues", {"title": "Review", "body": "text"})
    sandbox.faults.cut_request("POST", f"{API}/issues")
    given = {**REPO, "title": "Review", "body": "text"}
    with pytest.raises(BackstageError):
        await github_task.run("github:issues:create", given)
    result = await github_task.run("github:issues:create", given)
    assert result.outputs["issueNumber"] == 2
    body = (await ask(sandbox, "/repos/acme/shop/issues/2"))["body"]
    marker = github_task.effects["github.issues.create.acme.shop.Review"]["marker"]
    assert body == f"text\n\n<!-- scaffolder task: {marker} -->"


ENVIRONMENT = {
    **REPO,
    "name": "prod",
    "environmentVariables": {"A": "1", "B": "2"},
    "secrets": {"S": "s"},
    "customBranchPolicyNames": ["release/*"],
}


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "environments/prod"),
        ("POST", "environments/prod/deployment-branch-policies"),
        ("POST", "environments/prod/variables"),
        ("PUT", "environments/prod/secrets/S"),
    ],
)
async def test_an_environment_is_completed(
    github_task: Task, sandbox: Sandbox, work: Path, method: str, path: str
) -> None:
    await github_task.run("publish:github", {**REPO, "protectDefaultBranch": False})
    sandbox.faults.lose_answer(method, f"{API}/{path}")
    with pytest.raises(BackstageError, match="does not answer"):
        await github_task.run("github:environment:create", ENVIRONMENT)
    await github_task.run("github:environment:create", ENVIRONMENT)
    at = "/repos/acme/shop/environments/prod"
    assert [one["value"] for one in (await ask(sandbox, f"{at}/variables"))["variables"]] == ["1", "2"]
    assert (await ask(sandbox, f"{at}/deployment-branch-policies"))["total_count"] == 1
    github_task.forget()
    with pytest.raises(ConflictError, match="Already exists"):  # another task's variable is not taken
        await github_task.run("github:environment:create", {**ENVIRONMENT, "customBranchPolicyNames": []})


PULL = {**REPO, "branchName": "feature", "title": "Add", "description": "why", "reviewers": ["ada"]}


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "git/trees"),
        ("POST", "git/commits"),
        ("POST", "git/refs"),
        ("POST", "pulls"),
    ],
)
async def test_a_pull_request_is_opened_once(
    github_task: Task, sandbox: Sandbox, work: Path, method: str, path: str
) -> None:
    await github_task.run("publish:github", {**REPO, "protectDefaultBranch": False})
    (work / "new.txt").write_text("new")
    sandbox.faults.lose_answer(method, f"{API}/{path}")
    with pytest.raises(BackstageError, match="does not answer"):
        await github_task.run("publish:github:pull-request", PULL)
    result = await github_task.run("publish:github:pull-request", PULL)
    assert result.outputs["pullRequestNumber"] == 1
    pulls = await ask(sandbox, "/repos/acme/shop/pulls")
    assert [(one["body"], one["commits_url"] is not None) for one in pulls] == [("why", True)]
    assert len(await ask(sandbox, "/repos/acme/shop/commits?sha=feature")) == 2


async def test_a_branch_of_somebody_else_is_not_taken(github_task: Task, sandbox: Sandbox, work: Path) -> None:
    await github_task.run("publish:github", {**REPO, "protectDefaultBranch": False})
    (work / "new.txt").write_text("new")
    sandbox.faults.cut_request("POST", f"{API}/git/refs")
    with pytest.raises(BackstageError):
        await github_task.run("publish:github:pull-request", PULL)
    main = (await ask(sandbox, "/repos/acme/shop/git/ref/heads/main"))["object"]["sha"]
    async with GithubApi(sandbox.api_url, sandbox.token) as api:
        await api.call("POST", "/repos/acme/shop/git/refs", {"ref": "refs/heads/feature", "sha": main})
    with pytest.raises(InputError, match="Reference already exists"):
        await github_task.run("publish:github:pull-request", PULL)
    assert (await ask(sandbox, "/repos/acme/shop/git/ref/heads/feature"))["object"]["sha"] == main


@pytest.mark.thorough
async def test_a_branch_that_moved_meanwhile_is_looked_at_again(
    github_task: Task, sandbox: Sandbox, work: Path
) -> None:
    await github_task.run("publish:github", {**REPO, "protectDefaultBranch": False})
    (work / "new.txt").write_text("1")
    await github_task.run("publish:github:pull-request", PULL)
    github_task.forget()
    tip = (await ask(sandbox, "/repos/acme/shop/git/ref/heads/feature"))["object"]["sha"]
    tree = (await ask(sandbox, f"/repos/acme/shop/git/commits/{tip}"))["tree"]["sha"]
    (work / "new.txt").write_text("2")
    sandbox.faults.cut_request("PATCH", f"{API}/git/refs/heads/feature")
    with pytest.raises(BackstageError):
        await github_task.run("publish:github:pull-request", {**PULL, "update": True})
    async with GithubApi(sandbox.api_url, sandbox.token) as api:
        commit = {"message": "theirs", "tree": tree, "parents": [tip]}
        theirs = (await api.call("POST", "/repos/acme/shop/git/commits", commit))["sha"]
        await api.call("PATCH", "/repos/acme/shop/git/refs/heads/feature", {"sha": theirs})
    await github_task.run("publish:github:pull-request", {**PULL, "update": True})
    log = await ask(sandbox, "/repos/acme/shop/commits?sha=feature")
    assert [one["commit"]["message"].strip() for one in log] == ["Add", "initial commit"]
    assert any(f"which was at {theirs}, begins anew from 'main'" in line for line in github_task.log.messages)


async def test_a_workflow_is_started_at_most_once(github_task: Task, sandbox: Sandbox, work: Path) -> None:
    (work / ".github/workflows").mkdir(parents=True)
    (work / ".github/workflows/ci.yaml").write_text("on: workflow_dispatch\njobs: {}\n")
    await github_task.run("publish:github", {**REPO, "protectDefaultBranch": False})
    given = {**REPO, "workflowId": "ci.yaml", "branchOrTagName": "main"}
    sandbox.faults.lose_answer("POST", f"{API}/actions/workflows/ci.yaml/dispatches")
    with pytest.raises(BackstageError, match="does not answer"):
        await github_task.run("github:actions:dispatch", given)
    with pytest.raises(ConflictError, match="It is not known whether an earlier run of this step did"):
        await github_task.run("github:actions:dispatch", given)
    repository = sandbox.store.find("acme", "shop")
    assert repository
    assert len(repository.book("dispatches")) == 1


async def test_a_location_is_registered_once(task: Task, catalog: Catalog) -> None:
    url = "https://github.com/acme/shop/blob/main/catalog-info.yaml"
    catalog.locations[url] = [{"kind": "Component", "metadata": {"name": "shop"}}]
    catalog.lose_answer = True
    with pytest.raises(BackstageError):
        await task.run("catalog:register", {"catalogInfoUrl": url})
    result = await task.run("catalog:register", {"catalogInfoUrl": url})
    assert (result.outputs["entityRef"], catalog.added) == ("component:default/shop", [url])
