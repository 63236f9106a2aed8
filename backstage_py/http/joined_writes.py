"""What is written in one turn of the event loop is sent in one piece: the head of an answer and its body above all.

uvicorn writes them apart, and each write is a system call, a packet, and a client that is woken for half an answer.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

_MOST: Final = 64 * 1024
"""Bytes that are held back; a writer learns only from what was sent that it has to wait for its client."""


class JoinedWrites(asyncio.Transport):
    """A transport whose writes are sent by ``flush``, at the latest when the current turn of the loop is over."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []
        self._size = 0

    def write(self, data: Any) -> None:
        """Send data soon."""
        if not self._held:
            self._loop.call_soon(self.flush)
        self._held.append(data)
        self._size += len(data)
        if self._size > _MOST:
            self.flush()

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        """Send several pieces soon."""
        for data in list_of_data:
            self.write(data)

    def flush(self) -> None:
        """Send now what was written."""
        held, self._held, self._size = self._held, [], 0
        if not held or self._transport.is_closing():
            return
        if len(held) == 1:
            self._transport.write(held[0])
        else:
            self._transport.writelines(held)

    def close(self) -> None:
        """Send what was written and close."""
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._held.clear()
        self._transport.abort()

    def is_closing(self) -> bool:
        """Whether it is closed or will be."""
        return self._transport.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what is known of the connection."""
        return self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        """Read no more for now."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        self._transport.resume_reading()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand the connection over."""
        self._transport.set_protocol(protocol)

    def get_write_buffer_size(self) -> int:
        """Return the bytes that are not sent yet."""
        return self._size + self._transport.get_write_buffer_size()
