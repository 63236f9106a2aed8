import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from backstage_py.errors import (
    AuthenticationError,
    ForeignError,
    InputError,
    NotAllowedError,
    NotFoundError,
    ServiceUnavailableError,
)
from backstage_py.model.http import BackstageResponse
from tests.actions.harness import Plugins, Task
from tests.integrations.web_host import WebHost, serve

NOTIFY = "notification:send"
TOKEN = "service token for notifications"
CONVERSATION = "slack:sendMessage:conversation"
WEBHOOKS = [("slack:sendMessage:webhook", "slack"), ("ms-teams:sendMessage", "ms-teams")]


@pytest.fixture
async def host() -> AsyncIterator[WebHost]:
    async with serve() as running:
        yield running


async def bodies(host: WebHost) -> list[tuple[str, Any]]:
    return [(request.path, json.loads(await request.read())) for request in host.requests]


async def test_a_notification_goes_to_the_plugin_of_backstage(task: Task, plugins: Plugins) -> None:
    task.secrets = {"backstageToken": "user"}
    task.services = replace(task.services, own_token=lambda plugin: f"service token for {plugin}")
    given = {"recipients": "entity", "entityRefs": ["group:default/a"], "title": "Ready", "info": "i", "link": "/x"}
    await task.run(NOTIFY, {**given, "severity": "high", "scope": "s", "topic": "t"})
    sent = plugins.requests[0]
    assert (sent["method"], sent["path"], sent["token"]) == ("POST", "/api/notifications", TOKEN)
    assert json.loads(sent["body"]) == {
        "recipients": {"type": "entity", "entityRef": ["group:default/a"]},
        "payload": {"title": "Ready", "description": "i", "link": "/x", "severity": "high", "topic": "t", "scope": "s"},
    }
    await task.run(NOTIFY, {"recipients": "broadcast", "title": "All"})
    assert json.loads(plugins.requests[1]["body"]) == {
        "recipients": {"type": "broadcast"},
        "payload": {"title": "All"},
    }


async def test_a_notification_is_sent_once_when_the_step_runs_again(task: Task, plugins: Plugins) -> None:
    for _ in range(2):
        await task.run(NOTIFY, {"recipients": "broadcast", "title": "Ready"})
    assert len(plugins.requests) == 1


async def test_a_notification_that_fails_ends_the_step_unless_it_is_optional(task: Task, plugins: Plugins) -> None:
    plugins.answer = BackstageResponse(403, {}, b"")
    given = {"recipients": "broadcast", "title": "Ready"}
    with pytest.raises(ForeignError, match="Failed to send notifications: Request failed with status 403"):
        await task.run(NOTIFY, given)
    result = await task.run(NOTIFY, {**given, "optional": True})
    assert result.log.lines[-1][0] == "error"
    with pytest.raises(InputError, match="Entity references must be provided"):
        await task.run(NOTIFY, {"recipients": "entity", "title": "x"})
    await task.run(NOTIFY, {"recipients": "entity", "title": "x", "optional": True})
    assert len(plugins.requests) == 2


@pytest.mark.parametrize(("action", "section"), WEBHOOKS)
async def test_a_configured_webhook_goes_before_the_templates(
    task: Task, host: WebHost, action: str, section: str
) -> None:
    host.text("/hook", "ok")
    task.configured(**{section: {"webhookUrl": f"{host.url}/hook"}})
    result = await task.run(action, {"message": "It is *ready*", "webhookUrl": "https://elsewhere.example/"})
    assert await bodies(host) == [("/hook", {"text": "It is *ready*"})]
    assert host.requests[0].headers["Content-Type"] == "application/json"
    assert result.outputs == {}


@pytest.mark.parametrize(("action", "section"), WEBHOOKS)
async def test_a_templates_webhook_may_not_lead_inside(task: Task, host: WebHost, action: str, section: str) -> None:
    host.text("/hook", "ok")
    with pytest.raises(NotAllowedError, match="private address"):
        await task.run(action, {"message": "m", "webhookUrl": f"{host.url}/hook"})
    assert host.requests == []
    with pytest.raises(InputError, match="Webhook URL is not specified in either the app-config or the action input"):
        await task.run(action, {"message": "m"})


@pytest.mark.parametrize(("action", "section"), WEBHOOKS)
async def test_a_refusing_webhook_fails_the_step_and_stays_secret(
    task: Task, host: WebHost, action: str, section: str
) -> None:
    host.text("/services/T0/B0/secret", "no_team", status=404)
    task.configured(**{section: {"webhookUrl": f"{host.url}/services/T0/B0/secret"}})
    with pytest.raises(ForeignError, match="webhook URL - StatusCode 404") as refused:
        await task.run(action, {"message": "m"})
    task.configured(**{section: {"webhookUrl": "http://127.0.0.1:1/services/T0/B0/secret"}})
    with pytest.raises(ServiceUnavailableError) as silent:
        await task.run(action, {"message": "m"})
    assert "secret" not in str(refused.value) + str(silent.value)


IN_DOUBT = "It is not known whether an earlier run of this step did "


