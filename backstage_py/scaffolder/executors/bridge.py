"""The way from an action's own thread to what lives on the service's event loop.

An action of others runs on a loop of its own, so it reaches its services, checkpoints and log over a bridge. There is
one bridge for each call of an action; it is closed afterwards, so what a thread that was left behind still asks for
is refused.
"""

import asyncio
import contextvars
import inspect
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar, cast

from backstage_py.model.json import Json, JsonObject
from backstage_py.plugin import ActionContext, ActionLogger, Services
from backstage_py.plugin import schema as schemas
from backstage_py.plugin.context import OutputSink
from backstage_py.tracing import spans

T = TypeVar("T")


class Bridge:
    """Runs coroutines on the loop on which it was made, for callers on other loops.

    They run in the context in which it was made, so that they are as patient as the attempt that calls the action.
    """

    def __init__(self) -> None:
        self._home = asyncio.get_running_loop()
        self._context = contextvars.copy_context()
        self._lock = threading.Lock()
        self._calls: set[Future[Any]] = set()
        self._is_open = True

    @property
    def is_open(self) -> bool:
        """Whether the call of the action is still wanted."""
        return self._is_open

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the service's loop and wait for it here; cancelling here cancels it there.

        Raises:
            CancelledError: the bridge is closed, or is closed meanwhile.
        """
        return await asyncio.wrap_future(self._send(work))

    def close(self) -> None:
        """Refuse further calls, and cancel those under way."""
        with self._lock:
            self._is_open = False
            calls = list(self._calls)
        for call in calls:
            call.cancel()

    def _send(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        with self._lock:
            if not self._is_open:
                work.close()
                raise asyncio.CancelledError
            context = self._context.copy()
            context.run(spans.go_on, spans.here())  # what is sent belongs to a span of the action's own, if it has one
            call = context.run(asyncio.run_coroutine_threadsafe, work, self._home)
            self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        return call


def bridged_context(context: ActionContext[Any], bridge: Bridge) -> ActionContext[Any]:
    """Return a context whose members work on any loop and in any thread, as long as the bridge is open."""
    return replace(
        context,
        logger=Logger(context.logger, bridge),
        sink=_Sink(context.sink, bridge),
        services=_services(context.services, bridge),
    )


_ON_THE_LOOP = frozenset({"url_reader", "catalog", "integrations", "backstage", "remote_actions"})


def _services(services: Services, bridge: Bridge) -> Services:
    there = {
        field.name: _Remote(found, bridge)
        for field in fields(services)
        if field.name in _ON_THE_LOOP and (found := getattr(services, field.name)) is not None
    }
    return replace(services, **cast("dict[str, Any]", there))


class _Remote:
    """A proxy for a service: its coroutines run on the service's loop, its plain functions where they are called."""

    def __init__(self, target: object, bridge: Bridge) -> None:
        self._target = target
        self._bridge = bridge

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        if not callable(found):
            return found

        def call(*arguments: Any, **named: Any) -> Any:
            result = found(*arguments, **named)
            return self._bridge.run(result) if inspect.iscoroutine(result) else result

        return call


@dataclass(frozen=True, slots=True)
class Logger:
    """The step's log until the call is over."""

    log: ActionLogger
    bridge: Bridge

    def debug(self, message: str) -> None:
        """Say what only helps to find a fault."""
        if self.bridge.is_open:
            self.log.debug(str(message))

    def info(self, message: str) -> None:
        """Say what was done."""
        if self.bridge.is_open:
            self.log.info(str(message))

    def warning(self, message: str) -> None:
        """Say what a person should look at."""
        if self.bridge.is_open:
            self.log.warning(str(message))

    def error(self, message: str) -> None:
        """Say what failed."""
        if self.bridge.is_open:
            self.log.error(str(message))


@dataclass(frozen=True, slots=True)
class _Sink:
    """The step's outputs, checkpoints and effects until the call is over."""

    sink: OutputSink
    bridge: Bridge

    def output(self, name: str, value: Json) -> None:
        if self.bridge.is_open:
            self.sink.output(name, value)

    async def checkpoint(self, key: str, function: Callable[[], Awaitable[Json]]) -> Json:
        """Ask on the service's loop for the value; the author's function runs on the author's loop."""
        here = asyncio.get_running_loop()

        async def value() -> Json:
            return schemas.dump(await function())

        async def value_of_here() -> Json:
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(value(), here))

        return await self.bridge.run(self.sink.checkpoint(key, value_of_here))

    def recall(self, key: str) -> JsonObject | None:
        return self.sink.recall(key)

    async def note(self, key: str, state: JsonObject) -> None:
        """Store on the service's loop; refused when the call is over, so that no effect begins after its end."""
        await self.bridge.run(self.sink.note(key, state))
