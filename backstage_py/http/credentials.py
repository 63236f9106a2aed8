"""The caller of a request, as authenticated in front of each plugin."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request

from backstage_py.errors import AuthenticationError, NotAllowedError
from backstage_py.identity.principals import NOBODY, Credentials, NonePrincipal, UserPrincipal

Authenticate = Callable[[str], Awaitable[Credentials]]

CREDENTIALS = "backstage.credentials"  # key in the ASGI scope
AUTHENTICATE = "backstage.authenticate"  # key of the function from an authorization header to credentials


def credentials(request: Request) -> Credentials:
    """Return who calls: a user or a service; nobody only where the default policy is switched off."""
    found: Credentials = request.scope.get(CREDENTIALS, NOBODY)
    return found


async def credentials_of(request: Request, token: str | None) -> Credentials:
    """Return the credentials of the token in a request's body; without one, those of the caller.

    Raises:
        AuthenticationError: the token is not valid.
    """
    authenticate: Authenticate | None = request.scope.get(AUTHENTICATE)
    return await authenticate(f"Bearer {token}") if token and authenticate else credentials(request)


def refuse_all_but_services(request: Request) -> None:
    """Refuse users, be it through a plugin, and nobody.

    Raises:
        AuthenticationError: nobody is known to be calling. NotAllowedError: a user calls.
    """
    match credentials(request).principal:
        case UserPrincipal():
            raise NotAllowedError("This endpoint does not allow 'user' credentials")
        case NonePrincipal():
            raise AuthenticationError("Missing credentials")
