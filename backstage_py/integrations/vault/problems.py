"""hvac's errors and its transport's as ours: Vault's own words, and what to do."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from backstage_py.errors import (
    AuthenticationError,
    BackstageError,
    ForeignError,
    InputError,
    NotAllowedError,
    NotFoundError,
    ServiceUnavailableError,
)

if TYPE_CHECKING:
    from hvac import Client

_DENIED = (
    "the service's token has no policy for it; the operator has to extend the policies of 'vault.token' or of the role "
    "in 'vault.auth'"
)
_EXPIRED = (
    "the service's token is not known or has expired; the operator has to renew 'vault.token', or let the service sign "
    "in with 'vault.auth'"
)
_COUNTED = re.compile(r"^\d+ errors? occurred: \* ")
_SEALED = "the operator has to unseal it; the step can be run again then"


@contextmanager
def explained(url: str, client: "Client | None" = None) -> Iterator[None]:
    """Raise errors of calls to a server as ours.

    Args:
        url: of the server, for messages.
        client: asked whether its token is still good, when something was denied.
    """
    from hvac import exceptions
    from requests import RequestException

    kinds: dict[type[Exception], type[BackstageError]] = {
        exceptions.InvalidRequest: InputError,
        exceptions.Unauthorized: AuthenticationError,
        exceptions.Forbidden: NotAllowedError,
        exceptions.InvalidPath: NotFoundError,
        exceptions.RateLimitExceeded: ServiceUnavailableError,
        exceptions.VaultDown: ServiceUnavailableError,
        exceptions.BadGateway: ServiceUnavailableError,
    }
    try:
        yield
    except exceptions.VaultError as error:
        said = ", ".join(error.errors) if isinstance(error.errors, list) and error.errors else type(error).__name__
        said = _COUNTED.sub("", " ".join(said.split()))
        kind, words = kinds.get(type(error), ForeignError), f"Vault refused: {said}"
        if isinstance(error, exceptions.VaultDown) and "sealed" in said:
            raise ServiceUnavailableError(f"{words}; {_SEALED}") from error
        if isinstance(error, exceptions.Forbidden) and client is not None:
            if _is_known(client):
                raise NotAllowedError(f"{words}; {_DENIED}") from error
            raise AuthenticationError(f"{words}; {_EXPIRED}") from error
        raise kind(words) from error
    except (RequestException, OSError) as error:
        raise ServiceUnavailableError(f"Vault at {url} does not answer: {type(error).__name__}") from error


def _is_known(client: "Client") -> bool:
    from hvac.exceptions import VaultError
    from requests import RequestException

    try:
        client.auth.token.lookup_self()
    except (VaultError, RequestException):
        return False
    return True
