import contextlib

import pytest

from backstage_py.errors import ForeignError, InputError, NotAllowedError
from backstage_py.model.http import BackstageResponse
from tests.actions.harness import Plugins, Task

ACTION = "http:backstage:request"
JSON = {"content-type": "application/json; charset=utf-8"}
OF_TASK = {"backstage-py-task": "task"}


async def test_a_body_is_sent_as_json_and_the_answer_parsed(task: Task, plugins: Plugins) -> None:
    task.secrets = {"backstageToken": "user"}
    plugins.answer = BackstageResponse(201, JSON, b'{"id": 7}')
    body = {"serviceName": "shop", "team": "payments"}
    given = {"method": "POST", "path": "/api/crossplane/postgres", "body": body, "params": {"a": "b c", "n": 1}}
    result = await task.run(ACTION, given)
    assert result.outputs == {"code": 201, "headers": JSON, "body": {"id": 7}}
    assert plugins.requests == [
        {
            "method": "POST",
            "path": "/api/crossplane/postgres?a=b+c&n=1",
            "headers": {"Content-Type": "application/json", **OF_TASK},
            "body": b'{"serviceName":"shop","team":"payments"}',
            "token": "user",
            "timeout": 60.0,
        }
    ]
    assert result.log.messages == [
        f"Creating POST request with {ACTION} scaffolder action against /api/crossplane/postgres",
        "Token is defined. Setting authorization header.",
    ]


async def test_the_template_decides_headers_text_bodies_and_time(task: Task, plugins: Plugins) -> None:
    plugins.answer = BackstageResponse(200, {"content-type": "text/plain"}, b"hi")
    headers = {"content-type": "text/plain", "X-N": 1}
    given = {"method": "PUT", "path": "p/x", "headers": headers, "body": "raw", "timeout": 500, "logRequestPath": False}
    result = await task.run(ACTION, given)
    assert result.outputs["body"] == {"message": "hi"}
    sent = plugins.requests[0]
    assert sent["headers"] == {"content-type": "text/plain", "X-N": "1", **OF_TASK}
    assert (sent["body"], sent["timeout"]) == (b"raw", 0.5)
    assert result.log.messages == [f"Creating PUT request with {ACTION} scaffolder action"]


async def test_a_bad_answer_fails_the_step_unless_told_otherwise(task: Task, plugins: Plugins) -> None:
    plugins.answer = BackstageResponse(500, JSON, b'{"error":"no"}')
    given = {"method": "GET", "path": "/api/p"}
    with pytest.raises(ForeignError, match="Unable to complete request"):
        await task.run(ACTION, given)
    result = await task.run(ACTION, {**given, "continueOnBadResponse": True})
    assert result.outputs["code"] == 500
    assert result.outputs["body"] == {"error": "no"}


def away(seconds: str) -> BackstageResponse:
    return BackstageResponse(503, {**JSON, "retry-after": seconds}, b'{"error":{"name":"ServiceUnavailableError"}}')


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_a_plugin_that_says_when_it_is_back_is_asked_again(task: Task, plugins: Plugins, method: str) -> None:
    plugins.first = [away("0")]
    result = await task.run(ACTION, {"method": method, "path": "/api/p"})
    assert result.outputs["code"] == 200
    assert len(plugins.requests) == 2
    assert plugins.requests[1]["timeout"] < plugins.requests[0]["timeout"] == 60.0
    assert "The plugin is not available at the moment (503); asking again in 1 s" in result.log.messages


@pytest.mark.parametrize(
    "given",
    [
        {"method": "POST"},
        {"method": "PATCH"},
        {"method": "GET", "timeout": 1000},
        {"method": "GET", "continueOnBadResponse": True},
    ],
)
async def test_it_is_not_asked_again_where_that_does_harm_or_takes_too_long(
    task: Task, plugins: Plugins, given: dict[str, str]
) -> None:
    plugins.answer = away("1")
    with contextlib.suppress(ForeignError):
        await task.run(ACTION, {"path": "/api/p", **given})
    assert len(plugins.requests) == 1


async def test_an_answer_is_kept_under_its_key(task: Task, plugins: Plugins) -> None:
    given = {"method": "POST", "path": "/api/p", "idempotencyKey": "once"}
    first = await task.run(ACTION, given)
    assert (await task.run(ACTION, given)).outputs == first.outputs
    assert len(plugins.requests) == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_dry_run_sends_nothing(task: Task, plugins: Plugins, method: str) -> None:
    result = await task.run(ACTION, {"method": method, "path": "/api/p", "params": {"q": "1"}}, dry_run=True)
    assert plugins.requests == []
    assert result.outputs == {}
    assert result.log.messages[-1] == f"Dry run mode. Skipping '{method}' request to /api/p?q=1"


async def test_methods_can_be_restricted(task: Task, plugins: Plugins) -> None:
    task.configured(scaffolder={"http": {"allowedMethods": ["GET"]}})
    with pytest.raises(NotAllowedError, match=r"'DELETE' is not permitted by 'scaffolder\.http\.allowedMethods'"):
        await task.run(ACTION, {"method": "DELETE", "path": "/api/p"})
    await task.run(ACTION, {"method": "GET", "path": "/api/p"})
    assert len(plugins.requests) == 1
    with pytest.raises(InputError):
        await task.run(ACTION, {"method": "TRACE", "path": "/api/p"})
