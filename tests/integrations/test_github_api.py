import asyncio
import base64
import json
import re
import time
from typing import Any

import pytest
from aiohttp import web
from nacl.public import PrivateKey, SealedBox

from backstage_py.errors import (
    AuthenticationError,
    BackstageError,
    ConflictError,
    ForeignError,
    InputError,
    NotAllowedError,
    NotFoundError,
    ServiceUnavailableError,
    SettingsError,
)
from backstage_py.integrations import github
from backstage_py.integrations.github import GithubApi
from backstage_py.integrations.patience import Patience
from tests.integrations.web_host import WebHost


async def test_requests_carry_token_and_body(web_host: WebHost) -> None:
    web_host.text("/api/user/repos", json.dumps({"id": 1}), status=201, Content_Type="application/json")
    async with GithubApi(f"{web_host.url}/api", "tok") as api:
        assert await api.call("POST", "/user/repos", {"name": "r"}) == {"id": 1}
    assert web_host.requests[0].headers["Authorization"] in {"token tok", "Bearer tok"}


@pytest.mark.parametrize(
    ("status", "kind", "advice"),
    [
        (401, AuthenticationError, r"\. The token is wrong, expired or revoked: renew it .*"),
        (403, NotAllowedError, ""),
        (404, NotFoundError, r"\. It does not exist, or the token may not see it: .*"),
        (409, ConflictError, ""),
        (422, InputError, ""),
        (500, ForeignError, ""),
    ],
)
async def test_a_refusal_is_told_in_githubs_words(
    web_host: WebHost, status: int, kind: type[Exception], advice: str
) -> None:
    said: dict[str, Any] = {
        "message": "Repository creation failed.",
        "errors": [{"resource": "Repository", "code": "custom"}],
        "documentation_url": "https://docs.github.com/rest",
    }
    web_host.text("/x", json.dumps(said), status=status, Content_Type="application/json")
    async with GithubApi(web_host.url, "tok") as api:
        with pytest.raises(kind) as raised:
            await api.call("GET", "/x")
    words = 'Repository creation failed.: {"resource":"Repository","code":"custom"} - https://docs.github.com/rest'
    assert re.fullmatch(re.escape(words) + advice, str(raised.value))
    assert type(raised.value) is kind


@pytest.mark.parametrize(
    ("status", "headers", "said", "advice"),
    [
        (
            403,
            {"X-GitHub-SSO": "required; url=https://github.com/orgs/o/sso?a=1"},
            "Resource protected",
            "authorize the",
        ),
        (
            404,
            {"X-OAuth-Scopes": "gist, repo", "X-Accepted-OAuth-Scopes": "admin:org"},
            "Not Found",
            "scope 'admin:org'",
        ),
        (404, {"X-OAuth-Scopes": "", "X-Accepted-OAuth-Scopes": "public_repo, repo"}, "Not Found", "it has none"),
        (404, {"X-OAuth-Scopes": "repo", "X-Accepted-OAuth-Scopes": "public_repo"}, "Not Found", "may not see it"),
        (
            403,
            {"X-Accepted-GitHub-Permissions": "secrets=write"},
            "Resource not accessible",
            "permission secrets=write",
        ),
        (403, {}, "Resource not accessible by integration", "Give the GitHub App this permission"),
        (403, {}, "Repository was archived so is read-only.", "unarchived"),
        (422, {}, "name already exists on this account", "Choose another name"),
        (409, {}, "Already exists - Variable already exists", "Choose another name"),
        (409, {}, "Git Repository is empty.", "github:repo:push"),
        (422, {}, "Cannot update this protected branch", "publish:github:pull-request"),
        (422, {}, "Reference already exists", "Choose another branchName"),
        (
            403,
            {},
            "Upgrade to GitHub Pro or make this repository public to enable this feature.",
            "The plan of the owner",
        ),
    ],
)
async def test_a_refusal_says_what_to_do(
    web_host: WebHost, status: int, headers: dict[str, str], said: str, advice: str
) -> None:
    async def refuse(_: web.BaseRequest) -> web.StreamResponse:
        return web.json_response({"message": said}, status=status, headers=headers)

    web_host.answers["/x"] = refuse
    async with GithubApi(web_host.url, "tok") as api:
        with pytest.raises(BackstageError) as raised:
            await api.call("GET", "/x")
    assert raised.value.message.startswith(f"{said}. ")
    assert advice in raised.value.message


async def test_waiting_is_said_every_ten_seconds_and_bounded(web_host: WebHost) -> None:
    answers = iter([(429, {"Retry-After": "25"}), (403, {}), (403, {"Retry-After": "40"})])

    async def limited(_: web.BaseRequest) -> web.StreamResponse:
        status, headers = next(answers)
        return web.json_response(
            {"message": "You have exceeded a secondary rate limit"}, status=status, headers=headers
        )

    web_host.answers["/x"] = limited
    said: list[str] = []
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    config = {"scaffolder": {"rateLimitWait": {"seconds": 100}}}
    async with GithubApi(web_host.url, "tok", Patience.of_step(config, said.append, sleep)) as api:
        with pytest.raises(
            ServiceUnavailableError, match=r"may be asked again in 40 s; scaffolder\.rateLimitWait says"
        ):
            await api.call("GET", "/x")
    left = [25, 15, 5, 60, 50, 40, 30, 20, 10]
    assert said == [f"GitHub limits the rate of requests; going on in {seconds} s" for seconds in left]
    assert sum(slept) == 85


async def test_the_hourly_limit_is_waited_for_until_it_begins_anew(web_host: WebHost) -> None:
    """The primary limit: nothing is left, and the hour ends at a moment that GitHub names."""
    answers = iter([403, 200])

    async def limited(_: web.BaseRequest) -> web.StreamResponse:
        ends = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 3_600)}
        return web.json_response({"message": "API rate limit exceeded"}, status=next(answers), headers=ends)

    web_host.answers["/x"] = limited
    said: list[str] = []
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async with GithubApi(web_host.url, "tok", Patience(4_000, said.append, sleep)) as api:
        await api.call("GET", "/x")
    assert 3_590 <= sum(slept) <= 3_610
    assert len(said) == len(slept)


def test_a_bound_that_is_no_duration_is_named() -> None:
    with pytest.raises(SettingsError, match=r"scaffolder\.rateLimitWait"):
        Patience.of_step({"scaffolder": {"rateLimitWait": "soon"}}, print, asyncio.sleep)


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
