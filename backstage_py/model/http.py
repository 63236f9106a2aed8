"""What comes back over HTTP, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UrlContent:
    """A file read from a URL; ``etag`` is opaque and may be given to the next read."""

    content: bytes
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class BackstageResponse:
    """An answer of a Backstage plugin with its headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
