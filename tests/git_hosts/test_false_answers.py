"""Answers that say less than there is, or never end: nothing that a provider gave is removed by them."""

from collections.abc import Callable
from typing import Any

import pytest

from backstage_py.errors import ForeignError
from backstage_py.integrations import paging
from backstage_py.integrations.github_graphql import GithubGraphql
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.integrations.web.http import HttpClient, listed_hosts
from backstage_py.model.scm import ScmIntegration
from tests.directories import api_host
from tests.directories.api_host import Answer, ApiHost, Asked
from tests.git_hosts import bitbucket_worlds, gitlab_world, smaller_worlds
from tests.git_hosts import told as told_of
from tests.git_hosts.cases import Case, Kind
from tests.git_hosts.kinds import KINDS
from tests.git_hosts.test_discovery import settings

PEOPLE = next(one for one in gitlab_world.KIND.cases if one.is_org)
ON_SAAS = next(one for one in gitlab_world.KIND.cases if one.name == "people of the cloud")
ALL = [*((kind, kind.cases[0]) for kind in KINDS), (gitlab_world.KIND, PEOPLE)]
FALSE: dict[str, Answer] = {
    "an object": (200, {}),
    "a message": (200, {"message": "try again later"}),
    "null": (200, b"null"),
    "a number": (200, b"7"),
    "a page of nothing": (200, {"values": [], "isLastPage": True, "results": [], "count": 0}),
}
Distort = Callable[[Asked, Answer, int], Answer]


async def read_again(kind: Kind, case: Case, distort: Distort) -> tuple[str, list[Asked]]:
    """Read all, and again while answers are distorted; what went wrong then, and what was asked."""
    number = -1

    def world(host: ApiHost, asked: Asked) -> Answer:
        nonlocal number
        answer = kind.world(host, asked)
        number += number >= 0
        return distort(asked, answer, number) if number > 0 else answer

    async with api_host.serve(world) as host, HttpClient(listed_hosts([host.url.partition("//")[2]])) as http:
        provider = kind.make(settings(kind, case), http, ScmRegistry(kind.integration(host.url)))
        connection = await told_of.connected(provider)
        before = dict(connection.entities)
        number, host.asked = 0, []
        with pytest.raises(ForeignError) as caught:
            await provider.read()
        assert connection.entities == before != {}
        return caught.value.message, host.asked


@pytest.mark.parametrize("false", FALSE.values(), ids=list(FALSE))
@pytest.mark.parametrize(("kind", "case"), ALL, ids=[f"{kind.name} {case.name}" for kind, case in ALL])
async def test_an_answer_of_another_shape_removes_nothing(kind: Kind, case: Case, false: Answer) -> None:
    for places in (range(1, 2), range(2, 99), range(1, 99)):

        def distort(_: Asked, answer: Answer, number: int, places: range = places) -> Answer:
            return false if number in places else answer

        await read_again(kind, case, distort)


@pytest.mark.parametrize(("kind", "case"), ALL, ids=[f"{kind.name} {case.name}" for kind, case in ALL])
async def test_a_token_that_is_shown_nothing_any_more_removes_nothing(kind: Kind, case: Case) -> None:
    nothing: Any = {"gitlab": [], "gitea": [], "gerrit": {}}
    page = {"values": [], "isLastPage": True, "results": [], "count": 0}
    said, _ = await read_again(kind, case, lambda *_: (200, nothing.get(kind.name, page)))
    assert "at all, which is what a token that has lost its rights is shown, too" in said


@pytest.mark.parametrize(
    ("kind", "header"), [(gitlab_world.KIND, "x-total"), (smaller_worlds.GITEA, "x-total-count")], ids=lambda one: one
)
async def test_a_list_that_ends_before_all_has_come_removes_nothing(kind: Kind, header: str) -> None:
    def cut(_: Asked, answer: Answer, number: int) -> Answer:
        return answer if number == 1 else (200, [], {header: "5"})

    said, _ = await read_again(kind, kind.cases[0], cut)
    assert "has 5 entries and ended after 2" in said


@pytest.mark.parametrize("next_", ["https://<host>/2.0/x", "http://evil.example/2.0/x", "http://<host>@evil.example/"])
async def test_a_next_page_elsewhere_or_without_tls_gets_no_token(next_: str) -> None:
    def elsewhere(asked: Asked, answer: Answer, _: int) -> Answer:
        return 200, {**answer[1], "next": next_.replace("<host>", asked.headers["host"])}

    said, asked = await read_again(bitbucket_worlds.CLOUD, bitbucket_worlds.CLOUD.cases[0], elsewhere)
    assert "is elsewhere" in said
    assert [one.path.rpartition("/")[2] for one in asked] == ["projects", "code"], "the first page of each"


@pytest.mark.parametrize(
    ("kind", "case", "first"),
    [
        (smaller_worlds.GITEA, smaller_worlds.GITEA.cases[0], {}),
        (smaller_worlds.AZURE, smaller_worlds.AZURE.cases[0], {"count": 99}),
        (gitlab_world.KIND, ON_SAAS, {}),
    ],
    ids=["gitea", "azure", "gitlab's people"],
)
async def test_a_host_that_ignores_the_page_is_not_asked_for_ever(
    kind: Kind, case: Case, first: dict[str, Any]
) -> None:
    known: dict[str, Answer] = {}

    def again(asked: Asked, answer: Answer, _: int) -> Answer:
        told = {**answer[1], **first} if first else answer[1]
        return known.setdefault(asked.path, (answer[0], told, *answer[2:]))

    said, asked = await read_again(kind, case, again)
    assert "the same page again and again" in said
    assert len(asked) < 6


async def test_a_group_of_gitlab_that_is_not_shown_any_more_keeps_the_groups_within() -> None:
    def hidden(asked: Asked, answer: Answer, _: int) -> Answer:
        return (200, {"data": {"group": None}}) if "descendantGroups" in str(asked.body) else answer

    said, _ = await read_again(gitlab_world.KIND, ON_SAAS, hidden)
    assert said == "gitlab.com does not show the group acme"


async def test_a_list_of_github_whose_cursor_stands_still_is_not_asked_for_ever() -> None:
    def turning(_: ApiHost, __: Asked) -> Answer:
        nodes = [{"name": "web"}]
        repositories = {"nodes": nodes, "pageInfo": {"hasNextPage": True, "endCursor": "same"}}
        return 200, {"data": {"repositories": repositories}}

    async with api_host.serve(turning) as host, HttpClient(listed_hosts([host.url.partition("//")[2]])) as http:
        entry = ScmIntegration("github", "github.com", "github.com", host.url, None, "t", {})
        graphql = GithubGraphql(http, ScmRegistry([entry]).credentials, entry, "acme")
        with pytest.raises(ForeignError, match="the same page again and again"):
            async for _ in graphql.pages("query", {}, lambda data: data["repositories"]):
                pass
        assert len(host.asked) == 2


async def test_pages_without_end_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MOST_PAGES", 7)

    def endless(_: Asked, __: Answer, number: int) -> Answer:
        return 200, [{"name": f"r{number}", "html_url": "x"}]

    said, asked = await read_again(smaller_worlds.GITEA, smaller_worlds.GITEA.cases[0], endless)
    assert "more than 7 pages or 512 MiB" in said
    assert len(asked) == 8


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refusal_names_the_credentials_that_were_used(status: int) -> None:
    said, _ = await read_again(smaller_worlds.GITEA, smaller_worlds.GITEA.cases[0], lambda *_: (status, {}))
    assert said.endswith("The credentials in integrations.gitea are missing, expired or lack rights")
