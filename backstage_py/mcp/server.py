"""The protocol: the tools over streamable HTTP below ``/api/mcp-actions/v1``, and over standard input and output."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from backstage_py import __version__, extras, threads
from backstage_py.errors import BackstageError
from backstage_py.mcp import tools
from backstage_py.mcp.tools import Api
from backstage_py.model import json

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
    from starlette.types import Receive, Scope, Send

PLUGIN = "mcp-actions"
PATH = "/v1"
_NAME = "backstage-py"
_INSTRUCTIONS = (
    "Backstage's scaffolder and catalog. To make something: list_templates, get_template_parameters, validate_values, "
    "then execute_template and get_task_logs until isOver. Everything is done as the signed-in user."
)

ApiOf = Callable[[Any], Api]
"""Gives the API for a request of the protocol: Starlette's request, or None over standard input."""


def server_of(api_of: ApiOf) -> "Server[Any]":
    """Make a server.

    Raises:
        MissingExtraError: the package ``mcp`` is not installed.
    """
    extras.require("The MCP endpoint", "mcp")
    import mcp_types as types
    from mcp.server import lowlevel

    async def list_tools(_context: Any, _params: Any) -> Any:
        found = [
            types.Tool(
                name=tool.name,
                title=tool.title,
                description=tool.description,
                input_schema=tool.schema,
                annotations=types.ToolAnnotations(
                    title=tool.title,
                    read_only_hint=tool.reads_only,
                    destructive_hint=not tool.reads_only,
                    idempotent_hint=tool.is_idempotent,
                    open_world_hint=not tool.reads_only,
                ),
            )
            for tool in tools.TOOLS
        ]
        return types.ListToolsResult(tools=found)

    async def call_tool(context: Any, params: Any) -> Any:
        try:
            result = await tools.call(api_of(context.request), params.name, dict(params.arguments or {}))
        except BackstageError as error:
            text = types.TextContent(type="text", text=f"{error.name}: {error.message}")
            return types.CallToolResult(content=[text], is_error=True)
        text = types.TextContent(type="text", text=json.text(result))
        return types.CallToolResult(content=[text], structured_content=result)

    server: Server[Any] = lowlevel.Server(
        _NAME, version=__version__, instructions=_INSTRUCTIONS, on_list_tools=list_tools, on_call_tool=call_tool
    )
    return server


class McpEndpoint:
    """The endpoint as an ASGI application; the package ``mcp`` is imported with the first request."""

    def __init__(self, api_of: ApiOf) -> None:
        self._api_of = api_of
        self._manager: StreamableHTTPSessionManager | None = None
        self._starting = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._sessions: asyncio.Task[None] | None = None

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer a request."""
        async with self._starting:
            manager = self._manager or await self._start()
        await manager.handle_request(scope, receive, send)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """End the sessions when the block is left."""
        try:
            yield
        finally:
            self._stopping.set()
            if self._sessions:
                await self._sessions

    def _make(self) -> "StreamableHTTPSessionManager":
        server = server_of(self._api_of)
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

        return StreamableHTTPSessionManager(server, json_response=True, stateless=True)

    async def _start(self) -> "StreamableHTTPSessionManager":
        manager = await threads.offload(self._make)  # importing the package takes a second
        ready = asyncio.Event()

        async def run() -> None:  # the manager's sessions belong to the task that enters it
            async with manager.run():
                ready.set()
                await self._stopping.wait()

        self._sessions = asyncio.create_task(run(), name="mcp-sessions")
        await ready.wait()
        self._manager = manager
        return manager


async def serve_stdio(api: Api) -> None:
    """Speak over standard input and output until the input ends."""
    server = server_of(lambda _request: api)
    from mcp.server.stdio import stdio_server

    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())
