"""Completing what a person types into a form field, by asking the host that the field is about."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from backstage_py.errors import InputError
from backstage_py.model.json import JsonObject


class AutocompleteHandler(Protocol):
    """Completes for one provider, e.g. ``github``."""

    async def __call__(self, *, resource: str, token: str, context: Mapping[str, str]) -> Sequence[JsonObject]:
        """Return ``{id, title?}`` for each match.

        Args:
            resource: what to look for, e.g. ``repositoriesWithOwner``.
            token: the person's own token for the provider.
            context: what the form knows already, e.g. the owner.
        """


async def complete(
    handlers: Mapping[str, AutocompleteHandler],
    provider: str,
    resource: str,
    token: str,
    context: Mapping[str, str],
) -> Sequence[JsonObject]:
    """Ask a provider.

    Raises:
        InputError: there is no token, or no such provider. The wording is Backstage's.
    """
    if not token:
        raise InputError("Missing token query parameter")
    handler = handlers.get(provider)
    if handler is None:
        raise InputError(f"Unsupported provider: {provider}")
    return await handler(resource=resource, token=token, context=context)
