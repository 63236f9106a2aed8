import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from backstage_py.errors import (
    AuthenticationError,
    ConflictError,
    ForeignError,
    InputError,
    NotAllowedError,
    NotFoundError,
    SettingsError,
)
from tests.actions.harness import Task
from tests.integrations.web_host import WebHost, serve

RESOURCES = {
    "appName": "shop",
    "argoInstance": "dev",
    "namespace": "shop-ns",
    "repoUrl": "https://github.com/acme/shop",
    "path": "deploy",
}
APP = {**RESOURCES, "projectName": "default", "appNamespace": "shop-ns"}


class ArgoCd:
    """Argo CD's API as far as the actions call it: what is equal is accepted again, what differs is refused."""

    def __init__(self, host: WebHost) -> None:
        self.host = host
        self.made: dict[str, dict[str, Any]] = {"projects": {}, "applications": {}}
        self.order: list[str] = []
        host.answers["/argo/api/v1/session"] = self.session
        host.answers["/argo/api/v1/projects"] = self.project
        host.answers["/argo/api/v1/applications"] = self.application

    def instance(self, **more: str) -> dict[str, Any]:
        return {"name": "dev", "url": f"{self.host.url}/argo", **more}

    async def session(self, request: web.BaseRequest) -> web.StreamResponse:
        if await request.json() != {"username": "admin", "password": "pw"}:
            return web.json_response({"message": "Invalid username or password"}, status=401)
        return web.json_response({"token": "session"})

    async def project(self, request: web.BaseRequest) -> web.StreamResponse:
        return await self._made("projects", "project", request, (await request.json())["project"])

    async def application(self, request: web.BaseRequest) -> web.StreamResponse:
        return await self._made("applications", "application", request, await request.json())

    async def _made(self, kinds: str, kind: str, request: web.BaseRequest, body: Any) -> web.StreamResponse:
        if request.headers.get("Authorization") not in {"Bearer t", "Bearer session"}:
            return web.json_response({"message": "permission denied", "code": 7}, status=403)
        name = body["metadata"]["name"]
        if self.made[kinds].setdefault(name, body) != body:
            words = f"existing {kind} spec is different; use upsert flag to force update"
            return web.json_response({"message": words, "code": 3}, status=400)
        self.order.append(kind)
        return web.json_response(body)


@pytest.fixture
async def argo(task: Task) -> AsyncIterator[ArgoCd]:
    async with serve() as host:
        running = ArgoCd(host)
        task.configured(**configured(running.instance(token="t")))
        yield running


def configured(instance: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"argocd": {"appLocatorMethods": [{"type": "config", "instances": [instance]}], **more}}


async def test_a_project_and_the_application_in_it_are_created(task: Task, argo: ArgoCd) -> None:
    allowed = [{"group": "", "kind": "Namespace"}]
    settings = {"clusterResourceWhitelist": allowed}
    task.configured(**configured(argo.instance(token="t"), projectSettings=settings))
    await task.run("argocd:create-resources", RESOURCES)
    assert argo.order == ["project", "application"]
    assert argo.made["projects"]["shop"] == {
        "metadata": {"name": "shop", "finalizers": ["resources-finalizer.argocd.argoproj.io"]},
        "spec": {
            "destinations": [{"name": "local", "namespace": "shop-ns", "server": "https://kubernetes.default.svc"}],
            "clusterResourceWhitelist": allowed,
            "sourceRepos": ["https://github.com/acme/shop"],
        },
    }
    application = argo.made["applications"]["shop"]
    assert application["metadata"]["labels"] == {"backstage-name": "shop"}
    spec = application["spec"]
    assert spec["project"] == "shop"
    assert spec["source"] == {"path": "deploy", "repoURL": "https://github.com/acme/shop"}
    assert spec["destination"] == {"namespace": "shop-ns", "server": "https://kubernetes.default.svc"}
    assert spec["syncPolicy"]["automated"] == {"allowEmpty": True, "prune": True, "selfHeal": True}


CREATE = {
    "name": "shop",
    "argoInstance": "dev",
    "repoUrl": "https://github.com/acme/shop",
    "path": "deploy",
    "destinationNamespace": "shop-ns",
}


