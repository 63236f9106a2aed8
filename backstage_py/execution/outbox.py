"""What a pod says and has not sent yet: bounded, and lines that wait behind each other go as one message.

A step that floods its log costs a message for each request, not for each line; a line that nothing waits before is sent
at once.
"""

import threading
from collections import deque
from dataclasses import dataclass, field

from backstage_py.execution import messages
from backstage_py.execution.channel import ChannelClosed
from backstage_py.execution.messages import FromHandler, Log

_BATCH = 4 * 1024 * 1024
_MOST_WAITING = 32 * 1024 * 1024
_MOST_LINES = 1000  # of a message that others may join
_LARGE = 256 * 1024


@dataclass(slots=True)
class _Waiting:
    """A message, or several with lines that become one."""

    seq: int
    data: bytes
    size: int
    lines: list[tuple[str, ...]] = field(default_factory=list)

    def has_room(self, lines: int, size: int) -> bool:
        return bool(self.lines) and len(self.lines) + lines <= _MOST_LINES and self.size + size <= _LARGE

    def encoded(self) -> bytes:
        return self.data or messages.encode(Log(tuple(self.lines)), self.seq)


class Outbox:
    """Filled from any thread, emptied by one."""

    def __init__(self) -> None:
        self._waiting: deque[_Waiting] = deque()
        self._bytes = self._taken = 0
        self._changed = threading.Condition()
        self._is_over = False

    def add(self, message: FromHandler, seq: int) -> bool:
        """Keep a message until it is taken, when there is room; return whether its number is used.

        Raises:
            ChannelClosed: nobody takes it any more. TypeError, ValueError: see ``messages.encode``.
        """
        data = messages.encode(message, seq)
        with self._changed:
            self._changed.wait_for(lambda: self._bytes < _MOST_WAITING or self._is_over)
            if self._is_over:
                raise ChannelClosed
            self._bytes += len(data)
            joins = isinstance(message, Log) and self._joined(message, len(data))
            if not joins:
                lines = list(message.lines) if isinstance(message, Log) else []
                self._waiting.append(_Waiting(seq, data, len(data), lines))
            self._changed.notify_all()
        return not joins

    def take(self) -> list[bytes]:
        """Wait for messages, and return as many as go into one request; none when it is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_over)
            batch: list[bytes] = []
            self._taken = 0
            while self._waiting and (not batch or self._taken + self._waiting[0].size <= _BATCH):
                one = self._waiting.popleft()
                batch.append(one.encoded())
                self._taken += one.size
            return batch

    def sent(self) -> None:
        """Take note that what was taken last has arrived."""
        with self._changed:
            self._bytes -= self._taken
            self._taken = 0
            self._changed.notify_all()

    def flush(self) -> bool:
        """Wait until everything has arrived, or nobody takes it any more; return whether it has."""
        with self._changed:
            self._changed.wait_for(lambda: not self._bytes or self._is_over)
            return not self._is_over

    def close(self) -> None:
        """Take nothing more; who waits is told so."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def _joined(self, message: Log, size: int) -> bool:
        last = self._waiting[-1] if self._waiting else None
        if last is None or not last.has_room(len(message.lines), size):
            return False
        last.lines.extend(message.lines)
        last.size += size
        last.data = b""
        return True
