"""A channel over a socket: each message behind its length, four bytes, the most significant one first."""

import socket
import struct

from backstage_py.execution import messages
from backstage_py.execution.channel import ChannelClosed
from backstage_py.execution.messages import LARGEST, FromHandler, ProtocolError

_LENGTH = struct.Struct(">I")
HEADER = _LENGTH.size
"""Bytes before a message."""


def framed(data: bytes) -> bytes:
    """Return a message as it goes over a socket."""
    return _LENGTH.pack(len(data)) + data


def length(header: bytes) -> int:
    """Return how long the message behind a header is.

    Raises:
        ProtocolError: longer than any may be.
    """
    found: int = _LENGTH.unpack(header)[0]
    if found > LARGEST:
        raise ProtocolError(f"it has more than {LARGEST} bytes")
    return found


class StreamChannel:
    """Implements ``channel.Channel`` over a socket that blocks."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected

    def send(self, message: FromHandler, seq: int) -> bool:
        """Send a message; the caller sees to it that one goes at a time."""
        data = framed(messages.encode(message, seq))
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise ChannelClosed from error
        return True

    def receive(self) -> bytes | None:
        """Wait for a message."""
        header = self._read(HEADER)
        return None if header is None else self._read(length(header))

    def _read(self, size: int) -> bytes | None:
        found = bytearray()
        while len(found) < size:
            try:
                part = self._socket.recv(size - len(found))
            except OSError:
                return None
            if not part:
                return None
            found += part
        return bytes(found)