@pytest.mark.parametrize(("action", "section"), WEBHOOKS)
async def test_a_message_is_sent_once_and_in_doubt_once_more(
    task: Task, host: WebHost, action: str, section: str
) -> None:
    answers = iter([502, 200])

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=next(answers))

    host.answers["/hook"] = answer
    task.configured(**{section: {"webhookUrl": f"{host.url}/hook"}})
    with pytest.raises(ForeignError, match="StatusCode 502"):
        await task.run(action, {"message": "m"})
    result = await task.run(action, {"message": "m"})
    [(level, line)] = result.log.lines
    assert (level, line.startswith(IN_DOUBT), line.endswith("doing it again")) == ("warning", True, True)
    assert (await task.run(action, {"message": "m"})).log.lines == []
    assert len(host.requests) == 2


class SlackApi:
    """Slack's API as far as the action calls it; conversations come in pages of one."""

    def __init__(self, host: WebHost) -> None:
        self.calls: list[tuple[str, dict[str, str], str]] = []
        self.error: dict[str, str] = {}
        host.answers["/api/conversations.list"] = self.listed
        host.answers["/api/chat.postMessage"] = self.posted

    async def listed(self, request: web.BaseRequest) -> web.StreamResponse:
        form = await self._note("list", request)
        channels = [{"id": "C1", "name": "general"}, {"id": "C2", "name": "shop"}]
        page = int(form.get("cursor") or 0)
        following = str(page + 1) if page + 1 < len(channels) else ""
        metadata = {"next_cursor": following}
        return web.json_response({"ok": True, "channels": [channels[page]], "response_metadata": metadata})

    async def posted(self, request: web.BaseRequest) -> web.StreamResponse:
        await self._note("post", request)
        return web.json_response({"ok": False, **self.error} if self.error else {"ok": True, "ts": "1"})

    async def _note(self, method: str, request: web.BaseRequest) -> dict[str, str]:
        form = {name: str(value) for name, value in (await request.post()).items()}
        form |= dict(request.query)
        if request.content_type == "application/json":
            form |= await request.json()
        self.calls.append((method, form, request.headers["Authorization"]))
        return form


@pytest.fixture
def slack(task: Task, host: WebHost) -> SlackApi:
    task.configured(slack={"apiUrl": f"{host.url}/api/"})
    return SlackApi(host)


async def test_a_message_is_posted_with_the_apps_token(task: Task, slack: SlackApi) -> None:
    await task.run(CONVERSATION, {"message": "hi", "conversationId": "C9", "token": "xoxb-1"})
    [(method, form, authorization)] = slack.calls
    assert (method, form["channel"], form["text"], authorization) == ("post", "C9", "hi", "Bearer xoxb-1")


async def test_a_conversation_is_found_by_its_name_on_any_page(task: Task, slack: SlackApi) -> None:
    await task.run(CONVERSATION, {"message": "hi", "conversationName": "#shop", "token": "t"})
    assert [method for method, _, _ in slack.calls] == ["list", "list", "post"]
    assert slack.calls[-1][1]["channel"] == "C2"
    with pytest.raises(NotFoundError, match="Slack has no conversation 'nowhere'"):
        await task.run(CONVERSATION, {"message": "hi", "conversationName": "nowhere", "token": "t"})


async def test_slacks_configuration_goes_before_the_input(task: Task, host: WebHost, slack: SlackApi) -> None:
    task.configured(slack={"apiUrl": f"{host.url}/api/", "token": "configured", "conversationId": "C0"})
    await task.run(CONVERSATION, {"message": "hi", "conversationId": "C9", "token": "t"})
    assert slack.calls[0][1]["channel"] == "C0"
    assert slack.calls[0][2] == "Bearer configured"


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        ({"error": "invalid_auth"}, AuthenticationError, "Error: invalid_auth"),
        ({"error": "missing_scope", "needed": "chat:write"}, NotAllowedError, r"missing_scope \(needed scopes: chat:w"),
        ({"error": "channel_not_found"}, NotFoundError, "channel_not_found"),
        ({"error": "something_new"}, ForeignError, "something_new"),
    ],
)
async def test_what_slack_refuses_is_said_in_its_words(
    task: Task, slack: SlackApi, answer: dict[str, str], error: type[Exception], message: str
) -> None:
    slack.error = answer
    with pytest.raises(error, match=message):
        await task.run(CONVERSATION, {"message": "hi", "conversationId": "C9", "token": "t"})


async def test_a_message_without_token_or_conversation_says_what_is_missing(task: Task, slack: SlackApi) -> None:
    with pytest.raises(InputError, match="Slack token is not specified"):
        await task.run(CONVERSATION, {"message": "hi", "conversationId": "C9"})
    with pytest.raises(InputError, match="Neither Conversation ID nor Conversation Name"):
        await task.run(CONVERSATION, {"message": "hi", "token": "t"})
    assert slack.calls == []


async def test_a_silent_slack_is_named(task: Task) -> None:
    task.configured(slack={"apiUrl": "http://127.0.0.1:1/api/"})
    with pytest.raises(ServiceUnavailableError, match="Slack does not answer"):
        await task.run(CONVERSATION, {"message": "hi", "conversationId": "C9", "token": "t"})
