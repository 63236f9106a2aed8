"""The JSON API of hosts that have no client of their own, and what all hosts promise."""

import pytest
from aiohttp import web

from backstage_py.errors import BackstageError, ConflictError, ForeignError, InputError, ServiceUnavailableError
from backstage_py.integrations.forges import forge
from backstage_py.integrations.forges.rest import RestApi
from backstage_py.integrations.patience import Patience
from tests.integrations import web_host


async def test_a_host_without_a_client_is_asked_with_json() -> None:
    async with web_host.serve() as host:
        host.text("/api/v1/repos", '{"id": 1}', status=201)
        host.text("/api/v1/none", "", status=204)
        async with RestApi("Gitea", f"{host.url}/api/v1", {"Authorization": "token t"}) as api:
            assert await api.call("POST", "/repos", {"name": "ü"}, query={"q": "a b"}) == {"id": 1}
            assert await api.call("DELETE", "/none") is None
            with pytest.raises(InputError, match=r"'\.\.'"):
                await api.call("GET", "/../admin")
        sent = host.requests[0]
        assert (await sent.read(), sent.query_string) == ('{"name":"ü"}'.encode(), "q=a b")
        assert (sent.headers["Authorization"], sent.headers["Content-Type"]) == ("token t", "application/json")


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (409, '{"message": "name taken"}', ConflictError, "name taken. Choose another"),
        (422, '{"error": {"message": "bad branch"}}', InputError, "bad branch"),
        (500, "<html>", ForeignError, "Gitea answered with status 500"),
        (503, "", ServiceUnavailableError, "Gitea answered with status 503"),
    ],
)
async def test_a_refusal_has_the_hosts_words(status: int, body: str, kind: type[BackstageError], said: str) -> None:
    async with web_host.serve() as host:
        host.text("/x", body, status=status)
        advice = {409: "Choose another"}
        api = RestApi("Gitea", host.url, {}, advice=lambda status, _message, _headers: advice.get(status, ""))
        async with api:
            with pytest.raises(kind) as raised:
                await api.call("PUT", "/x")
    assert raised.value.message == said
    assert raised.value.is_refusal == (status < 500)


async def test_a_limit_of_the_rate_is_waited_for_within_bounds() -> None:
    answers = iter([(429, {"Retry-After": "12"}), (200, {}), (429, {}), (429, {"Retry-After": "99"})])

    async def limited(_: web.BaseRequest) -> web.StreamResponse:
        status, headers = next(answers)
        return web.json_response({"message": "slow down"}, status=status, headers=headers)

    said: list[str] = []
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async with web_host.serve() as host:
        host.answers["/x"] = limited
        async with RestApi("Gitea", host.url, {}, Patience(60, said.append, sleep)) as api:
            assert await api.call("GET", "/x") == {"message": "slow down"}
            with pytest.raises(ServiceUnavailableError, match=r"Gitea may be asked again in 99 s; scaffolder\.rate"):
                await api.call("GET", "/x")
    assert said == [f"Gitea limits the rate of requests; going on in {left} s" for left in (12, 2, 1)]
    assert sum(slept) == 13


async def test_a_host_that_does_not_answer_may_have_done_it(unused_tcp_port: int) -> None:
    async with RestApi("Gitea", f"http://127.0.0.1:{unused_tcp_port}", {}) as api:
        with pytest.raises(ServiceUnavailableError) as raised:
            await api.call("POST", "/x", {})
    assert not raised.value.is_refusal


def test_a_marker_is_a_word_of_its_own() -> None:
    text = forge.provisional("t-1-ab")
    assert forge.has(text, "t-1-ab")
    assert not forge.has(text, "t-1")
    assert not forge.has(None, "t-1")
