import base64
import json
from typing import Any

import pytest
from aiohttp import web
from nacl.public import PrivateKey, SealedBox

from backstage_py.errors import (
    AuthenticationError,
    ConflictError,
    ForeignError,
    InputError,
    NotAllowedError,
    NotFoundError,
    ServiceUnavailableError,
)
from backstage_py.integrations import github
from backstage_py.integrations.github import GithubApi
from tests.integrations.web_host import WebHost


async def test_requests_carry_token_and_body(web_host: WebHost) -> None:
    web_host.text("/api/user/repos", json.dumps({"id": 1}), status=201, Content_Type="application/json")
    async with GithubApi(f"{web_host.url}/api", "tok") as api:
        assert await api.call("POST", "/user/repos", {"name": "r"}) == {"id": 1}
    assert web_host.requests[0].headers["Authorization"] in {"token tok", "Bearer tok"}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, AuthenticationError),
        (403, NotAllowedError),
        (404, NotFoundError),
        (409, ConflictError),
        (422, InputError),
        (500, ForeignError),
    ],
)
async def test_a_refusal_is_told_in_githubs_words(web_host: WebHost, status: int, kind: type[Exception]) -> None:
    said: dict[str, Any] = {
        "message": "Repository creation failed.",
        "errors": [{"resource": "Repository", "code": "custom"}],
        "documentation_url": "https://docs.github.com/rest",
    }
    web_host.text("/x", json.dumps(said), status=status, Content_Type="application/json")
    async with GithubApi(web_host.url, "tok") as api:
        with pytest.raises(kind) as raised:
            await api.call("GET", "/x")
    assert str(raised.value) == (
        'Repository creation failed.: {"resource":"Repository","code":"custom"} - https://docs.github.com/rest'
    )
    assert type(raised.value) is kind


async def test_a_secondary_limit_is_waited_for(web_host: WebHost) -> None:
    answers = iter([403, 200])

    async def limited(_: web.BaseRequest) -> web.StreamResponse:
        said = {"message": "You have exceeded a secondary rate limit."}
        return web.json_response(said, status=next(answers), headers={"Retry-After": "0"})

    web_host.answers["/x"] = limited
    async with GithubApi(web_host.url, "tok") as api:
        await api.call("GET", "/x")
    assert len(web_host.requests) == 2


async def test_a_long_limit_is_told(web_host: WebHost) -> None:
    web_host.text("/x", '{"message": "slow down"}', status=429, Retry_After="3600", Content_Type="application/json")
    async with GithubApi(web_host.url, "tok") as api:
        with pytest.raises(ServiceUnavailableError, match=r"slow down \(rate limit exceeded\)"):
            await api.call("GET", "/x")
    assert len(web_host.requests) == 1


async def test_a_host_that_is_not_there_is_told() -> None:
    async with GithubApi("http://127.0.0.1:9", "tok") as api:
        with pytest.raises(ServiceUnavailableError, match="GitHub does not answer"):
            await api.call("GET", "/x")


def test_names_in_paths_are_one_segment() -> None:
    assert github.path("/repos/{owner}/{repo}", owner="a/b", repo="..c") == "/repos/a%2Fb/..c"


@pytest.mark.parametrize("name", ["", ".", "..", "../c", "%2e%2e", ".%2E", "a/../../b", "..\\c", ".\t.", "%252e%252e"])
def test_names_that_lead_elsewhere_are_refused(name: str) -> None:
    with pytest.raises(InputError):
        github.path("/repos/{owner}/{repo}", owner="acme", repo=name)


def test_secrets_are_sealed_for_the_repository_only() -> None:
    key = PrivateKey.generate()
    sealed = github.seal(base64.b64encode(bytes(key.public_key)).decode(), "hällo")
    assert SealedBox(key).decrypt(base64.b64decode(sealed)) == "hällo".encode()
    assert "my-token" not in repr(GithubApi("http://x", "my-token"))
