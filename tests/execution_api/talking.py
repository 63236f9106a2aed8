"""The execution API with sessions of a test behind it, and somebody who calls it as he likes."""

import asyncio
import http.client
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from backstage_py import threads
from backstage_py.execution.messages import FromHandler
from backstage_py.folders.receiving import Bounds
from backstage_py.http import execution
from backstage_py.scaffolder.executors.kubernetes.contents import Contents
from backstage_py.scaffolder.executors.kubernetes.depots import Depots
from backstage_py.scaffolder.executors.kubernetes.sessions import Session, Sessions
from backstage_py.scaffolder.executors.kubernetes.workspace import SentWorkspace

BOUNDS = Bounds(1_000_000, 1_000)


@dataclass
class Answer:
    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Talker:
    """Calls the API from a thread, since the API answers on the loop."""

    url: str

    async def call(
        self, method: str, path: str, token: str | None = None, body: bytes | None = None, **headers: str
    ) -> Answer:
        return await threads.remote_call(f"test {path}", self._call, method, path, token, body, headers)

    def _call(self, method: str, path: str, token: str | None, body: bytes | None, headers: dict[str, str]) -> Answer:
        place = urlsplit(self.url)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
        try:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            if token is not None:
                sent["Authorization"] = f"Bearer {token}"
            connection.request(method, f"{place.path}/{path}", body, sent)
            answer = connection.getresponse()
            return Answer(answer.status, answer.read(), {key.lower(): value for key, value in answer.getheaders()})
        finally:
            connection.close()


@dataclass
class Api:
    """The API, its sessions, and what pods said."""

    talker: Talker
    sessions: Sessions
    folder: Path
    depots: Depots | None = None
    bounds: Bounds = BOUNDS
    contents: dict[tuple[str, str], Contents] = field(default_factory=dict)
    heard: list[tuple[str, FromHandler]] = field(default_factory=list)
    broke: list[str] = field(default_factory=list)

    def session(self, key: str, seconds: float = 600.0, goes_on: asyncio.Event | None = None) -> Session:
        """Return a session that a pod may open; what it hears it keeps, and hears no more until it ``goes_on``."""
        task_id, claim, *_ = key.split(".")
        contents = self.contents.get((task_id, claim))
        if contents is None:
            depot = self.depots.of((task_id, int(claim))) if self.depots else None
            contents = self.contents[task_id, claim] = Contents(self.folder / key, self.bounds, depot)
            contents.root.mkdir()

        async def take(message: FromHandler, _size: int) -> None:
            self.heard.append((key, message))
            if goes_on:
                await goes_on.wait()

        made = Session(key, seconds, SentWorkspace(contents), take, self.broke.append)
        self.sessions.add(made)
        return made

    async def opened(self, key: str) -> tuple[Session, str]:
        """Return a session that a pod has opened, and its token."""
        made = self.session(key)
        answer = await self.talker.call("POST", f"{key}/open", made.ticket)
        assert answer.status == 200, answer
        return made, str(answer.json["token"])


@asynccontextmanager
async def serving(folder: Path, depots: Depots | None = None, bounds: Bounds = BOUNDS) -> AsyncIterator[Api]:
    sessions = Sessions()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}{execution.PREFIX}"
        async with execution.serving(sessions, listener):
            yield Api(Talker(url), sessions, folder, depots, bounds)
