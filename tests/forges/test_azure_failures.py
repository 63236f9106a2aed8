"""Azure DevOps at its worst: answers that get lost, names that are taken, tokens that end. A retry completes it."""

from pathlib import Path

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
from backstage_py.integrations import azure as api_of_azure
from backstage_py.integrations.forges.azure import Repository
from backstage_py.integrations.forges.forge import NewRepository, Request, Webhook
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.integrations.patience import Patience
from backstage_py.model.scm import ScmIntegration
from backstage_py.plugin import Services
from tests.actions.harness import Task
from tests.forges import scenes
from tests.forges.azure_host import Azure
from tests.forges.test_bitbucket_failures import again
from tests.integrations import web_host

CREATE = "/acme/Shop/_apis/git/repositories"
PUSH = "/acme/Shop/_git/shop/git-receive-pack"
PUBLISH = {
    "repoUrl": "dev.azure.com?organization=acme&project=Shop&repo=shop",
    "defaultBranch": "main",
    "sourcePath": "source",
}


@pytest.fixture(autouse=True)
def work(azure: Azure, azure_task: Task) -> None:
    azure.add_project("Shop")
    scenes.workspace(azure_task.workspace.root)


@pytest.mark.parametrize(
    ("create", "push"), [("cut_request", "cut_request"), ("refuse", "lose_answer"), ("refuse", "refuse")]
)
async def test_a_repository_is_published_once_whatever_goes_wrong(
    azure: Azure, azure_task: Task, tmp_path: Path, create: str, push: str
) -> None:
    getattr(azure.base.faults, create)("POST", CREATE)
    getattr(azure.base.faults, push)("POST", PUSH)
    outputs = await again(azure_task, "publish:azure", PUBLISH, azure, tmp_path)
    [repository] = azure.repositories.values()
    assert await azure.base.tree("acme/Shop/shop", "main") == {"s.txt": ("100644", b"s")}
    assert outputs["repositoryId"] == repository["id"]
    assert outputs["repoContentsUrl"] == f"{azure.base.url}/acme/Shop/_git/shop"


async def test_a_repository_of_which_nobody_knows_who_made_it_is_left_alone(azure: Azure, azure_task: Task) -> None:
    azure.base.faults.lose_answer("POST", CREATE)
    with pytest.raises(ServiceUnavailableError):
        await azure_task.run("publish:azure", PUBLISH)
    for _ in range(2):
        with pytest.raises(
            ConflictError, match=r"acme/Shop/shop is there, and it is not known .* delete it if it is e"
        ):
            await azure_task.run("publish:azure", PUBLISH)
    await azure.base.delete("acme/Shop/shop")
    await azure_task.run("publish:azure", PUBLISH)
    assert set(await azure.base.tree("acme/Shop/shop", "main")) == {"s.txt"}


async def test_a_repository_of_somebody_else_is_not_taken(azure: Azure, azure_task: Task) -> None:
    await azure.add("acme", "Shop", "shop")
    for _ in range(2):
        with pytest.raises(ConflictError, match=r"TF400948: .* already exists\. Choose another name"):
            await azure_task.run("publish:azure", PUBLISH)


async def test_a_repository_that_is_deleted_between_two_runs_is_named(azure: Azure, azure_task: Task) -> None:
    azure.base.faults.refuse("POST", PUSH)
    with pytest.raises(BackstageError):
        await azure_task.run("publish:azure", PUBLISH)
    await azure.base.delete("acme/Shop/shop")
    with pytest.raises(NotFoundError, match=r"[Nn]ot found"):
        await azure_task.run("publish:azure", PUBLISH)


@pytest.mark.parametrize(
    ("token", "kind", "said"),
    [
        ("expired", AuthenticationError, r"lacks the scope 'Code \(read, write and manage\)': renew it in the integ"),
        ("weak", NotAllowedError, r"TF401027.* lacks the scope 'Code \(read, write and manage\)', or its owner the r"),
    ],
)
async def test_a_token_that_may_not_is_named(
    azure_task: Task, token: str, kind: type[BackstageError], said: str
) -> None:
    with pytest.raises(kind, match=said):
        await azure_task.run("publish:azure", {**PUBLISH, "token": token})


