"""The service's end of a connection with a handler: numbers what is sent, and knows what comes again."""

from backstage_py import threads
from backstage_py.errors import InputError
from backstage_py.execution import messages
from backstage_py.execution.messages import FromHandler, FromService, ProtocolError

_FAST = 8  # JSON is read that much faster than other texts


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

    async def read(self, data: bytes) -> FromHandler | None:
        """Do as ``decode``; a large message is parsed where it holds up nobody. One at a time, in their order."""
        try:
            found = await threads.render_large(len(data) // _FAST, messages.from_handler, data)
        except InputError as error:
            raise ProtocolError(error.message) from None
        return self._next(*found)

    def decode(self, data: bytes) -> FromHandler | None:
        """Return what a handler sent; None when that was here before.

        Raises:
            ProtocolError: it is no message, or one is missing before it.
        """
        return self._next(*messages.from_handler(data))

    def _next(self, seq: int, message: FromHandler) -> FromHandler | None:
        if seq <= self._seen:
            return None
        if seq != self._seen + 1:
            raise ProtocolError("a message is missing before it")
        self._seen = seq
        return message
