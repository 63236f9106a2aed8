"""GitLab at its worst: answers that get lost, names that are taken, tokens that end. A retry completes what began."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from backstage_py.errors import (
    AuthenticationError,
    BackstageError,
    ConflictError,
    InputError,
    NotAllowedError,
    NotFoundError,
    ServiceUnavailableError,
)
from backstage_py.integrations.gitlab import GitlabApi
from backstage_py.integrations.gitlab_autocomplete import GitlabAutocomplete
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.integrations.patience import Patience
from backstage_py.model.scm import ScmIntegration
from backstage_py.plugin import Workspace
from backstage_py.sandbox.faults import Faults
from tests.actions.harness import Task
from tests.forges.gitlab_world import Gitlab
from tests.integrations import web_host

API = "/api/v4"
SHOP = "gitlab.com?owner=acme%2Fteam&repo=shop"
PUBLISH = {
    "repoUrl": SHOP,
    "defaultBranch": "main",
    "setUserAsOwner": True,
    "settings": {"description": "The shop"},
    "branches": [{"name": "dev", "create": True, "protect": True, "ref": "main"}],
    "projectVariables": [{"key": "A", "value": "1"}, {"key": "B", "value": "2"}],
}


@pytest.fixture
async def work(gitlab: Gitlab, gitlab_task: Task) -> Path:
    gitlab.add_group("acme")
    gitlab.add_group("acme/team")
    root = gitlab_task.workspace.root
    (root / "main.go").write_text("package main\n")
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    return root


def spoilers() -> list[Callable[[Faults, str, str], None]]:
    def lose(faults: Faults, method: str, path: str) -> None:
        faults.lose_answer(method, path)

    def cut(faults: Faults, method: str, path: str) -> None:
        faults.cut_request(method, path)

    def fail(faults: Faults, method: str, path: str) -> None:
        faults.refuse(method, path)

    return [lose, cut, fail]


async def complete(gitlab: Gitlab, outputs: Any) -> None:
    """Assert that the project is there once, with all that ``PUBLISH`` wants and nothing of the task's own."""
    [project] = gitlab.projects
    assert (project["path_with_namespace"], project["description"]) == ("acme/team/shop", "The shop")
    number = project["id"]
    assert [one["key"] for one in gitlab.known(f"variables {number}")] == ["A", "B"]
    assert [one["name"] for one in gitlab.known(f"protected {number}")] == ["dev"]
    assert len(gitlab.known(f"project members {number}")) == 1
    tree = await gitlab.base.tree("acme/team/shop", "dev")
    assert {path: mode for path, (mode, _) in tree.items()} == {"main.go": "100644", "run.sh": "100755"}
    url = f"{gitlab.base.url}/acme/team/shop"
    assert outputs["remoteUrl"] == url
    assert outputs["repoContentsUrl"] == f"{url}/-/blob/main"
    assert (outputs["projectId"], outputs["created"]) == (number, True)


PARTS = [
    ("POST", f"{API}/projects"),
    ("PUT", f"{API}/projects/acme/team/shop"),
    ("POST", f"{API}/projects/*/members"),
    ("POST", "*/shop.git/git-receive-pack"),
    ("POST", f"{API}/projects/*/repository/branches"),
    ("POST", f"{API}/projects/*/protected_branches"),
    ("POST", f"{API}/projects/*/variables"),
]


@pytest.mark.thorough
@pytest.mark.parametrize("spoil", spoilers())
async def test_everything_may_go_wrong_once_and_another_replica_goes_on(
    gitlab: Gitlab, gitlab_task: Task, work: Path, tmp_path: Path, spoil: Callable[[Faults, str, str], None]
) -> None:
    for method, path in PARTS:
        spoil(gitlab.base.faults, method, path)
    failures = 0
    while gitlab.base.faults.waiting:
        with pytest.raises(BackstageError) as raised:
            await gitlab_task.run("publish:gitlab", PUBLISH)
        assert "already been taken" not in raised.value.message
        failures += 1
        assert failures <= len(PARTS), raised.value
        elsewhere = tmp_path / f"replica-{failures}"  # what the journal holds is all that another replica has
        work.rename(elsewhere)
        gitlab_task.workspace, work = Workspace(elsewhere), elsewhere
    result = await gitlab_task.run("publish:gitlab", PUBLISH)
    assert failures == len(PARTS)
    await complete(gitlab, result.outputs)
    assert (await gitlab_task.run("publish:gitlab", PUBLISH)).outputs == result.outputs


