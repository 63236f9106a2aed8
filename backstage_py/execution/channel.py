"""How messages travel, as the handler's side sees it; ``stream`` is one over a socket.

A channel blocks: an action may block its event loop, and must be reached all the same.
"""

from typing import Protocol

from backstage_py.execution.messages import FromHandler

NOT_WANTED = 3
"""The exit code of a handler's process that the service did not let in: another has its call, or nobody."""

UNHEARD = 4
"""The exit code of a handler's process that the service did not hear to its end: it did not answer any more."""

OPENING = "Backstage-Opening"
"""The header with which a pod may ask for the answer to its ticket again: a secret that it makes up."""


class ChannelClosed(Exception):  # noqa: N818  # the wanted end of a channel
    """Nobody listens at the other end any more."""


class Channel(Protocol):
    """One end of a connection; ``send`` may be called from any thread, ``receive`` from one at a time."""

    def send(self, message: FromHandler, seq: int) -> bool:
        """Send a message under a number; return whether that is used: lines may join others that have not gone yet.

        Raises:
            ChannelClosed: nobody takes it any more. TypeError, ValueError: it cannot be sent; see ``messages.encode``.
        """

    def receive(self) -> bytes | None:
        """Wait for a message; None when there will be none any more."""
