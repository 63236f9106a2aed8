"""The action's end of a channel: what it says is numbered, what it asks gets its answer, from any thread and loop."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from itertools import count

from backstage_py.errors import BackstageError
from backstage_py.execution import failures
from backstage_py.execution.channel import Channel, ChannelClosed
from backstage_py.execution.failures import CallOver
from backstage_py.execution.messages import Answer, Drop, FromHandler
from backstage_py.model.json import Json


class Connection:
    """Numbers what goes over a channel."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._sending = threading.Lock()
        self._seq = 0
        self._ids = count(1)

    def next_id(self) -> int:
        """Return an id for a question."""
        return next(self._ids)

    def tell(self, message: FromHandler) -> None:
        """Send a message.

        Raises:
            ChannelClosed: nobody takes it. TypeError, ValueError: it cannot be sent; see ``messages.encode``.
        """
        with self._sending:
            if self._channel.send(message, self._seq + 1):
                self._seq += 1


class Scope:
    """A connection for one call: when that is over, nothing is said any more, and who still waits is told so."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._waiting: dict[int, Future[Json]] = {}
        self._is_open = True

    def tell(self, message: FromHandler) -> None:
        """Send a message, unless the call is over."""
        if self._is_open:
            try:
                self._connection.tell(message)
            except ChannelClosed:
                self.close()

    def ask(self, make: Callable[[int], FromHandler]) -> Future[Json]:
        """Send a question, made of its id, and return what will have its answer.

        Raises:
            CallOver: nobody would answer. BackstageError: the question cannot be sent.
        """
        id_ = self._connection.next_id()
        answer: Future[Json] = Future()
        with self._lock:
            if not self._is_open:
                raise CallOver
            self._waiting[id_] = answer
        try:
            self._connection.tell(make(id_))
        except ChannelClosed:
            self.close()
        except (TypeError, ValueError) as error:
            self._waiting.pop(id_, None)
            raise BackstageError(f"What the action asks the service for cannot be sent: {error}") from error
        answer.add_done_callback(lambda done: self._drop(id_) if done.cancelled() else None)
        return answer

    async def asked(self, make: Callable[[int], FromHandler]) -> Json:
        """Send a question and wait for its answer on the running loop."""
        return await asyncio.wrap_future(self.ask(make))

    def answer(self, answer: Answer) -> None:
        """Give an answer to who waits for it."""
        with self._lock:
            waiting = self._waiting.pop(answer.to, None)
        if waiting is None or not waiting.set_running_or_notify_cancel():
            return
        if answer.error is not None:
            waiting.set_exception(failures.rebuilt(answer.error))
        else:
            waiting.set_result(answer.value)

    def close(self) -> None:
        """End the call."""
        with self._lock:
            self._is_open = False
            waiting, self._waiting = self._waiting, {}
        for one in waiting.values():
            if one.set_running_or_notify_cancel():
                one.set_exception(CallOver())

    def _drop(self, id_: int) -> None:
        with self._lock:
            was_asked = self._waiting.pop(id_, None)
        if was_asked:
            self.tell(Drop(id_))