async def test_a_project_of_somebody_else_is_not_taken(gitlab: Gitlab, gitlab_task: Task, work: Path) -> None:
    gitlab.base.faults.refuse("POST", f"{API}/projects")
    with pytest.raises(BackstageError):
        await gitlab_task.run("publish:gitlab", PUBLISH)
    await gitlab.add_project("acme/team/shop", description="theirs")
    for _ in range(2):
        with pytest.raises(InputError, match=r"path has already been taken\. Choose another name"):
            await gitlab_task.run("publish:gitlab", PUBLISH)
    assert [one["description"] for one in gitlab.projects] == ["theirs"]
    assert (
        await gitlab.base.tree("acme/team/shop", "main") == {} if gitlab.base.find("acme/team/shop") is None else True
    )


@pytest.mark.thorough
async def test_a_project_that_was_there_before_is_left_alone_also_by_a_retry(
    gitlab: Gitlab, gitlab_task: Task, work: Path
) -> None:
    given = {**PUBLISH, "skipExisting": True}
    gitlab.base.faults.lose_answer("POST", f"{API}/projects")
    with pytest.raises(ServiceUnavailableError):
        await gitlab_task.run("publish:gitlab", given)
    result = await gitlab_task.run("publish:gitlab", given)
    await complete(gitlab, result.outputs)
    gitlab_task.forget()
    gitlab.base.asked.clear()
    again = await gitlab_task.run("publish:gitlab", given)
    assert (again.outputs["created"], again.outputs["projectId"]) == (False, result.outputs["projectId"])
    assert {one.method for one in gitlab.base.asked} == {"GET"}


@pytest.mark.thorough
async def test_a_project_that_is_deleted_between_two_runs_is_named(
    gitlab: Gitlab, gitlab_task: Task, work: Path
) -> None:
    gitlab.base.faults.refuse("POST", "*/shop.git/git-receive-pack")
    with pytest.raises(BackstageError):
        await gitlab_task.run("publish:gitlab", PUBLISH)
    await gitlab.base.delete("acme/team/shop")
    with pytest.raises(NotFoundError, match="Repository not found"):
        await gitlab_task.run("publish:gitlab", PUBLISH)


@pytest.mark.parametrize(
    ("token", "kind", "said"),
    [
        ("expired", AuthenticationError, r"Token is expired\. The token is wrong, expired or revoked"),
        ("weak", NotAllowedError, r"The token lacks the scope 'api'"),
    ],
)
async def test_a_token_that_may_not_is_named(
    gitlab: Gitlab, gitlab_task: Task, work: Path, token: str, kind: type[BackstageError], said: str
) -> None:
    with pytest.raises(kind, match=said):
        await gitlab_task.run("publish:gitlab", {**PUBLISH, "token": token})


@pytest.mark.thorough
async def test_the_users_own_token_is_used_where_it_is_given_and_wanted(
    gitlab: Gitlab, gitlab_task: Task, work: Path
) -> None:
    gitlab_task.configured(scaffolder={"requireScmUserCredentials": True})
    plain = {"repoUrl": SHOP, "defaultBranch": "main"}
    for given, said in ((plain, "No user credentials provided"), (PUBLISH | {"token": "x"}, "setUserAsOwner and own")):
        with pytest.raises(InputError, match=said):
            await gitlab_task.run("publish:gitlab", given)
    assert gitlab.base.asked == []
    await gitlab_task.run("publish:gitlab", {**plain, "token": "user-oauth"})
    assert {one.headers["authorization"] for one in gitlab.base.asked} == {"Bearer user-oauth"}


async def test_without_a_token_nothing_is_tried(gitlab_task: Task, work: Path) -> None:
    gitlab_task.services = type(gitlab_task.services)(integrations=ScmRegistry(), config={})
    for action, given in (
        ("publish:gitlab", {"repoUrl": SHOP}),
        ("gitlab:user:info", {"repoUrl": "gitlab.com"}),
        ("gitlab:repo:push", {"repoUrl": SHOP, "branchName": "b", "commitMessage": "m"}),
    ):
        with pytest.raises(InputError, match=r"No token available for host gitlab\.com"):
            await gitlab_task.run(action, given)
    with pytest.raises(InputError, match=r"No matching integration configuration for host github\.com"):
        await gitlab_task.run("publish:gitlab", {"repoUrl": "github.com?owner=a&repo=b"})


MERGE = {"repoUrl": SHOP, "branchName": "feature/x", "title": "Add", "autoMerge": True}