async def test_without_a_token_nothing_is_tried(azure: Azure, azure_task: Task) -> None:
    azure_task.services = Services(integrations=ScmRegistry(), config={})
    with pytest.raises(InputError, match=r"No credentials provided https://dev\.azure\.com/acme, please check your"):
        await azure_task.run("publish:azure", PUBLISH)
    assert azure.base.asked == []


async def test_a_service_principal_publishes_with_its_bearer_token(
    azure: Azure, azure_task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def issue(_: web.BaseRequest) -> web.StreamResponse:
        return web.json_response({"access_token": azure.base.token, "expires_in": 3599})

    credential = {"tenantId": "tenant", "clientId": "client", "clientSecret": "secret", "organizations": ["acme"]}
    options = {"baseUrl": azure.base.url, "credentials": [credential]}
    host = ScmIntegration("azure", "dev.azure.com", "", None, None, None, options)
    azure_task.services = Services(integrations=ScmRegistry([host]), config={})
    async with web_host.serve() as login:
        monkeypatch.setenv("AZURE_AUTHORITY_HOST", login.url)
        login.answers["/tenant/oauth2/v2.0/token"] = issue
        await azure_task.run("publish:azure", PUBLISH)
        assert len(login.requests) == 1
    assert {one.headers["authorization"] for one in azure.base.asked} == {f"Bearer {azure.base.token}"}
    assert set(await azure.base.tree("acme/Shop/shop", "main")) == {"s.txt"}


async def test_a_limit_of_the_rate_is_waited_for_and_bounded() -> None:
    answers = iter([(429, {"Retry-After": "15"}), (200, {}), (429, {"Retry-After": "90"})])

    async def limited(_: web.BaseRequest) -> web.StreamResponse:
        status, headers = next(answers)
        return web.json_response({"message": "TF400733: The request has been canceled"}, status=status, headers=headers)

    said: list[str] = []

    async def sleep(_seconds: float) -> None: ...

    async with web_host.serve() as host:
        host.answers["/acme/x"] = limited
        entry = ScmIntegration("azure", "dev.azure.com", "", None, None, None, {"baseUrl": host.url})
        patience = Patience(60, said.append, sleep)
        async with api_of_azure.api(entry, "acme", "t", patience, is_own=False, scope="s") as api:
            await api.call("GET", "/x")
            with pytest.raises(ServiceUnavailableError, match=r"Azure DevOps may be asked again in 90 s; scaffolder\."):
                await api.call("GET", "/x")
    assert said == [f"Azure DevOps limits the rate of requests; going on in {left} s" for left in (15, 5)]


async def test_it_keeps_what_a_forge_promises(azure: Azure, azure_task: Task) -> None:
    entry = ScmIntegration("azure", "dev.azure.com", "", None, None, None, {"baseUrl": azure.base.url})
    git = api_of_azure.git_credentials("t")
    hook = Webhook(url="https://ci.test/x", events=("git.push",))
    async with api_of_azure.api(entry, "acme", "t", Patience(), is_own=False, scope="s") as api:
        place = Repository(api, "dev.azure.com", "acme", "Shop", "shop", git)
        assert (place.label, place.git_credentials.username) == ("acme/Shop/shop", "notempty")
        assert await place.find("task-1") is None
        await place.create(NewRepository(), "task-1")
        await place.settle(NewRepository())
        with pytest.raises(ConflictError):
            await place.find("task-1")
        await azure.base.commit("acme/Shop/shop", "main", {"a": "a"})
        head = await azure.base.commit("acme/Shop/shop", "feature", {"x": "x"})
        request = Request(branch="feature", target="main", title="Add x", commit=head)
        assert await place.find_request(request) is None
        opened = await place.open_request(request)
        assert (await place.find_request(request))["pullRequestId"] == opened["pullRequestId"]
        assert await place.find_request(Request(branch="feature", target="main", title="", commit="0" * 40)) is None
        for _ in range(2):
            await place.protect("main", {"fa4e907d-c16b-4a4c-9dfa-4906e5d171dd": {"minimumApproverCount": 2}})
        assert len(azure.known("policies")) == 1
        assert await place.find_webhook(hook) is None
        made = await place.add_webhook(hook)
        assert (await place.find_webhook(hook))["id"] == made["id"]
