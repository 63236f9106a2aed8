"""A channel over the execution API: the pod asks for messages and sends its own; the workspace travels along.

The workspace is there when a call begins, and the service has what changed when it learns that the call has ended.
"""

import secrets
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from backstage_py import threads
from backstage_py.errors import BackstageError
from backstage_py.execution import failures, messages
from backstage_py.execution.carrier import Carrier
from backstage_py.execution.channel import OPENING, ChannelClosed
from backstage_py.execution.http_calls import Calls
from backstage_py.execution.messages import Begin, Ended, FromHandler
from backstage_py.execution.outbox import Outbox
from backstage_py.model import json
from backstage_py.plugin import ActionContext
from backstage_py.plugin.services import UrlReader

_SILENCE = 60.0
_SOON = 3.0
"""Seconds in which what is small arrives where anybody is, lost packets that the system sends again included."""


class HttpChannel:
    """One end of a session; see ``channel.Channel``.

    Args:
        url: of the API, with the session's key.
        token: of the session.
        root: where the workspace goes.
        silence: seconds for which the service may hear nothing before it takes this pod for lost.
    """

    def __init__(self, url: str, token: str, root: Path, silence: float = _SILENCE) -> None:
        self._polls = Calls(url, token, silence / 2, 2 * silence, min(_SOON, silence / 6))
        self._sends = Calls(url, token, silence, 2 * silence, silence / 6)
        self._carries = Calls(url, token, silence, 2 * silence, silence / 6)
        self._carrier = Carrier(self._carries, root)
        self._carrying = threading.Lock()
        self._received: deque[bytes] = deque()
        self._after = 0
        self._outbox = Outbox()
        self._sending = threading.Thread(target=self._send_all, name="backstage-py-words", daemon=True)
        self._sending.start()

    def send(self, message: FromHandler, seq: int) -> bool:
        """Send a message as soon as those before it have gone; the end of a call when the service has the workspace."""
        if isinstance(message, Ended):
            self._outbox.flush()
            message = self._with_workspace(message)
        return self._outbox.add(message, seq)

    def receive(self) -> bytes | None:
        """Wait for a message; None when the session is over."""
        try:
            while not self._received:
                answer = self._polls.call("GET", f"messages?after={self._after}")
                self._received.extend(line for line in answer.split(b"\n") if line)
        except (ChannelClosed, BackstageError):
            self._polls.close()
            self._outbox.close()
            return None
        data = self._received.popleft()
        self._after = max(self._after, messages.from_service(data)[0])
        return data

    def workspace(self, _: Begin) -> Path:
        """Return the task's folder as the service has it now; blocks."""
        with self._carried():
            return self._carrier.fetch()

    def adapt(self, context: ActionContext[Any]) -> ActionContext[Any]:
        """Return the context with what has to be fetched besides being asked for."""
        reader = context.services.url_reader
        if reader is None:
            return context
        return replace(context, services=replace(context.services, url_reader=_Reader(reader, self)))

    def close(self) -> bool:
        """Send what is left, and end: the handler has ended. Return whether the service has heard all of it."""
        is_heard = self._outbox.flush()
        self._outbox.close()
        self._polls.close()
        self._carries.close()
        self._sending.join()
        return is_heard

    def fetch_tree(self, target: Path) -> None:
        """Write into a folder what the service has read for it; blocks."""
        with self._carried():
            self._carrier.fetch_tree(target)

    @contextmanager
    def _carried(self) -> Iterator[None]:
        """Carry one thing after the other; where nobody answers that any more, nothing is said either."""
        with self._carrying:
            try:
                yield
            except ChannelClosed:
                self._outbox.close()
                raise

    def _with_workspace(self, message: Ended) -> Ended:
        try:
            with self._carried():
                self._carrier.send()
        except (BackstageError, OSError) as error:
            if message.error is None:
                shown = error if isinstance(error, BackstageError) else failures.as_backstage_error(error)
                return replace(message, error=failures.told(shown))
        return message

    def _send_all(self) -> None:
        try:
            while batch := self._outbox.take():
                self._sends.call("POST", "messages", b"\n".join(batch))
                self._outbox.sent()
        except (ChannelClosed, BackstageError):
            pass
        finally:
            self._sends.close()
            self._outbox.close()


def opened(url: str, ticket: str, root: Path, seconds: float = 2 * _SOON) -> HttpChannel:
    """Open the session of a Job and return its channel.

    Args:
        url: of the API, with the session's key.
        ticket: of the Job.
        root: where the workspace goes.
        seconds: behind which a service that has not answered is asked again, over another connection.

    Raises:
        ChannelClosed: nobody waits for this pod any more. BackstageError: the service fails.
    """
    calls = Calls(url, ticket, seconds, reaches=_SOON, more={OPENING: secrets.token_urlsafe(32)})
    try:
        answer = json.parse(calls.call("POST", "open"))
    finally:
        calls.close()
    return HttpChannel(url, str(answer["token"]), root, float(answer.get("silence", _SILENCE)))


class _Reader:
    """The service's URL reader; what it reads into folders is fetched from there."""

    def __init__(self, asked: UrlReader, channel: HttpChannel) -> None:
        self._asked = asked
        self._channel = channel

    def __getattr__(self, name: str) -> Any:
        return getattr(self._asked, name)

    async def read_tree(
        self, url: str, target: Path, *, etag: str | None = None, token: str | None = None
    ) -> str | None:
        """Write the folder at ``url`` into ``target``; see ``UrlReader``."""
        found = await self._asked.read_tree(url, target, etag=etag, token=token)
        if found is not None:
            await threads.file_work(self._channel.fetch_tree, target)
        return found
