"""Posting JSON to a webhook: the URL is a secret, and a template's URL may lead nowhere but to the public internet."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from backstage_py.integrations.web.http import HttpClient, listed_hosts, without_url
from backstage_py.plugin import ActionContext, ActionLogger, BackstageError, ForeignError, InputError, Json, JsonObject
from backstage_py.plugin.formats import dump_json

_SECONDS = 30.0
_MISSING = (
    "Webhook URL is not specified in either the app-config or the action input. "
    "This must be specified in at least one place in order to send a message"
)


async def post_once(
    ctx: ActionContext[Any], service: str, section: Mapping[str, Json], given: str | None, body: JsonObject
) -> None:
    """Do as ``post`` once per task; in doubt, when an answer got lost, once more: twice is better than never."""

    async def send(_marker: str) -> bool:
        await post(service, section, given, body, ctx.logger)
        return True

    await ctx.effect(f"send.{service}", create=send, if_unknown="create")


async def post(
    service: str, section: Mapping[str, Json], given: str | None, body: JsonObject, logger: ActionLogger
) -> None:
    """Post to ``webhookUrl`` of the configuration's section, or else to the given URL.

    Args:
        service: how messages name what is behind it.
        section: of the configuration; its URL may have a private address, since an operator wrote it.
        given: the URL of the template.
        body: sent as JSON.
        logger: gets the status of a refusal.

    Raises:
        InputError: there is no URL. NotAllowedError: a template's URL has a private address. ForeignError: the answer
        is not 2xx. ServiceUnavailableError: there is none.
    """
    configured = section.get("webhookUrl")
    url = configured or given
    if not url:
        raise InputError(_MISSING)
    listed = listed_hosts([urlsplit(configured).netloc] if configured else [])
    async with HttpClient(listed) as http:
        try:
            answer = await http.request(
                "POST",
                url,
                headers={"Content-Type": "application/json"},
                body=dump_json(body),
                seconds=_SECONDS,
            )
        except BackstageError as error:
            message = without_url(error.message, url, f"the {service} webhook URL")
            raise error.reworded(message) from None  # the URL is a secret
    if not answer.ok:
        message = (
            f"Something went wrong while trying to send a request to the {service} webhook URL"
            f" - StatusCode {answer.status}"
        )
        logger.error(message)
        raise ForeignError(message, answered=answer.status)