@pytest.mark.thorough
@pytest.mark.parametrize("spoil", spoilers())
async def test_a_merge_request_is_opened_once(
    gitlab: Gitlab, gitlab_task: Task, work: Path, spoil: Callable[[Faults, str, str], None]
) -> None:
    project = await gitlab.add_project("acme/team/shop", files={"main.go": "old", "README.md": "r"})
    here = f"{API}/projects/acme/team/shop"
    parts = [
        ("POST", f"{here}/repository/branches"),
        ("POST", f"{here}/repository/commits"),
        ("POST", f"{here}/merge_requests"),
        ("PUT", f"{here}/merge_requests/1/merge"),
    ]
    for method, path in parts:
        spoil(gitlab.base.faults, method, path)
    for _ in parts:
        with pytest.raises(BackstageError, match=r"does not answer|Server Error"):
            await gitlab_task.run("publish:gitlab:merge-request", MERGE)
    result = await gitlab_task.run("publish:gitlab:merge-request", MERGE)
    assert result.outputs["mergeRequestUrl"] == f"{project['web_url']}/-/merge_requests/1"
    [request] = gitlab.known(f"requests {project['id']}")
    assert (request["source_branch"], request["merge_when_pipeline_succeeds"]) == ("feature/x", True)
    tree = await gitlab.base.tree("acme/team/shop", "feature/x")
    assert {path: content for path, (_, content) in tree.items()} == {
        "README.md": b"r",
        "main.go": b"package main\n",
        "run.sh": b"#!/bin/sh\n",
    }
    assert tree["run.sh"][0] == "100755"
    gitlab_task.forget()
    with pytest.raises(InputError, match=r"the branch already exists at: .* there is a Merge Request"):
        await gitlab_task.run("publish:gitlab:merge-request", {**MERGE, "commitAction": "create"})


@pytest.mark.thorough
async def test_a_branch_of_somebody_else_is_not_taken(gitlab: Gitlab, gitlab_task: Task, work: Path) -> None:
    await gitlab.add_project("acme/team/shop", files={"main.go": "old"})
    gitlab.base.faults.refuse("POST", f"{API}/projects/acme/team/shop/repository/branches")
    with pytest.raises(BackstageError):
        await gitlab_task.run("publish:gitlab:merge-request", MERGE)
    await gitlab.base.commit("acme/team/shop", "feature/x", {"theirs": "t"})
    with pytest.raises(InputError, match=r"The branch creation failed.*Branch already exists"):
        await gitlab_task.run("publish:gitlab:merge-request", MERGE)
    assert set(await gitlab.base.tree("acme/team/shop", "feature/x")) == {"theirs"}


@pytest.mark.thorough
@pytest.mark.parametrize("spoil", spoilers())
async def test_files_are_pushed_once(
    gitlab: Gitlab, gitlab_task: Task, work: Path, spoil: Callable[[Faults, str, str], None]
) -> None:
    await gitlab.add_project("acme/team/shop", files={"main.go": "old"})
    given = {"repoUrl": SHOP, "branchName": "main", "commitMessage": "new"}
    spoil(gitlab.base.faults, "POST", f"{API}/projects/acme/team/shop/repository/commits")
    with pytest.raises(BackstageError):
        await gitlab_task.run("gitlab:repo:push", given)
    result = await gitlab_task.run("gitlab:repo:push", given)
    async with GitlabApi(f"{gitlab.base.url}{API}", "t") as api:
        log = await api.call("GET", "/projects/acme%2Fteam%2Fshop/repository/commits", query={"ref_name": "main"})
    assert [one["message"] for one in log] == ["new", "seed"]
    assert result.outputs["commitHash"] == log[0]["id"]
    gitlab_task.forget()
    again = await gitlab_task.run("gitlab:repo:push", given)
    assert "commitHash" not in again.outputs
    assert any("No file changes" in line for line in again.log.messages)


ONCE: list[tuple[str, dict[str, Any], str, str]] = [
    ("gitlab:issues:create", {"title": "Review", "description": "text"}, "issues", "issues"),
    (
        "gitlab:projectVariable:create",
        {"projectId": "acme/team/shop", "key": "K", "value": "v", "variableType": "env_var"},
        "variables",
        "variables",
    ),
]


