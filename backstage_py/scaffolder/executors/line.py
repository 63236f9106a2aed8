"""The service's end of a connection with a handler: numbers what is sent, and knows what comes again."""

from backstage_py.execution import messages
from backstage_py.execution.messages import FromHandler, FromService, ProtocolError


class Line:
    """Turns messages into bytes and back, in their order."""

    def __init__(self) -> None:
        self._sent = 0
        self._seen = 0

    @property
    def seen(self) -> int:
        """The number of the last message that came."""
        return self._seen

    def encode(self, message: FromService) -> bytes:
        """Return a message as it travels.

        Raises:
            TypeError: a value in it is no JSON. ValueError: it is too large.
        """
        data = messages.encode(message, self._sent + 1)
        self._sent += 1
        return data

    def decode(self, data: bytes) -> FromHandler | None:
        """Return what a handler sent; None when that was here before.

        Raises:
            ProtocolError: it is no message, or one is missing before it.
        """
        seq, message = messages.from_handler(data)
        if seq <= self._seen:
            return None
        if seq != self._seen + 1:
            raise ProtocolError("a message is missing before it")
        self._seen = seq
        return message
