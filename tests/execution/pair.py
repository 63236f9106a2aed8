"""A handler in a thread and a host on the test's loop, with a socket between them: the protocol without a process."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backstage_py.errors import NotFoundError
from backstage_py.execution import stream
from backstage_py.execution.handler import Handler, Surroundings
from backstage_py.execution.messages import FromService
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.scm import ScmIntegration
from backstage_py.plugin import (
    Action,
    ActionContext,
    BackstageResponse,
    Services,
    StepInfo,
    UrlContent,
    User,
    Workspace,
)
from backstage_py.scaffolder.executors.host import Host
from backstage_py.scaffolder.executors.line import Line
from backstage_py.testing.runner import Log

HOST = ScmIntegration("github", "github.com", "GitHub", "https://api.github.com", None, "token", {"apps": []})


@dataclass
class Sink:
    """Keeps what a step leaves.

    Attributes:
        before: awaited before a checkpoint's function runs, as the check of a claim.
    """

    outputs: JsonObject = field(default_factory=dict)
    checkpoints: JsonObject = field(default_factory=dict)
    effects: dict[str, JsonObject] = field(default_factory=dict)
    before: Callable[[], Awaitable[None]] | None = None

    def output(self, name: str, value: Json) -> None:
        self.outputs[name] = value

    async def checkpoint(self, key: str, function: Callable[[], Awaitable[Json]]) -> Json:
        if key not in self.checkpoints:
            if self.before:
                await self.before()
            self.checkpoints[key] = await function()
        return self.checkpoints[key]

    def recall(self, key: str) -> JsonObject | None:
        return self.effects.get(key)

    async def note(self, key: str, state: JsonObject) -> None:
        self.effects[key] = state


@dataclass
class Everything:
    """All services at once.

    Attributes:
        ended: what was asked for and cancelled.
    """

    begun: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self, url: str, *, etag: str | None = None, token: str | None = None) -> UrlContent | None:
        if url == "hangs":
            self.begun.set()
            try:
                await asyncio.sleep(3600)
            finally:
                self.ended.set()
        if url == "missing":
            raise NotFoundError("There is no such file")
        return UrlContent(b"\x00\xff" + url.encode(), etag or token)

    async def read_tree(
        self, url: str, target: Path, *, etag: str | None = None, token: str | None = None
    ) -> str | None:
        (target / "file").write_text(url)
        return etag or token

    def resolve(self, url: str, base: str) -> str:
        return f"{base}/{url}"

    def same_repository(self, url: str, base: str) -> bool:
        return url == base

    async def entities_by_refs(self, refs: Sequence[str], *, token: str | None) -> list[JsonObject | None]:
        return [{"ref": ref, "token": token} for ref in refs]

    async def add_location(self, target: str, *, token: str | None, type: str = "url") -> JsonObject:  # noqa: A002
        return {"added": [target, token, type]}

    async def preview_location(self, target: str, *, token: str | None, type: str = "url") -> JsonObject:  # noqa: A002
        return {"previewed": [target, token, type]}

    async def refresh(self, entity_ref: str, *, token: str | None) -> None:
        pass

    def by_host(self, host: str) -> ScmIntegration | None:
        return HOST if host == HOST.host else None

    def by_url(self, url: str) -> ScmIntegration | None:
        return self.by_host(url.split("/")[2])

    def all(self) -> Sequence[ScmIntegration]:
        return [HOST]

    async def token(self, host: str, owner: str | None = None) -> str | None:
        return f"{host}/{owner}"

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None,
        token: str | None,
        timeout: float,  # noqa: ASYNC109  # as the protocol has it
    ) -> BackstageResponse:
        return BackstageResponse(200, {"x": f"{method} {path} {timeout:g}"}, (body or b"") + str(token).encode())

    async def list(self, *, token: str | None) -> Sequence[Action]:
        return [self._offered(token)]

    async def find(self, id: str, *, token: str | None) -> Action | None:  # noqa: A002
        return self._offered(token) if id == "other:add" else None

    def _offered(self, token: str | None) -> Action:
        async def run(ctx: ActionContext[JsonObject]) -> JsonObject:
            return {"sum": ctx.input["a"] + ctx.input["b"], "as": token, "by": ctx.token}

        return Action("other:add", run, input_schema={"type": "object"}, source="https://backstage/api/other")

    @property
    def services(self) -> Services:
        return Services(self, self, self, self, {"app": {"title": "ours"}}, self, lambda plugin: f"own {plugin}")


@dataclass
class Pair:
    """One connection.

    Attributes:
        before: changes what the handler sends before the host gets it; for a hostile one.
    """

    folder: Path
    sink: Sink = field(default_factory=Sink)
    log: Log = field(default_factory=Log)
    services: Services = field(default_factory=Services)
    secrets: Mapping[str, str] = field(default_factory=dict)
    host: Host | None = None
    is_dry_run: bool = False

    def context(self, given: JsonObject) -> ActionContext[Any]:
        self.folder.mkdir(exist_ok=True)
        step = StepInfo("step", "A step")
        user = User("user:default/ada", {"kind": "User"})
        return ActionContext(
            given, self.log, Workspace(self.folder), "task-1", step, self.sink, self.services, self.secrets, user,
            is_dry_run=self.is_dry_run,
        )  # fmt: skip

    async def run(self, *actions: Action, given: JsonObject | None = None) -> None:
        """Run actions one after the other over one connection; raise what the last one ended with."""
        ours, theirs = socket.socketpair()
        known = {one.id: one for one in actions}
        handler = Handler(stream.StreamChannel(theirs), Surroundings(known.__getitem__))
        thread = threading.Thread(target=handler.serve, daemon=True)
        thread.start()
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        line = Line()

        async def send(message: FromService) -> None:
            writer.write(stream.framed(line.encode(message)))
            await writer.drain()

        async def pump() -> None:
            while True:
                data = await reader.readexactly(stream.length(await reader.readexactly(stream.HEADER)))
                assert self.host
                if message := line.decode(data):
                    await self.host.take(message, len(data))

        pumping = asyncio.create_task(pump())
        try:
            for number, action in enumerate(actions):
                host = self.host = Host(
                    action, self.context(given or {}), send, f"call-{number}", str(self.folder), self.services
                )
                await send(host.begin())
                await asyncio.wait({host.ended, pumping}, return_when=asyncio.FIRST_COMPLETED)
                host.close()
                await (host.ended if host.ended.done() else pumping)
        finally:
            pumping.cancel()
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
            theirs.shutdown(socket.SHUT_RDWR)
            thread.join(120)
            theirs.close()
            assert not thread.is_alive()
