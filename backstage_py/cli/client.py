"""A client of the public HTTP API, as the commands use it: sign in, start a task, follow its events."""

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self
from urllib.parse import quote

import aiohttp
import orjson

from backstage_py.errors import BackstageError, ServiceUnavailableError
from backstage_py.model.http import error_message
from backstage_py.model.json import Json, JsonObject

_READY_PAUSE = 0.05


class ApiError(BackstageError):
    """The service answered with an error; the message is the service's own."""


class ApiClient:
    """Speaks to one service as one signed-in user.

    Args:
        base_url: e.g. ``http://127.0.0.1:7007``.
        token: of the user; without one nobody is signed in yet.
    """

    def __init__(self, base_url: str, token: str | None = None) -> None:
        self.base_url = base_url.rstrip("/")
        self._session: aiohttp.ClientSession | None = None
        self._token = token

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None, connect=10))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session:
            await self._session.close()

    async def wait_until_ready(self, seconds: float) -> None:
        """Return when the service answers its readiness check.

        Raises:
            ServiceUnavailableError: it did not within ``seconds``.
        """
        try:
            async with asyncio.timeout(seconds):
                while not await self._is_ready():  # noqa: ASYNC110  # another process cannot set our event
                    await asyncio.sleep(_READY_PAUSE)
        except TimeoutError:
            raise ServiceUnavailableError(f"{self.base_url} did not become ready within {seconds:g} s") from None

    async def sign_in_as_guest(self) -> str:
        """Take a guest token for all further calls and return the user's reference."""
        answer = await self.call("POST", "/api/auth/guest/refresh")
        self._token = answer["backstageIdentity"]["token"]
        return str(answer["backstageIdentity"]["identity"]["userEntityRef"])

    async def create_task(self, template_ref: str, values: JsonObject, secrets: JsonObject | None = None) -> str:
        """Start a task and return its id."""
        body = {"templateRef": template_ref, "values": values, "secrets": secrets or {}}
        return str((await self.call("POST", "/api/scaffolder/v2/tasks", body))["id"])

    async def task(self, task_id: str) -> JsonObject:
        """Return a task."""
        task: JsonObject = await self.call("GET", f"/api/scaffolder/v2/tasks/{quote(task_id)}")
        return task

    async def events(self, task_id: str) -> AsyncIterator[JsonObject]:
        """Yield the events of a task until its completion, from the first on."""
        url = f"{self.base_url}/api/scaffolder/v2/tasks/{quote(task_id)}/eventstream"
        async with self._open.get(url, headers=self._headers()) as response:
            await _check(response)
            async for line in response.content:
                if line.startswith(b"data: "):
                    event = orjson.loads(line[6:])
                    yield event
                    if event.get("type") == "completion":
                        return

    async def entity(self, kind: str, namespace: str, name: str) -> JsonObject:
        """Return an entity of the catalog."""
        entity: JsonObject = await self.call("GET", self.entity_path(kind, namespace, name))
        return entity

    @staticmethod
    def entity_path(kind: str, namespace: str, name: str) -> str:
        """Return the path of an entity in the catalog's API."""
        return f"/api/catalog/entities/by-name/{quote(kind)}/{quote(namespace)}/{quote(name)}"

    async def call(self, method: str, path: str, body: Json = None) -> Json:
        """Send a request and return the JSON of the answer.

        Raises:
            ApiError: the service refused; ServiceUnavailableError: nobody answers there.
        """
        data = orjson.dumps(body) if body is not None else None
        headers = self._headers() | ({"content-type": "application/json"} if data else {})
        try:
            async with self._open.request(method, self.base_url + path, data=data, headers=headers) as response:
                await _check(response)
                return orjson.loads(await response.read() or b"null")
        except aiohttp.ClientConnectionError as error:
            raise ServiceUnavailableError(f"{self.base_url} does not answer: {error}") from error

    @property
    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("use 'async with ApiClient(…)'")
        return self._session

    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self._token}"} if self._token else {}

    async def _is_ready(self) -> bool:
        try:
            async with self._open.get(f"{self.base_url}/.backstage/health/v1/readiness") as response:
                return response.status == 200  # noqa: PLR2004  # HTTP's own number
        except aiohttp.ClientError:
            return False


async def _check(response: aiohttp.ClientResponse) -> None:
    if response.status < 400:  # noqa: PLR2004  # HTTP's own number
        return
    text = await response.text()
    try:
        message = error_message(orjson.loads(text))
    except ValueError:
        message = ""
    raise ApiError(f"{response.method} {response.url.path}: {response.status} {message or text[:500]}")
