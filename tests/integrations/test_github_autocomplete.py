import json
from typing import Any

import pytest
from aiohttp import web

from backstage_py.errors import InputError
from backstage_py.integrations.github_autocomplete import GithubAutocomplete
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.model.scm import ScmIntegration
from tests.integrations.web_host import WebHost

HOST = {"host": "ghe.test"}


def hosts(web_host: WebHost) -> ScmRegistry:
    return ScmRegistry([ScmIntegration("github", "ghe.test", "", web_host.url, None, "configured", {})])


@pytest.mark.parametrize(
    ("resource", "path", "item", "context"),
    [
        ("repositoriesWithOwner", "/user/repos", {"full_name": "a/b"}, {}),
        ("owners", "/user/orgs", {"login": "a/b"}, {}),
        ("branches", "/repos/o/r/branches", {"name": "a/b"}, {"owner": "o", "repository": "r"}),
    ],
)
async def test_github_is_asked_as_the_user(
    web_host: WebHost, resource: str, path: str, item: dict[str, Any], context: dict[str, str]
) -> None:
    web_host.text(path, json.dumps([item]), Content_Type="application/json")
    complete = GithubAutocomplete(hosts(web_host))
    assert await complete(resource=resource, token="mine", context={**HOST, **context}) == [{"id": "a/b"}]
    assert web_host.requests[0].headers["Authorization"].endswith(" mine")


async def test_all_pages_are_read(web_host: WebHost) -> None:
    async def page(request: web.BaseRequest) -> web.StreamResponse:
        count = 100 if request.query["page"] == "1" else 3
        return web.json_response([{"login": f"{request.query['page']}-{n}"} for n in range(count)])

    web_host.answers["/user/orgs"] = page
    assert len(await GithubAutocomplete(hosts(web_host))(resource="owners", token="t", context=HOST)) == 103


async def test_a_wrong_question_is_named(web_host: WebHost) -> None:
    complete = GithubAutocomplete(hosts(web_host))
    for resource, context, said in (
        ("nope", HOST, "Invalid resource: nope"),
        ("branches", HOST, "Missing owner and/or repository"),
        ("owners", {"host": "other.test"}, r"No integration for host other\.test"),
    ):
        with pytest.raises(InputError, match=said):
            await complete(resource=resource, token="t", context=context)
