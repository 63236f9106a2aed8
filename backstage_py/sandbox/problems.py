"""The errors of the API, in GitHub's words and shape.

::

    Problem           any status
    ├── BadRequest    400  the body is not JSON
    ├── BadCredentials 401
    ├── NotFound      404  also for what the caller may not see
    ├── Conflict      409
    └── Unprocessable 422  a value is wrong; ``errors`` says which
"""

from collections.abc import Sequence
from http import HTTPStatus

from backstage_py.model.json import JsonObject

_DOCUMENTATION = "https://docs.github.com/rest"


class Problem(Exception):  # noqa: N818 - GitHub's documentation calls them problems, and each is an answer
    """An answer other than success."""

    def __init__(self, status: int, message: str, errors: Sequence[JsonObject] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = list(errors)

    @property
    def body(self) -> JsonObject:
        """The error object as GitHub sends it."""
        errors = {"errors": self.errors} if self.errors else {}
        return {
            "message": self.message,
            **errors,
            "documentation_url": _DOCUMENTATION,
            "status": str(self.status),
        }


class BadRequest(Problem):
    """The request cannot be read."""

    def __init__(self, message: str = "Problems parsing JSON") -> None:
        super().__init__(HTTPStatus.BAD_REQUEST, message)


class BadCredentials(Problem):
    """The token is unknown, or one is needed."""

    def __init__(self, message: str = "Bad credentials") -> None:
        super().__init__(HTTPStatus.UNAUTHORIZED, message)


class NotFound(Problem):
    """There is no such thing, or the caller may not see it."""

    def __init__(self, message: str = "Not Found") -> None:
        super().__init__(HTTPStatus.NOT_FOUND, message)


class Conflict(Problem):
    """The repository's state forbids it."""

    def __init__(self, message: str) -> None:
        super().__init__(HTTPStatus.CONFLICT, message)


class Unprocessable(Problem):
    """A value of the request is wrong."""

    def __init__(self, message: str = "Validation Failed", errors: Sequence[JsonObject] = ()) -> None:
        super().__init__(HTTPStatus.UNPROCESSABLE_ENTITY, message, errors)


def invalid_field(resource: str, field: str, message: str | None = None, code: str = "invalid") -> Unprocessable:
    """Return the 422 for one field: code ``invalid``, ``missing_field``, ``already_exists`` or ``custom``."""
    error = {"resource": resource, "code": code, "field": field}
    return Unprocessable(errors=[{**error, "message": message} if message else error])