async def test_an_application_is_made_by_the_api_with_its_project_and_sync_policy(task: Task, argo: ArgoCd) -> None:
    given = {
        **CREATE,
        "project": "team",
        "createProject": True,
        "syncPolicy": {"syncOptions": ["CreateNamespace=true"]},
    }
    assert (await task.run("argocd:application:create", given, dry_run=True)).outputs["manifest"]
    assert argo.order == []
    await task.run("argocd:application:create", given)
    assert argo.order == ["project", "application"]
    spec = argo.made["applications"]["shop"]["spec"]
    assert (spec["project"], spec["syncPolicy"]) == ("team", {"syncOptions": ["CreateNamespace=true"]})
    assert argo.made["projects"]["team"]["spec"]["sourceRepos"] == ["https://github.com/acme/shop"]
    await task.run("argocd:application:create", given)
    with pytest.raises(ConflictError, match="has another application of this name"):
        await task.run("argocd:application:create", {**given, "path": "other"})
    assert list(argo.made["projects"]) == ["team"]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"chart": "web"}, "Give 'path', a folder of the repository, or 'chart'"),
        ({"destinationServer": "https://a", "destinationName": "a"}, "not both"),
        ({"createProject": True}, "'createProject' needs 'project'"),
        ({"update": True}, "'update' goes through a cluster"),
    ],
)
async def test_an_application_that_cannot_be_is_refused(task: Task, more: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        await task.run("argocd:application:create", CREATE | more)


async def test_names_of_project_and_label_can_be_given(task: Task, argo: ArgoCd) -> None:
    await task.run("argocd:create-resources", {**RESOURCES, "projectName": "team", "labelValue": "the-shop"})
    assert list(argo.made["projects"]) == ["team"]
    application = argo.made["applications"]["shop"]
    assert (application["spec"]["project"], application["metadata"]["labels"]["backstage-name"]) == ("team", "the-shop")


@pytest.mark.parametrize("action", ["argocd:create-app", "cnoe:create-argocd-app"])
async def test_an_application_alone_goes_into_a_project_that_is_there(task: Task, argo: ArgoCd, action: str) -> None:
    await task.run(action, APP)
    assert argo.order == ["application"]
    assert argo.made["applications"]["shop"]["spec"]["project"] == "default"


async def test_an_application_needs_a_namespace(task: Task, argo: ArgoCd) -> None:
    given = {key: value for key, value in RESOURCES.items() if key != "namespace"}
    with pytest.raises(InputError, match="Give appNamespace"):
        await task.run("argocd:create-app", given)
    assert argo.order == []


async def test_what_is_there_already_is_accepted_when_equal_and_refused_when_not(task: Task, argo: ArgoCd) -> None:
    for _ in range(2):
        await task.run("argocd:create-resources", RESOURCES)
    with pytest.raises(ConflictError, match="Argo CD 'dev' has another project of this name"):
        await task.run("argocd:create-resources", {**RESOURCES, "repoUrl": "https://github.com/acme/other"})
    with pytest.raises(ConflictError, match="has another application of this name"):
        await task.run("argocd:create-resources", {**RESOURCES, "path": "other"})


async def test_a_name_and_password_of_the_instance_or_of_all_open_a_session(task: Task, argo: ArgoCd) -> None:
    task.configured(**configured(argo.instance(username="admin", password="pw")))
    await task.run("argocd:create-app", APP)
    task.configured(**configured(argo.instance(), username="admin", password="pw"))
    await task.run("argocd:create-app", APP)
    assert argo.order == ["application"] * 2
    sent = [json.loads(await request.read()) for request in argo.host.requests if request.path.endswith("session")]
    assert sent == [{"username": "admin", "password": "pw"}] * 2


async def test_what_argo_cd_refuses_is_said_in_its_words(task: Task, argo: ArgoCd) -> None:
    task.configured(**configured(argo.instance(token="wrong")))
    with pytest.raises(NotAllowedError, match="Argo CD 'dev' refused the project: permission denied"):
        await task.run("argocd:create-resources", RESOURCES)
    task.configured(**configured(argo.instance(username="admin", password="wrong")))
    with pytest.raises(AuthenticationError, match="refused the session: Invalid username or password"):
        await task.run("argocd:create-resources", RESOURCES)
    task.configured(**configured(argo.instance(token="t")))
    argo.host.text("/argo/api/v1/applications", "<html>bad gateway</html>", status=502)
    with pytest.raises(ForeignError, match="refused the application: 502 Bad Gateway"):
        await task.run("argocd:create-app", APP)


async def test_an_instance_that_is_not_configured_rightly_is_named(task: Task) -> None:
    task.configured(**configured({"name": "prod", "url": "https://argo"}))
    with pytest.raises(NotFoundError, match=r"Unable to find Argo instance named 'dev' in .*; it has: prod"):
        await task.run("argocd:create-app", APP)
    with pytest.raises(SettingsError, match="the instance 'prod' needs a 'token', or 'username' and 'password'"):
        await task.run("argocd:create-app", {**APP, "argoInstance": "prod"})
    task.configured(**configured({"name": "dev", "url": "argo"}))
    with pytest.raises(SettingsError, match="the instance 'dev' needs a 'url'"):
        await task.run("argocd:create-app", APP)
