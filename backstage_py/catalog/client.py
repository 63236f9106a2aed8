"""The catalog of this process as actions see it (``CatalogClient``)."""

from collections.abc import Sequence

from backstage_py.catalog.authorized import AuthorizedCatalog
from backstage_py.identity.principals import Credentials, ServicePrincipal, UserPrincipal
from backstage_py.model import json
from backstage_py.model.json import JsonObject

_VISIBLE_SECONDS = 2.0
_OURSELVES = Credentials(ServicePrincipal("plugin:scaffolder"))


class LocalCatalogClient:
    """Implements ``CatalogClient`` over the catalog of this process.

    Without a token this service itself asks and may do everything; with one, its user's permissions count.
    """

    def __init__(self, catalog: AuthorizedCatalog) -> None:
        self._catalog = catalog

    async def entities_by_refs(self, refs: Sequence[str], *, token: str | None) -> list[JsonObject | None]:
        """Return the entities in the order of ``refs``, None where there is none."""
        texts = await self._catalog.by_refs(refs, _caller(token))
        return [None if text is None else json.parse(text) for text in texts]

    async def add_location(self, target: str, *, token: str | None, type: str = "url") -> JsonObject:  # noqa: A002  # the protocol's word
        """Register a location; its entities can be read when this returns, unless reading it is slow.

        Raises:
            ConflictError: it is registered already. InputError: its type may not be registered.
            NotAllowedError: the user may not.
        """
        registered = await self._catalog.register(type, target, _caller(token))
        await self._catalog.service.settle(_VISIBLE_SECONDS)
        return registered.as_json()

    async def preview_location(self, target: str, *, token: str | None, type: str = "url") -> JsonObject:  # noqa: A002  # as above
        """Return what registering a location would bring.

        Raises:
            InputError: anything is wrong with the location or its entities. NotAllowedError: the user may not.
        """
        return (await self._catalog.preview(type, target, _caller(token))).as_json()

    async def refresh(self, entity_ref: str, *, token: str | None) -> None:
        """Have an entity read again soon.

        Raises:
            NotFoundError: there is no such entity. NotAllowedError: the user may not.
        """
        await self._catalog.refresh(entity_ref, _caller(token))


def _caller(token: str | None) -> Credentials:
    """Return who calls, unverified: only a permission backend is told, which verifies the token itself."""
    return _OURSELVES if token is None else Credentials(UserPrincipal(""), token)
