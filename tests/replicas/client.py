"""A client as patient as a frontend: it asks any replica, asks another one after a failure, and follows streams on."""

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import aiohttp

from tests.replicas.history import History
from tests.replicas.replica import TOKEN

PATIENCE = 300.0
_ANSWER_SECONDS = 15.0
_SILENCE_SECONDS = 4.0
_UNAVAILABLE = 503
_FAILURES = (aiohttp.ClientError, TimeoutError, ConnectionError)


class GoneWrong(AssertionError):  # noqa: N818  # what happened
    """A replica answered what no fault excuses."""


@dataclass(slots=True)
class Client:
    """Asks replicas.

    Attributes:
        history: gets complaints of answers that no fault excuses.
        urls: of the replicas that are asked; chosen at random.
        choice: chooses.
    """

    history: History
    urls: list[str] = field(default_factory=list)
    choice: random.Random = field(default_factory=random.Random)
    _session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(headers={"authorization": f"Bearer {TOKEN}"})
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.close()

    async def until_ready(self, url: str, seconds: float, log: Path) -> None:
        """Return when a replica says that it is ready."""
        try:
            async with asyncio.timeout(seconds):
                while not await self.is_ready(url):  # noqa: ASYNC110  # another process cannot set our event
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"{url} is not ready after {seconds:g} s:\n{log.read_text()[-5000:]}") from None

    async def is_ready(self, url: str) -> bool:
        """Return what a replica says of itself."""
        try:
            async with self._open.get(f"{url}/.backstage/health/v1/readiness", timeout=_within(5)) as answer:
                return answer.status == 200
        except _FAILURES:
            return False

    async def sign_in(self, url: str) -> str:
        """Return a guest's token of one replica."""
        answer = await self.ask("POST", "/api/auth/guest/refresh", at=url)
        return str(answer["backstageIdentity"]["token"])

    async def is_known(self, url: str, token: str) -> bool:
        """Return whether a replica takes a token; one that cannot answer at the moment says nothing of it."""
        own = {"authorization": f"Bearer {token}"}
        end = asyncio.get_running_loop().time() + PATIENCE
        while asyncio.get_running_loop().time() < end:
            with contextlib.suppress(*_FAILURES):
                path = f"{url}/api/scaffolder/v2/tasks?limit=1"
                async with self._open.get(path, headers=own, timeout=_within(_ANSWER_SECONDS)) as answer:
                    if answer.status != _UNAVAILABLE:
                        return answer.status == 200
            await asyncio.sleep(0.2)
        return False

    async def create(self, template: str, values: dict[str, Any], secrets: dict[str, str]) -> str:
        """Start a task and return its id. After an answer that got lost there may be one more that nobody follows."""
        body = {"templateRef": f"template:default/{template}", "values": values, "secrets": secrets}
        return str((await self.ask("POST", "/api/scaffolder/v2/tasks", body))["id"])

    async def ask(self, method: str, path: str, body: Any = None, *, at: str = "", accept: tuple[int, ...] = ()) -> Any:
        """Send a request, to one replica after the other until one answers, and return the answer's JSON.

        Args:
            method: of HTTP.
            path: with the query.
            body: JSON, None for none.
            at: the only replica to ask.
            accept: statuses that count as an answer, besides those of success.
        """
        last: object = None
        end = asyncio.get_running_loop().time() + PATIENCE
        while asyncio.get_running_loop().time() < end:
            try:
                return await self._once(method, (at or self.choice.choice(self.urls)) + path, body, accept)
            except _FAILURES as error:
                last = error
                await asyncio.sleep(0.2)
        raise GoneWrong(f"nobody answered {method} {path} within {PATIENCE:g} s, at last: {last!r}")

    async def follow(self, task_id: str, after: int | None) -> AsyncIterator[dict[str, Any]]:
        """Yield a task's events behind ``after`` as they come, through any replica, until its completion."""
        while True:
            try:
                async for event in self._stream(self.choice.choice(self.urls), task_id, after):
                    after = max(after or 0, int(event["id"]))
                    yield event
                    if event["type"] == "completion":
                        return
            except _FAILURES:
                await asyncio.sleep(0.2)

    async def _stream(self, url: str, task_id: str, after: int | None) -> AsyncIterator[dict[str, Any]]:
        query = "" if after is None else f"?after={after}"
        path = f"/api/scaffolder/v2/tasks/{task_id}/eventstream{query}"
        silence = aiohttp.ClientTimeout(sock_connect=_SILENCE_SECONDS, sock_read=_SILENCE_SECONDS)
        async with self._open.get(url + path, timeout=silence) as answer:
            await self._check(answer, ())
            async for line in answer.content:
                if line.startswith(b"data: "):
                    yield json.loads(line[6:])

    async def _once(self, method: str, url: str, body: Any, accept: tuple[int, ...]) -> Any:
        async with self._open.request(method, url, json=body, timeout=_within(_ANSWER_SECONDS)) as answer:
            await self._check(answer, accept)
            return json.loads(await answer.read() or b"null")

    async def _check(self, answer: aiohttp.ClientResponse, accept: tuple[int, ...]) -> None:
        if answer.status < 400 or answer.status in accept:
            return
        text = f"{answer.method} {answer.url}: {answer.status} {(await answer.text())[:500]}"
        if answer.status != _UNAVAILABLE:
            self.history.complain(text)
        raise aiohttp.ClientError(text)

    @property
    def _open(self) -> aiohttp.ClientSession:
        assert self._session
        return self._session


def _within(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=seconds)
