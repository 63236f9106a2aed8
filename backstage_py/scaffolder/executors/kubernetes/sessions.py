"""What the service and a pod say to each other, however often the pod asks for it again.

A Job gets a ticket, good for one opening; who opens gets a token that only that process knows, good for this session
and nothing else, until the session is closed or its time is over. A pod that lost the answer to its ticket may ask
again, until it has used the token, with a secret that it made up for that. Times are those of our own clock: a pod's
does not matter.
"""

import asyncio
import contextlib
import hashlib
import hmac
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from weakref import WeakKeyDictionary

from backstage_py.errors import AuthenticationError, InputError
from backstage_py.execution.messages import FromHandler, FromService, ProtocolError
from backstage_py.scaffolder.executors.kubernetes.workspace import SentWorkspace
from backstage_py.scaffolder.executors.line import Line

_SILENCE = 60.0
_MOST_BYTES = 32 * 1024 * 1024  # of messages that wait for a pod
_MOST_AT_ONCE = 4 * 1024 * 1024  # of these in one answer, or one message
_MOST_CONNECTIONS = 16  # a pod needs four, and may have lost some
_REFUSED = "This token opens nothing here"


class Connection(Protocol):
    """What a request came over."""

    def end(self) -> None:
        """End it."""


class Session:
    """The session of one Job; everything happens on the service's loop.

    Args:
        key: what its paths begin with.
        seconds: for which it can be used.
        workspace: what is sent and taken back; None until there is a call.
        take: gets what the pod says, in order and once.
        broke: told when what the pod says cannot be understood.

    Attributes:
        ticket: for the Job.
        opened: set when a pod has opened it.
        silence: seconds without a word after which the pod counts as lost. One that asks for messages is told well
            before that there are none.
        reading: bodies that are being read, and ``read`` what of them is here.
        working: held by who works with the workspace, of whom ``wanting`` counts all: a session has one thread for it.
        asked: set when the pod has waited for something to do.
        heard_at: when the pod was last heard, by our clock.
    """

    def __init__(
        self,
        key: str,
        seconds: float,
        workspace: SentWorkspace | None,
        take: Callable[[FromHandler, int], Awaitable[None]],
        broke: Callable[[str], None],
    ) -> None:
        self.key = key
        self.ticket = secrets.token_urlsafe(32)
        self._workspace = workspace
        self.opened = asyncio.Event()
        self.heard_at = time.monotonic()
        self._take = take
        self._broke = broke
        self._expires = time.monotonic() + seconds
        self._ticket: bytes | None = _digest(self.ticket)
        self._secret = secrets.token_bytes(32)
        self._token: bytes | None = None
        self._outbox: list[tuple[int, bytes]] = []
        self._said = self._given = 0
        self._has_given = asyncio.Event()
        self._line = Line()
        self._news = asyncio.Event()
        self._polls = 0
        self.silence = _SILENCE
        self._taking = asyncio.Lock()
        self.reading = self.read = 0
        self._connections: WeakKeyDictionary[Connection, None] = WeakKeyDictionary()
        self.working = asyncio.Lock()
        self.wanting = 0
        self.asked = asyncio.Event()
        self.is_closed = False

    @property
    def workspace(self) -> SentWorkspace:
        """What is sent and taken back.

        Raises:
            AuthenticationError: the session has no call yet.
        """
        if self._workspace is None:
            raise AuthenticationError(_REFUSED)
        return self._workspace

    @workspace.setter
    def workspace(self, workspace: SentWorkspace) -> None:
        self._workspace = workspace

    def open(self, ticket: str, opening: str = "") -> str:
        """Return the token for a ticket, once; again while the token is not used, to who has the same ``opening``.

        Raises:
            AuthenticationError: it is another one, or was used.
        """
        self._check(self._ticket, ticket)
        token = self._token_for(opening)
        if self._token is not None:
            self._check(self._token, token)
        self._token = _digest(token)
        self._heard()
        self.opened.set()
        return token

    def enter(self, token: str, connection: "Connection | None" = None) -> None:
        """Let the holder of the token in; with one connection too many, the one that is longest open ends.

        Raises:
            AuthenticationError: it is another one, or the session is over.
        """
        self._check(self._token, token)
        self._ticket = None
        self._heard()
        if connection:
            self._connections[connection] = None
        while len(self._connections) > _MOST_CONNECTIONS:
            oldest = next(iter(self._connections))
            del self._connections[oldest]
            oldest.end()

    @property
    def has_given(self) -> bool:
        """Whether the pod has got anything that was said."""
        return self._given > 0

    async def say(self, message: FromService) -> None:
        """Send a message as soon as the pod asks for some."""
        if self.is_closed:
            return
        data = self._line.encode(message)
        self._said += 1
        self._outbox.append((self._said, data))
        if sum(len(data) for _, data in self._outbox) > _MOST_BYTES:
            self._broke("it does not take the answers to what it asks")
        self._news.set()

    async def said(self, after: int) -> Sequence[bytes]:
        """Return what was said behind the message of a number, which acknowledges those up to it; waits for some.

        Raises:
            AuthenticationError: the session was closed meanwhile.
        """
        self._outbox = [one for one in self._outbox if one[0] > after]
        self._polls += 1
        mine, until = self._polls, time.monotonic() + self.silence / 4
        while not self._outbox and not self.is_closed and mine == self._polls and time.monotonic() < until:
            self._news.clear()
            self.asked.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(until - time.monotonic()):
                    await self._news.wait()
        if self.is_closed:
            raise AuthenticationError(_REFUSED)
        self._heard()
        given: list[bytes] = []
        for number, data in self._outbox:
            if given and sum(map(len, given)) + len(data) > _MOST_AT_ONCE:
                break
            given.append(data)
            self._given = number
            self._has_given.set()
        return given

    async def delivered(self, seconds: float | None = None) -> None:
        """Wait until the pod has asked for everything that was said, or for so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._given < self._said and not self.is_closed:
                    self._has_given.clear()
                    await self._has_given.wait()

    async def take(self, lines: Sequence[bytes]) -> int:
        """Take what the pod says; return the number of the last message that is taken.

        Raises:
            InputError: it is no message, or one is missing before it.
        """
        async with self._taking:
            for line in lines:
                await self._take_one(line)
        return self._line.seen

    async def _take_one(self, line: bytes) -> None:
        try:
            message = await self._line.read(line)
            if message is not None and not self.is_closed:
                await self._take(message, len(line))
        except ProtocolError as error:
            self._broke(str(error))
            raise InputError(f"This is no message: {error}") from error

    def close(self) -> None:
        """Revoke the ticket and the token; whoever waits is refused."""
        self.is_closed = True
        self._ticket = self._token = None
        self._outbox.clear()
        self._news.set()
        if self._workspace:
            self._workspace.close()

    def _token_for(self, opening: str) -> str:
        if not opening:
            return secrets.token_urlsafe(32)
        return hmac.new(self._secret, opening.encode(), hashlib.sha256).hexdigest()

    def _check(self, expected: bytes | None, given: str) -> None:
        is_same = hmac.compare_digest(expected or b"", _digest(given))
        if not is_same or self.is_closed or time.monotonic() > self._expires:
            raise AuthenticationError(_REFUSED)

    def _heard(self) -> None:
        self.heard_at = time.monotonic()


@dataclass(slots=True)
class Sessions:
    """The open sessions of this process, by their key."""

    _open: dict[str, Session] = field(default_factory=dict)

    def add(self, session: Session) -> None:
        """Answer for a session until ``drop``."""
        self._open[session.key] = session

    def drop(self, session: Session) -> None:
        """Close a session."""
        session.close()
        if self._open.get(session.key) is session:
            del self._open[session.key]

    def find(self, key: str) -> Session:
        """Return a session.

        Raises:
            AuthenticationError: there is none; who has no token learns no more than that.
        """
        try:
            return self._open[key]
        except KeyError:
            raise AuthenticationError(_REFUSED) from None

    @property
    def all(self) -> Mapping[str, Session]:
        """All of them."""
        return self._open


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
