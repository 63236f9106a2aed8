import subprocess
from pathlib import Path
from typing import Any

import pytest

from backstage_py.errors import BackstageError, ConflictError, ForeignError, InputError, NotAllowedError, NotFoundError
from backstage_py.integrations import git
from backstage_py.integrations.github import GithubApi
from backstage_py.sandbox.server import Sandbox
from tests.actions.harness import Catalog, Task

REPO = "github.com?owner=acme&repo=shop"


@pytest.fixture
def work(github_task: Task) -> Path:
    root = github_task.workspace.root
    (root / "main.go").write_text("package main\n")
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    return root


async def ask(sandbox: Sandbox, path: str) -> Any:
    async with GithubApi(sandbox.api_url, sandbox.token) as api:
        return await api.call("GET", path)


async def published(task: Task, **given: Any) -> None:
    await task.run("publish:github", {"repoUrl": REPO, **given})


async def test_the_workspace_is_published_as_a_repository(
    github_task: Task, sandbox: Sandbox, work: Path, tmp_path: Path
) -> None:
    given = {
        "repoUrl": REPO,
        "defaultBranch": "trunk",
        "description": "The shop",
        "topics": ["Service", "payments"],
        "repoVisibility": "public",
        "gitAuthorName": "Ada",
        "gitCommitMessage": "hello",
        "allowedHosts": ["github.com"],
    }
    result = await github_task.run("publish:github", given)
    assert result.outputs["remoteUrl"] == f"{sandbox.url}/acme/shop.git"
    assert result.outputs["repoContentsUrl"] == f"{sandbox.url}/acme/shop/blob/trunk"
    clone = tmp_path / "clone"
    await git.clone(result.outputs["remoteUrl"], clone, ref="trunk")
    log = subprocess.run(["git", "log", "--format=%H %an %s"], cwd=clone, capture_output=True, text=True, check=True)
    assert log.stdout.strip() == f"{result.outputs['commitHash']} Ada hello"
    assert (clone / "run.sh").stat().st_mode & 0o100
    found = await ask(sandbox, "/repos/acme/shop")
    assert (found["description"], found["private"], sorted(found["topics"])) == (
        "The shop",
        False,
        ["payments", "service"],
    )
    protection = await ask(sandbox, "/repos/acme/shop/branches/trunk/protection")
    assert protection["required_pull_request_reviews"]["required_approving_review_count"] == 1
    assert protection["enforce_admins"]["enabled"]


async def test_a_part_of_the_workspace_is_published_without_protection(
    github_task: Task, sandbox: Sandbox, work: Path
) -> None:
    (work / "service").mkdir()
    (work / "service/a.txt").write_text("a")
    await published(github_task, sourcePath="../service", protectDefaultBranch=False)
    names = [entry["path"] for entry in (await ask(sandbox, "/repos/acme/shop/git/trees/main"))["tree"]]
    assert names == ["a.txt"]
    with pytest.raises(NotFoundError):
        await ask(sandbox, "/repos/acme/shop/branches/main/protection")


async def test_a_repository_is_made_once_even_when_the_step_runs_again(github_task: Task, work: Path) -> None:
    await published(github_task)
    await published(github_task)
    assert github_task.effects["create.github.repo.acme.shop"]["state"] == "done"
    github_task.forget()
    with pytest.raises(ForeignError, match=r"Failed to create the \w+ repository acme/shop, "):
        await published(github_task)


async def test_secrets_variables_and_people_come_with_the_repository(
    github_task: Task, sandbox: Sandbox, work: Path, tmp_path: Path
) -> None:
    given = {
        "repoUrl": REPO,
        "repoVariables": {"REGION": "eu"},
        "secrets": {"KEY": "very-secret"},
        "collaborators": [{"user": "user:default/ada", "access": "push"}],
        "subscribe": True,
    }
    result = await github_task.run("github:repo:create", given)
    assert result.outputs == {"remoteUrl": f"{sandbox.url}/acme/shop.git"}
    assert (await ask(sandbox, "/repos/acme/shop/actions/variables/REGION"))["value"] == "eu"
    assert [one["name"] for one in (await ask(sandbox, "/repos/acme/shop/actions/secrets"))["secrets"]] == ["KEY"]
    assert "ada" in [one["login"] for one in await ask(sandbox, "/repos/acme/shop/collaborators")]
    kept = b"".join(path.read_bytes() for path in (tmp_path / "sandbox").rglob("*") if path.is_file())
    assert b"very-secret" not in kept


