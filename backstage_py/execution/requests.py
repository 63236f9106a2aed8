"""What requests of a pod have in common: connections, and bodies that go on where they broke off."""

import http.client
import ssl
from urllib.parse import SplitResult

_PIECE = 256 * 1024
_PARTIAL = 206


def connection(url: SplitResult, seconds: float) -> http.client.HTTPConnection:
    """Return a connection that is not open yet.

    Args:
        url: where to.
        seconds: for it to open, and to wait for what comes over it.
    """
    if url.scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(url.hostname or "", url.port, timeout=seconds, context=context)
    return http.client.HTTPConnection(url.hostname or "", url.port, timeout=seconds)


def behind(held: bytearray) -> dict[str, str]:
    """Return the headers that ask for what is behind the bytes that one has."""
    return {"Range": f"bytes={len(held)}-"} if held else {}


def read_on(answer: http.client.HTTPResponse, held: bytearray, most: int | None = None) -> None:
    """Add what comes to what one has; what came is there, whatever happens then.

    Raises:
        OSError, HTTPException: it breaks off.
    """
    if answer.status != _PARTIAL:
        held.clear()
    while piece := answer.read(_PIECE):
        held += piece
        if most is not None and len(held) > most:
            return
    if answer.length:  # bytes that were announced, and did not come
        raise http.client.IncompleteRead(b"", answer.length)
