"""The JSON body of a request, with the error texts that clients of Backstage see."""

import zlib
from collections.abc import AsyncIterator

from starlette.requests import Request

from backstage_py import threads
from backstage_py.errors import InputError
from backstage_py.js import json_problem
from backstage_py.model import json
from backstage_py.model.json import Json

_PARSED = "backstage.body"  # key in the ASGI scope: the value, for whoever asks again
BODY_LIMIT = "backstage.body_limit"  # key in the ASGI scope: bytes, set per plugin
DEFAULT_LIMIT = 100 * 1024
_FAST = 8  # JSON is read that much faster than other texts
_MOST_VALUES = 500_000
_EXPLAINED = 256 * 1024  # bytes; the scanner that knows V8's words is slow


class TooLargeError(InputError):
    """The body is larger than its plugin reads."""


async def json_body(request: Request) -> Json:
    """Return the body: an object or an array; ``{}`` when there is none or it is not declared to be JSON.

    Asked again, it gives the same value; nobody changes it.

    Whether a body, and which type of it, is needed at all is checked by the OpenAPI document afterwards.

    Raises:
        InputError: the body is too large, compressed or encoded in an unknown way, or not JSON.
    """
    if _PARSED in request.scope:
        return request.scope[_PARSED]
    media_type, charset = content_type(request)
    if media_type != "application/json" or not _has_body(request):
        return {}
    charset = charset or "utf-8"
    if not charset.startswith("utf-"):
        raise InputError(f'unsupported charset "{charset.upper()}"')
    raw = await _read(request, request.scope.get(BODY_LIMIT, DEFAULT_LIMIT))
    if charset != "utf-8":
        try:
            raw = raw.decode(charset).encode()
        except (LookupError, UnicodeError):
            raise InputError(f'unsupported charset "{charset.upper()}"') from None
    found: Json = await threads.render_large(len(raw) // _FAST, parse, raw)
    request.scope[_PARSED] = found
    return found


async def raw(request: Request) -> bytes:
    """Return the bytes of the body, unpacked.

    Raises:
        InputError: it is larger than the plugin allows, or compressed in an unknown way.
    """
    return await _read(request, request.scope.get(BODY_LIMIT, DEFAULT_LIMIT))


def parse(raw: bytes) -> Json:
    """Return the JSON value of a body: an object or array; an empty body is an empty object.

    Raises:
        InputError: the text is not JSON or has another value at its top.
    """
    text = raw.removeprefix(b"\xef\xbb\xbf")
    if not text:
        return {}
    if text.lstrip(b" \t\r\n")[:1] not in {b"{", b"["}:
        raise InputError(json_problem.of_strict(text.decode(errors="replace")))
    if json.has_more(text, _MOST_VALUES):  # before it is parsed, since nothing else can run meanwhile
        raise InputError(f"The body has more than {_MOST_VALUES:,} values, objects and lists counted twice")
    try:
        return json.parse(text)
    except ValueError as error:
        problem = json_problem.of(text.decode(errors="replace")) if len(text) <= _EXPLAINED else None
        raise InputError(problem or f"The body is not valid JSON: {error}") from None


def content_type(request: Request) -> tuple[str | None, str | None]:
    """Return the media type and the charset of a request's content type, in lower case."""
    header = request.headers.get("content-type")
    if not header:
        return None, None
    media_type, _, rest = header.partition(";")
    charset = None
    for part in rest.split(";"):
        name, _, value = part.partition("=")
        if name.strip().lower() == "charset":
            charset = value.strip().strip('"').lower()
    return media_type.strip().lower(), charset


def _has_body(request: Request) -> bool:
    return "transfer-encoding" in request.headers or request.headers.get("content-length", "0") != "0"


async def _read(request: Request, limit: int) -> bytes:
    length = request.headers.get("content-length", "")
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding not in {"identity", "gzip", "deflate"}:
        raise InputError(f'unsupported content encoding "{encoding}"')
    if encoding == "identity" and length.isdigit() and int(length) > limit:
        raise TooLargeError("request entity too large")
    parts, size = [], 0
    async for part in _decoded(request, encoding, limit):
        size += len(part)
        if size > limit:
            raise TooLargeError("request entity too large")
        parts.append(part)
    return b"".join(parts)


async def _decoded(request: Request, encoding: str, limit: int) -> AsyncIterator[bytes]:
    if encoding == "identity":
        async for chunk in request.stream():
            yield chunk
        return
    decoder = zlib.decompressobj(wbits=31 if encoding == "gzip" else 15)
    async for chunk in request.stream():
        try:
            yield decoder.decompress(chunk, limit + 1)  # one byte more than allowed is enough to refuse it
        except zlib.error:
            raise InputError("incorrect header check") from None