async def test_an_existing_repository_is_pushed_to(github_task: Task, sandbox: Sandbox, work: Path) -> None:
    await github_task.run("github:repo:create", {"repoUrl": REPO})
    result = await github_task.run("github:repo:push", {"repoUrl": REPO})
    head = (await ask(sandbox, "/repos/acme/shop/git/ref/heads/main"))["object"]["sha"]
    assert result.outputs["commitHash"] == head


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"repoUrl": "github.com?repo=x"}, "missing owner"),
        ({"repoUrl": "?owner=o&repo=r"}, r"got \?owner=o&repo=r, TypeError: Invalid URL"),
        ({"repoUrl": "git.nowhere?owner=o&repo=r"}, "No matching integration configuration for host"),
        ({"repoUrl": "gitlab.com?owner=o&repo=r"}, r"No integration for host gitlab\.com"),
        ({"repoUrl": REPO, "sourcePath": "none"}, "has no folder 'none'"),
    ],
)
async def test_a_wrong_target_is_named(github_task: Task, work: Path, given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        await github_task.run("publish:github", given)


async def test_the_source_stays_in_the_workspace(github_task: Task, work: Path, tmp_path: Path) -> None:
    (work / "out").symlink_to(tmp_path)
    with pytest.raises(NotAllowedError):
        await published(github_task, sourcePath="out")


async def test_without_a_token_nothing_is_tried(task: Task) -> None:
    """CVE-2026-106462: actions fell back on the integration's token."""
    with pytest.raises(InputError, match=r"No token available for host: github\.com"):
        await task.run("publish:github", {"repoUrl": REPO})
    task.configured(scaffolder={"requireScmUserCredentials": True})
    with pytest.raises(InputError, match="No user credentials provided"):
        await task.run("publish:github", {"repoUrl": REPO})


async def test_the_configuration_names_author_and_message(github_task: Task, sandbox: Sandbox, work: Path) -> None:
    author = {"name": "Platform", "email": "platform@example.com"}
    github_task.configured(scaffolder={"defaultAuthor": author, "defaultCommitMessage": "from template"})
    await published(github_task)
    commit = (await ask(sandbox, "/repos/acme/shop/commits/main"))["commit"]
    assert commit["message"].strip() == "from template"
    assert (commit["author"]["name"], commit["author"]["email"]) == ("Platform", "platform@example.com")


PULL = {"repoUrl": REPO, "branchName": "feature/one", "title": "Add", "description": "why"}


@pytest.mark.thorough
async def test_a_pull_request_proposes_the_workspace(github_task: Task, sandbox: Sandbox, work: Path) -> None:
    (work / "old.txt").write_text("old")
    await published(github_task)
    (work / "old.txt").unlink()
    (work / "new").mkdir()
    (work / "new/a.bin").write_bytes(b"\0\xff" * 10)
    (work / ".gitignore").write_text("*.log\n")
    (work / "x.log").write_text("noise")
    (work / "dangling").symlink_to("nowhere")
    given = {**PULL, "filesToDelete": ["old.txt", "never.txt"], "reviewers": ["ada"], "assignees": ["bob"]}
    result = await github_task.run("publish:github:pull-request", given)
    assert result.outputs["pullRequestNumber"] == 1
    assert result.outputs["targetBranchName"] == "main"
    assert result.outputs["remoteUrl"] == f"{sandbox.url}/acme/shop/pull/1"
    found = await ask(sandbox, "/repos/acme/shop/git/trees/feature/one?recursive=1")
    assert {entry["path"]: entry["mode"] for entry in found["tree"] if entry["type"] == "blob"} == {
        ".gitignore": "100644",
        "dangling": "120000",
        "main.go": "100644",
        "new/a.bin": "100644",
        "run.sh": "100755",
    }
    pull = await ask(sandbox, "/repos/acme/shop/pulls/1")
    assert (pull["title"], pull["body"]) == ("Add", "why")


@pytest.mark.thorough
async def test_a_branch_is_only_committed_to_again_when_asked(github_task: Task, sandbox: Sandbox, work: Path) -> None:
    await published(github_task)
    (work / "a.txt").write_text("1")
    await github_task.run("publish:github:pull-request", PULL)
    github_task.forget()
    with pytest.raises(ConflictError, match=r"exists already in acme/shop, and http://\S+/acme/shop/pull/1 is open"):
        await github_task.run("publish:github:pull-request", PULL)
    (work / "a.txt").rename(work / "c.txt")
    github_task.forget()
    result = await github_task.run("publish:github:pull-request", {**PULL, "title": "Again", "update": True})
    assert result.outputs["pullRequestNumber"] == 1
    pull = await ask(sandbox, "/repos/acme/shop/pulls/1")
    assert (pull["title"], pull["commits"], pull["changed_files"]) == ("Again", 1, 1), "it begins anew, as in Backstage"
    async with GithubApi(sandbox.api_url, sandbox.token) as api:
        await api.call("PATCH", "/repos/acme/shop/pulls/1", {"state": "closed"})
    (work / "c.txt").rename(work / "b.txt")
    github_task.forget()
    result = await github_task.run("publish:github:pull-request", PULL)
    assert result.outputs["pullRequestNumber"] == 2, "what nobody works on any more begins anew, as in Backstage"
    found = await ask(sandbox, "/repos/acme/shop/git/trees/feature/one?recursive=1")
    assert {"a.txt", "b.txt", "c.txt"} & {entry["path"] for entry in found["tree"]} == {"b.txt"}


async def test_a_branch_is_not_proposed_to_itself(github_task: Task, work: Path) -> None:
    await published(github_task, protectDefaultBranch=False)
    with pytest.raises(InputError, match="The branch 'main' cannot be proposed to itself"):
        await github_task.run("publish:github:pull-request", {**PULL, "branchName": "main", "update": True})


async def test_a_dry_run_needs_no_folder_that_a_skipped_step_makes(github_task: Task, work: Path) -> None:
    given = {**PULL, "sourcePath": "generated"}
    assert (await github_task.run("publish:github:pull-request", given, dry_run=True)).outputs[
        "pullRequestNumber"
    ] == 43
    with pytest.raises(InputError, match="has no folder 'generated'"):
        await github_task.run("publish:github:pull-request", given)


async def test_nothing_is_opened_when_nothing_changed(github_task: Task, work: Path) -> None:
    await published(github_task)
    result = await github_task.run("publish:github:pull-request", {**PULL, "createWhenEmpty": False})
    assert result.outputs == {}
    assert result.log.messages == ["No changes to commit, pull request was not created"]


async def test_a_pull_requests_paths_stay_in_the_repository(github_task: Task, work: Path) -> None:
    await published(github_task)
    text = "must be a relative path within the target repository, without '..' segments"
    for path in ("../x", "/x", "a/../../b"):
        for given, name in (
            ({"targetPath": path}, "targetPath"),
            ({"filesToDelete": ["ok", path]}, "filesToDelete entry"),
        ):
            for dry_run in (False, True):
                with pytest.raises(InputError) as raised:
                    await github_task.run("publish:github:pull-request", {**PULL, **given}, dry_run=dry_run)
                assert raised.value.message == f"Invalid {name} '{path}': {text}"
    with pytest.raises(NotAllowedError):
        await github_task.run("publish:github:pull-request", {**PULL, "sourcePath": "../template"})
    with pytest.raises(InputError):
        await github_task.run("publish:github:pull-request", {**PULL, "allowedHosts": ["github.com"]})


@pytest.mark.parametrize(
    ("action_id", "given", "outputs"),
    [
        (
            "publish:github:pull-request",
            PULL,
            {"targetBranchName": "feature/one", "remoteUrl": REPO, "pullRequestNumber": 43},
        ),
        (
            "github:issues:create",
            {"repoUrl": REPO, "title": "T"},
            {"issueUrl": "https://github.com/acme/shop/issues/42", "issueNumber": 42},
        ),
        ("github:webhook", {"repoUrl": REPO, "webhookUrl": "https://ci.test"}, {}),
    ],
)
async def test_a_dry_run_needs_no_token_and_no_network(
    task: Task, action_id: str, given: dict[str, Any], outputs: dict[str, Any]
) -> None:
    result = await task.run(action_id, given, dry_run=True)
    assert result.outputs == outputs
    assert result.log.messages[-1] == "Dry run complete"


async def test_things_of_a_repository_are_set(
    github_task: Task, sandbox: Sandbox, work: Path, catalog: Catalog
) -> None:
    await published(github_task, protectDefaultBranch=False)
    catalog.entities = {"user:default/ada": {"kind": "User", "metadata": {"name": "ada"}}}

    async def run(action_id: str, **given: Any) -> dict[str, Any]:
        return (await github_task.run(action_id, {"repoUrl": REPO, **given})).outputs

    await run("github:webhook", webhookUrl="https://ci.test/hook", events=["push"], contentType="json")
    hooks = await ask(sandbox, "/repos/acme/shop/hooks")
    assert hooks[0]["config"]["url"] == "https://ci.test/hook"
    await run("github:autolinks:create", keyPrefix="T-", urlTemplate="https://t.test/<num>", isAlphanumeric=False)
    assert (await ask(sandbox, "/repos/acme/shop/autolinks"))[0]["key_prefix"] == "T-"
    issue = await run("github:issues:create", title="Review", labels=["new"])
    assert issue["issueUrl"].endswith("/acme/shop/issues/1")
    await run("github:issues:label", number=1, labels=["more"])
    found = await ask(sandbox, "/repos/acme/shop/issues/1")
    assert sorted(label["name"] for label in found["labels"]) == ["more", "new"]
    key = await run("github:deployKey:create", publicKey="ssh-ed25519 AAAA x", privateKey="p", deployKeyName="my key")
    assert key == {"privateKeySecretName": "MY_KEY_PRIVATE_KEY"}
    await run("github:branch-protection:create", requiredApprovingReviewCount=2, requiredCommitSigning=True)
    protection = await ask(sandbox, "/repos/acme/shop/branches/main/protection")
    assert protection["required_pull_request_reviews"]["required_approving_review_count"] == 2
    await run("github:pages:enable")
    rules = {"rules": [{"type": "deletion"}], "bypassActors": [{"actor_id": 5, "actor_type": "RepositoryRole"}]}
    ruleset = await run("github:repo:rulesets:create", name="tags", target="tag", **rules)
    found = await ask(sandbox, f"/repos/acme/shop/rulesets/{ruleset['id']}")
    assert (found["target"], found["enforcement"], found["rules"]) == ("tag", "active", rules["rules"])
    assert found["bypass_actors"][0]["actor_id"] == 5
    await run(
        "github:environment:create",
        name="prod eu",
        environmentVariables={"A": "b"},
        secrets={"S": "s"},
        deploymentBranchPolicy={"protected_branches": False, "custom_branch_policies": True},
        customBranchPolicyNames=["release/*"],
        customTagPolicyNames=["v*"],
        reviewers=["user:ada", "group:default/none"],
    )
    environment = await ask(sandbox, "/repos/acme/shop/environments/prod%20eu")
    assert environment["name"] == "prod eu"


async def test_a_workflow_is_dispatched(github_task: Task, work: Path) -> None:
    (work / ".github/workflows").mkdir(parents=True)
    (work / ".github/workflows/ci.yaml").write_text("on: workflow_dispatch\njobs: {}\n")
    await published(github_task)
    given = {"repoUrl": REPO, "workflowId": "ci.yaml", "branchOrTagName": "main", "workflowInputs": {"a": "b"}}
    result = await github_task.run("github:actions:dispatch", given)
    assert "Workflow ci.yaml dispatched successfully" in result.log.messages
    with pytest.raises(BackstageError):
        await github_task.run("github:actions:dispatch", {**given, "workflowId": "none.yaml"})


async def test_a_published_repository_can_be_registered(github_task: Task, work: Path, catalog: Catalog) -> None:
    result = await github_task.run("publish:github", {"repoUrl": REPO})
    base = result.outputs["repoContentsUrl"]
    target = base.replace("/blob/", "/tree/") + "/catalog-info.yaml"
    catalog.locations[target] = [{"kind": "Component", "metadata": {"name": "shop"}}]
    registered = await github_task.run("catalog:register", {"repoContentsUrl": base})
    assert registered.outputs == {"entityRef": "component:default/shop", "catalogInfoUrl": target}


@pytest.mark.parametrize(("owner", "properties"), [("acme", {"tier": "1"}), ("sandbox", {})])
async def test_a_repository_is_created_and_pushed_to_for_organisations_and_users(
    github_task: Task, sandbox: Sandbox, work: Path, owner: str, properties: dict[str, str]
) -> None:
    """Custom properties are of organisations: GitHub refuses them for a user's repository, so they are not sent."""
    url = f"github.com?owner={owner}&repo=shop"
    given = {"repoUrl": url, "repoVisibility": "public", "customProperties": {"tier": "1"}}
    await github_task.run("github:repo:create", given)
    pushed = await github_task.run("github:repo:push", {"repoUrl": url, "protectDefaultBranch": False})
    head = (await ask(sandbox, f"/repos/{owner}/shop/git/ref/heads/main"))["object"]["sha"]
    assert pushed.outputs["commitHash"] == head
    repository = sandbox.store.find(owner, "shop")
    assert repository
    assert (repository.visibility, repository.book("custom_properties")) == ("public", properties)
