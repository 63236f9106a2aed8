"""``backstage-py mcp``: the tools for agents over standard input and output, against a running service."""

import os
from urllib.parse import urlsplit

from backstage_py import logging
from backstage_py.cli.client import ApiClient
from backstage_py.cli.local.known_actions import TOKEN_VARIABLE, check_address
from backstage_py.cli.loop import run_loop
from backstage_py.integrations.backstage import Discovery, HttpBackstageClient
from backstage_py.integrations.web.http import HttpClient, listed_hosts
from backstage_py.mcp import server
from backstage_py.mcp.callers import HttpApi


def run(url: str) -> int:
    """Serve until the input ends; return the exit status.

    Raises:
        ServiceUnavailableError: nobody answers at ``url``.
        InputError: it is no http(s) URL.
    """
    check_address(url)
    logging.configure("error")
    run_loop(_serve(url.rstrip("/")))
    return 0


async def _serve(url: str) -> None:
    token = os.environ.get(TOKEN_VARIABLE) or await _guest(url)
    async with HttpClient(listed_hosts([urlsplit(url).netloc])) as http:
        await server.serve_stdio(HttpApi(HttpBackstageClient(http, Discovery(url, {})), token))


async def _guest(url: str) -> str:
    async with ApiClient(url) as client:
        answer = await client.call("POST", "/api/auth/guest/refresh")
        return str(answer["backstageIdentity"]["token"])
