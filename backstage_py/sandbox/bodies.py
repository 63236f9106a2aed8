"""Request bodies, read within a bound."""

from starlette.requests import Request


class BodyTooLargeError(Exception):
    """The body is longer than allowed."""


async def read(request: Request, limit: int) -> bytes:
    """Return a request's body.

    Raises:
        BodyTooLargeError: it has more than ``limit`` bytes, by its header or in fact.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise BodyTooLargeError(f"the request's body has more than {limit} bytes")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise BodyTooLargeError(f"the request's body has more than {limit} bytes")
    return bytes(body)
