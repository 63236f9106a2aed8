"""Parts of a workspace from a bucket and into it, by links; what cannot be had there comes over the execution API."""

import http.client
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

from backstage_py.execution import requests

_SECONDS = 20.0
_TRIES = 10
_PAUSES = (0.05, 0.2, 0.5)
_LATER = (429, 500, 502, 503, 504)
_DONE = (200, 201, 204, 206)


def download(url: str, size: int) -> bytes | None:
    """Return an object of so many bytes; it goes on where it broke off. None when it cannot be had."""
    held = bytearray()
    status = _tried("GET", url, {}, None, held, size)
    return bytes(held) if status in _DONE and len(held) == size else None


def upload(url: str, headers: Mapping[str, str], content: bytes) -> bool:
    """Put an object; return whether it is there."""
    return _tried("PUT", url, headers, content, bytearray(), 1) in _DONE


def _tried(
    method: str, url: str, headers: Mapping[str, str], body: bytes | None, held: bytearray, most: int
) -> int | None:
    """Return the status of the answer, whose body is in ``held``; None when three tries brought nothing new."""
    in_vain = 0
    for _ in range(_TRIES):
        had = len(held)
        try:
            status = _once(method, url, headers, body, held, most)
        except (OSError, http.client.HTTPException):
            status = None
        if status is not None and status not in _LATER:
            return status
        in_vain = 0 if len(held) > had else in_vain + 1
        if in_vain == len(_PAUSES):
            return None
        time.sleep(_PAUSES[in_vain])
    return None


def _once(method: str, url: str, headers: Mapping[str, str], body: bytes | None, held: bytearray, most: int) -> int:
    place = urlsplit(url)
    connection = requests.connection(place, _SECONDS)
    try:
        connection.request(method, f"{place.path}?{place.query}", body, {**headers, **requests.behind(held)})
        answer = connection.getresponse()
        if answer.status in _DONE:
            requests.read_on(answer, held, most)
        return answer.status
    finally:
        connection.close()
