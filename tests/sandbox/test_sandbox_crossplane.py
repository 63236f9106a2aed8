"""A request for a database becomes a commit."""

import asyncio
from pathlib import Path

import aiohttp
import pytest
import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount
from starlette.types import Message

from backstage_py.errors import AuthenticationError, BackstageError
from backstage_py.model import json
from backstage_py.model.json import Json
from backstage_py.sandbox.crossplane import answer_error, crossplane_routes
from backstage_py.sandbox.server import Sandbox
from tests.sandbox.harness import Answer, Client, clone, with_token


async def _ask(client: Client, body: object, token: str | None = None) -> Answer:
    return await client.send("POST", f"{client.sandbox.url}/api/crossplane/postgres", body, token=token)


async def test_the_answer_is_what_was_committed(client: Client, tmp_path: Path) -> None:
    answer = await _ask(client, {"serviceName": "checkout", "team": "payments"})
    assert answer.status == 201
    body = answer.json
    assert body["status"] == "committed"
    assert body["repository"] == "platform/database-requests"
    copy = await clone(body["cloneUrl"], tmp_path / "copy")
    assert await copy.git("rev-parse", "HEAD") == body["commit"]
    committed = yaml.safe_load((copy.path / body["path"]).read_text())
    assert committed == body["manifest"]
    assert committed["metadata"]["name"] == "checkout"
    assert committed["metadata"]["namespace"] == "payments"
    assert b"PostgresInstance" in (await client.send("GET", body["url"])).raw


async def test_the_same_request_makes_no_second_commit(client: Client) -> None:
    first = await _ask(client, {"serviceName": "checkout", "team": "payments"})
    await _ask(client, {"serviceName": "other", "team": "payments"})
    again = await _ask(client, {"serviceName": "checkout", "team": "payments"})
    assert (again.status, again.json["status"]) == (200, "unchanged")
    assert again.json["commit"] == first.json["commit"]
    commits = (await client.send("GET", "/repos/platform/database-requests/commits")).json
    assert len(commits) == 2


async def test_requests_at_once_beside_a_push_are_all_kept(client: Client, tmp_path: Path) -> None:
    first = await _ask(client, {"serviceName": "s0", "team": "search"})
    copy = await clone(first.json["cloneUrl"], tmp_path / "copy")
    await copy.commit({"README.md": "by hand"})
    push = copy.try_git("push", with_token(first.json["cloneUrl"], client.sandbox.token), "main")
    asked = [_ask(client, {"serviceName": f"s{number}", "team": "search"}) for number in range(12)]
    _, *answers = await asyncio.gather(push, *asked)
    assert {answer.status for answer in answers if isinstance(answer, Answer)} <= {200, 201}
    after = await clone(first.json["cloneUrl"], tmp_path / "after")
    assert len(list((after.path / "databases/search").iterdir())) == 12


@pytest.mark.thorough(sample=11)
@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "not JSON"),
        ([], "must be a JSON object"),
        ({"serviceName": "checkout"}, "'team' must be"),
        ({"serviceName": "../x", "team": "payments"}, "'serviceName' must be"),
        ({"serviceName": "checkout-", "team": "payments"}, "'serviceName' must be"),
        ({"serviceName": "a" * 64, "team": "payments"}, "1 to 63"),
        ({"serviceName": ["x"], "team": "payments"}, "'serviceName' must be"),
        ({"serviceName": "x", "team": "y", "size": "large"}, "Unknown key 'size'"),
    ],
)
async def test_a_wrong_request_changes_nothing_and_says_why(client: Client, body: object, says: str) -> None:
    answer = await _ask(client, body)
    assert answer.status == 400
    assert answer.json["error"]["name"] == "InputError"
    assert says in answer.json["error"]["message"]
    assert answer.json["response"] == {"statusCode": 400}
    assert (await client.send("GET", "/repos/platform/database-requests")).status == 404


async def test_nobody_may_ask_without_a_token(client: Client) -> None:
    answer = await _ask(client, {"serviceName": "checkout", "team": "payments"}, token="")
    assert (answer.status, answer.json["error"]["name"]) == (401, "AuthenticationError")


async def _post(app: Starlette, path: str, body: Json, token: str) -> tuple[int, Json]:
    """Send one request to an application that no server serves."""
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": [(b"authorization", f"Bearer {token}".encode())],
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": json.dumps(body), "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]["status"], json.parse(b"".join(message.get("body", b"") for message in sent))


async def test_the_routes_serve_another_application_with_its_own_users(sandbox: Sandbox) -> None:
    async def guard(request: Request) -> str:
        if request.headers.get("authorization") != "Bearer backstage":
            raise AuthenticationError("Missing credentials")
        return "user:development/guest"

    routes = crossplane_routes(sandbox.store, guard=guard, base_url=sandbox.url)
    app = Starlette(routes=[Mount("/api/crossplane", routes=routes)], exception_handlers={BackstageError: answer_error})
    wish = {"serviceName": "checkout", "team": "payments"}

    async def ask(token: str) -> tuple[int, Json]:
        return await _post(app, "/api/crossplane/postgres", wish, token)

    assert (await ask("other"))[0] == 401
    status, body = await ask("backstage")
    assert status == 201
    commit = body["commit"]
    async with aiohttp.ClientSession() as session:
        client = Client(sandbox, session)
        shown = (await client.send("GET", f"/repos/platform/database-requests/commits/{commit}")).json
    assert shown["commit"]["author"]["name"] == "user:development/guest"
