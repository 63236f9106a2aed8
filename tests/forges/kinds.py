"""The kinds of hosts whose modules were recorded: where each is served, its cases, how its module is set up."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.forges import (
    azure_cases,
    azure_host,
    bitbucket_cloud_cases,
    bitbucket_cloud_host,
    bitbucket_server_cases,
    bitbucket_server_host,
    gerrit_cases,
    gerrit_host,
    gitea_cases,
    gitea_host,
    github_cases,
    github_host,
    gitlab_cases,
    gitlab_host,
    gitlab_world,
)
from tests.forges.differences import Case


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A module of Backstage and the stand-in that it is driven at.

    Attributes:
        name: of its tables; one of ``differences.HOSTS``.
        module: on npm.
        serve: the stand-in, from its folder; what it gives has the ``StandIn`` in ``base``.
        integrations: of an app-config, from the stand-in's URL and token.
        cases: besides the examples of the module.
        scene: what is there before each case, and the workspace.
        hosts: public hosts in whose place the stand-in is for the module.
        placeholder: what a token of an example has in it that is none, as an expression has a space.
        without_examples: actions whose examples are not theirs, or have placeholders that no host takes.
        comparable: takes out of requests what differs from run to run, and what is each client's own affair.
        plain: the same for outputs.
    """

    name: str
    module: str
    serve: Callable[..., AbstractAsyncContextManager[Any]]
    integrations: Callable[[str, str], Any]
    cases: Sequence[Case]
    scene: Callable[[Any, Path], Awaitable[None]]
    hosts: Sequence[str] = ()
    placeholder: str = " "
    without_examples: frozenset[str] = frozenset()
    comparable: Callable[[list[Any]], list[Any]] = list
    plain: Callable[[Any], Any] = dict


def _gitlab(url: str, token: str) -> Any:
    host = {"host": "gitlab.com", "apiBaseUrl": f"{url}{gitlab_world.PREFIX}", "baseUrl": url, "token": token}
    return {"gitlab": [host]}


def _bitbucket_cloud(_url: str, token: str) -> Any:
    return {"bitbucketCloud": [{"username": "ada", "token": token}]}


KINDS = (
    Kind(
        name="github",
        module="@backstage/plugin-scaffolder-backend-module-github",
        serve=github_host.serve,
        integrations=github_cases.integrations,
        cases=github_cases.CASES,
        scene=github_cases.scene,
        comparable=github_cases.comparable,
        plain=github_cases.plain,
    ),
    Kind(
        name="gitlab",
        module="@backstage/plugin-scaffolder-backend-module-gitlab",
        serve=gitlab_host.serve,
        integrations=_gitlab,
        cases=gitlab_cases.CASES,
        scene=gitlab_cases.scene,
        without_examples=frozenset({"gitlab:group:migrate"}),  # has those of another action
    ),
    Kind(
        name="gitea",
        module="@backstage/plugin-scaffolder-backend-module-gitea",
        serve=gitea_host.serve,
        integrations=gitea_cases.integrations,
        cases=gitea_cases.CASES,
        scene=gitea_cases.scene,
    ),
    Kind(
        name="gerrit",
        module="@backstage/plugin-scaffolder-backend-module-gerrit",
        serve=gerrit_host.serve,
        integrations=gerrit_cases.integrations,
        cases=gerrit_cases.CASES,
        scene=gerrit_cases.scene,
    ),
    Kind(
        name="bitbucket-cloud",
        module="@backstage/plugin-scaffolder-backend-module-bitbucket-cloud",
        serve=bitbucket_cloud_host.serve,
        integrations=_bitbucket_cloud,
        cases=bitbucket_cloud_cases.CASES,
        scene=bitbucket_cloud_cases.scene,
        hosts=("bitbucket.org", "api.bitbucket.org"),
        placeholder="-",
    ),
    Kind(
        name="bitbucket-server",
        module="@backstage/plugin-scaffolder-backend-module-bitbucket-server",
        serve=bitbucket_server_host.serve,
        integrations=lambda url, token: {"bitbucketServer": bitbucket_server_cases.integrations(url, token)},
        cases=bitbucket_server_cases.CASES,
        scene=bitbucket_server_cases.scene,
        hosts=bitbucket_server_cases.HOSTS,
        placeholder="-",
    ),
    Kind(
        name="azure",
        module="@backstage/plugin-scaffolder-backend-module-azure",
        serve=azure_host.serve,
        integrations=azure_cases.integrations,
        cases=azure_cases.PUBLISH,
        scene=azure_cases.scene,
        hosts=azure_cases.HOSTS,
        placeholder="-",
    ),
    Kind(
        name="azure-devops",
        module="@backstage-community/plugin-scaffolder-backend-module-azure-devops",
        serve=azure_host.serve,
        integrations=azure_cases.integrations,
        cases=azure_cases.DEVOPS,
        scene=azure_cases.scene,
        hosts=azure_cases.HOSTS,
        without_examples=frozenset(  # their numbers of pipelines are words, or they are those of another action
            {"azure:pipeline:create", "azure:pipeline:permit", "azure:pipeline:run"}
        ),
    ),
)