@pytest.mark.parametrize(("action", "given", "path", "book"), ONCE, ids=[one[0] for one in ONCE])
async def test_a_thing_of_a_project_is_made_once(
    gitlab: Gitlab, gitlab_task: Task, action: str, given: dict[str, Any], path: str, book: str, work: Path
) -> None:
    project = await gitlab.add_project("acme/team/shop", files={"a": "a"})
    if action == "gitlab:issues:create":
        gitlab.known(f"issues {project['id']}").append({"title": "Review", "description": "text", "id": 1, "iid": 1})
    before = len(gitlab.known(f"{book} {project['id']}"))
    gitlab.base.faults.lose_answer("POST", f"{API}/projects/acme/team/shop/{path}")
    with pytest.raises(ServiceUnavailableError, match="does not answer"):
        await gitlab_task.run(action, {"repoUrl": SHOP, **given})
    result = await gitlab_task.run(action, {"repoUrl": SHOP, **given})
    assert (await gitlab_task.run(action, {"repoUrl": SHOP, **given})).outputs == result.outputs
    assert len(gitlab.known(f"{book} {project['id']}")) == before + 1


async def test_a_pipeline_is_started_at_most_once(gitlab: Gitlab, gitlab_task: Task, work: Path) -> None:
    project = await gitlab.add_project("acme/team/shop", files={"a": "a"}, id=12)
    given = {"repoUrl": SHOP, "projectId": 12, "tokenDescription": "d", "branch": "main"}
    gitlab.base.faults.lose_answer("POST", f"{API}/projects/12/triggers")
    with pytest.raises(ServiceUnavailableError):  # nothing was started as long as there is no trigger token
        await gitlab_task.run("gitlab:pipeline:trigger", given)
    gitlab.base.faults.lose_answer("POST", f"{API}/projects/12/trigger/pipeline")
    with pytest.raises(ServiceUnavailableError):
        await gitlab_task.run("gitlab:pipeline:trigger", given)
    with pytest.raises(ConflictError, match="It is not known whether an earlier run of this step did"):
        await gitlab_task.run("gitlab:pipeline:trigger", given)
    assert len(gitlab.known(f"pipelines {project['id']}")) == 1
    assert len(gitlab.known(f"triggers {project['id']}")) == 1  # that of the lost answer; the other one was removed


@pytest.mark.parametrize(
    ("action", "given", "path", "output"),
    [
        ("gitlab:projectAccessToken:create", {}, "access_tokens", "access_token"),
        (
            "gitlab:projectDeployToken:create",
            {"name": "n", "scopes": ["read_registry"]},
            "deploy_tokens",
            "deploy_token",
        ),
    ],
)
async def test_a_token_that_nobody_saw_is_made_anew(
    gitlab: Gitlab, gitlab_task: Task, work: Path, action: str, given: dict[str, Any], path: str, output: str
) -> None:
    await gitlab.add_project("acme/team/shop", files={"a": "a"}, id=12)
    gitlab.base.faults.lose_answer("POST", f"{API}/projects/12/{path}")
    with pytest.raises(ServiceUnavailableError):
        await gitlab_task.run(action, {"repoUrl": SHOP, "projectId": "12", **given})
    result = await gitlab_task.run(action, {"repoUrl": SHOP, "projectId": "12", **given})
    assert any("doing it again" in line for line in result.log.messages)
    assert result.outputs[output]


async def test_groups_are_made_once_however_many_make_them(gitlab: Gitlab, gitlab_task: Task, work: Path) -> None:
    given = {"repoUrl": "gitlab.com", "path": ["acme/new"]}
    gitlab.base.faults.lose_answer("POST", f"{API}/groups")
    with pytest.raises(ServiceUnavailableError):
        await gitlab_task.run("gitlab:group:ensureExists", given)
    result = await gitlab_task.run("gitlab:group:ensureExists", given)
    assert result.outputs["groupId"] == gitlab.group("acme/new")["id"]
    gitlab_task.forget()

    def meanwhile() -> None:
        gitlab.add_group("acme/other")

    gitlab.base.faults.before("POST", f"{API}/groups", meanwhile)
    result = await gitlab_task.run("gitlab:group:ensureExists", {"repoUrl": "gitlab.com", "path": ["acme/other"]})
    assert result.outputs["groupId"] == gitlab.group("acme/other")["id"]


