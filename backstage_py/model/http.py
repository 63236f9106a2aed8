"""What comes back over HTTP, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass

from backstage_py.model.json import Json


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


def error_message(body: Json) -> str:
    """Return the message of an error body of Backstage, empty for any other body.

    That is ``{"error": {"message"}}``, or for values that do not fit a form ``{"errors": [{"message", "stack"}]}``.
    """
    if not isinstance(body, dict):
        return ""
    if isinstance(body.get("errors"), list):
        return "; ".join(str(one.get("stack") or one.get("message")) for one in body["errors"])
    error = body.get("error")
    return str(error.get("message", "")) if isinstance(error, dict) else ""
