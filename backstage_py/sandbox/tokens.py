"""Who sends a request: ``token X`` and ``Bearer X`` for the API, Basic with the token as password for git."""

import base64
import binascii
import hashlib
from collections.abc import Mapping


class Tokens:
    """Known tokens. Only their hashes are kept, so no dump and no log of this object can show one.

    Comparing hashes of the whole token also leaves nothing to learn from the time a lookup takes.
    """

    def __init__(self, logins: Mapping[str, str]) -> None:
        self._logins = {_digest(token): login for token, login in logins.items()}

    @property
    def logins(self) -> frozenset[str]:
        """The users that exist, in lower case."""
        return frozenset(login.lower() for login in self._logins.values())

    def login(self, authorization: str | None) -> str | None:
        """Return the login of an Authorization header, None when there is no header.

        Raises:
            PermissionError: the header holds no token that is known.
        """
        if authorization is None:
            return None
        for token in _candidates(authorization):
            if login := self._logins.get(_digest(token)):
                return login
        raise PermissionError("unknown token")


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _candidates(authorization: str) -> list[str]:
    scheme, _, rest = authorization.partition(" ")
    match scheme.lower():
        case "token" | "bearer":
            return [rest.strip()]
        case "basic":
            try:
                user, _, password = base64.b64decode(rest, validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                return []
            return [password, user]  # GitHub takes the token in either place
        case _:
            return []