async def test_who_was_removed_from_a_group_is_not_missed_by_a_retry(
    gitlab: Gitlab, gitlab_task: Task, work: Path
) -> None:
    gitlab.known(f"members {gitlab.group('acme')['id']}").append({"id": 7, "access_level": 30})
    gitlab.known(f"shares {gitlab.group('acme')['id']}").append({"group_id": 8, "group_access": 30})
    given = {"repoUrl": "gitlab.com", "path": "acme", "userIds": [7], "groupIds": [8], "action": "remove"}
    for path in ("members/7", "share/8"):
        gitlab.base.faults.lose_answer("DELETE", f"{API}/groups/acme/{path}")
        with pytest.raises(ServiceUnavailableError):
            await gitlab_task.run("gitlab:group:access", given)
    assert (await gitlab_task.run("gitlab:group:access", given)).outputs["userIds"] == [7]


async def test_a_migration_is_begun_once(gitlab: Gitlab, gitlab_task: Task, work: Path) -> None:
    given = {
        "sourceUrl": "https://old.test",
        "sourceFullPath": "a/b",
        "sourceAccessToken": "s",
        "destinationUrl": SHOP,
        "destinationAccessToken": "d",
    }
    gitlab.base.faults.lose_answer("POST", f"{API}/bulk_imports")
    with pytest.raises(ServiceUnavailableError):
        await gitlab_task.run("gitlab:group:migrate", given)
    result = await gitlab_task.run("gitlab:group:migrate", given)
    assert [one["id"] for one in gitlab.known("imports")] == [result.outputs["migrationId"]]


async def test_a_limit_of_the_rate_is_waited_for_and_bounded() -> None:
    answers = iter([(429, {"Retry-After": "15"}), (200, {}), (429, {"Retry-After": "90"})])

    async def limited(_: web.BaseRequest) -> web.StreamResponse:
        status, headers = next(answers)
        return web.json_response({"message": "Retry later"}, status=status, headers=headers)

    said: list[str] = []

    async def sleep(_seconds: float) -> None: ...

    async with web_host.serve() as host:
        host.answers["/api/v4/x"] = limited
        async with GitlabApi(f"{host.url}/api/v4", "t", patience=Patience(60, said.append, sleep)) as api:
            assert await api.call("GET", "/x") == {"message": "Retry later"}
            with pytest.raises(ServiceUnavailableError, match=r"GitLab may be asked again in 90 s; scaffolder\.rate"):
                await api.call("GET", "/x")
    assert said == [f"GitLab limits the rate of requests; going on in {left} s" for left in (15, 5)]


async def test_a_redirect_to_another_host_or_port_is_not_followed() -> None:
    async with web_host.serve() as home, web_host.serve("127.0.0.2") as away, web_host.serve() as other_port:
        home.redirect("/api/v4/x", f"{away.url}/taken")
        home.redirect("/api/v4/y", f"//{other_port.url.partition('//')[2]}/taken")
        home.redirect("/api/v4/z", f"{home.url}/moved")
        home.text("/moved", "{}")
        async with GitlabApi(f"{home.url}/api/v4", "secret") as api:
            for path in ("/x", "/y"):
                with pytest.raises(NotAllowedError, match="which is not followed: correct 'apiBaseUrl' and 'baseUrl'"):
                    await api.call("GET", path)
            assert await api.call("GET", "/z") == {}
        assert not [*away.requests, *other_port.requests]


async def test_forms_are_completed_with_groups_and_repositories(gitlab: Gitlab, work: Path) -> None:
    await gitlab.add_project("acme/team/shop", files={"a": "a"}, name=" Shop ")
    await gitlab.add_project("ada/own", files={"a": "a"})
    host = ScmIntegration("gitlab", "gitlab.com", "", f"{gitlab.base.url}{API}", None, None, {})
    complete_with = GitlabAutocomplete(ScmRegistry([host]))
    groups = await complete_with(resource="groups", token="mine", context={})
    assert [one["title"] for one in groups] == ["acme", "acme/team", "ada"]
    team, ada = groups[1]["id"], groups[2]["id"]
    assert await complete_with(resource="repositories", token="mine", context={"id": team}) == [
        {"title": "Shop", "id": "shop"}
    ]
    assert [one["id"] for one in await complete_with(resource="repositories", token="mine", context={"id": ada})] == [
        "own"
    ]
    assert {one.headers["authorization"] for one in gitlab.base.asked} == {"Bearer mine"}
    for resource, context, said in (
        ("nope", {}, "Invalid resource: nope"),
        ("repositories", {}, "Missing groupId and userId"),
        ("groups", {"host": "github.com"}, "No matching integration configuration"),
    ):
        with pytest.raises(InputError, match=said):
            await complete_with(resource=resource, token="t", context=context)
