"""The catalog of this process as actions see it (``CatalogClient``)."""

from collections.abc import Sequence

from backstage_py.catalog.service import CatalogService
from backstage_py.model import json
from backstage_py.model.json import JsonObject

_VISIBLE_SECONDS = 2.0


class LocalCatalogClient:
    """Implements ``CatalogClient`` over the service of this process; every caller may do everything."""

    def __init__(self, service: CatalogService) -> None:
        self._service = service

    async def entities_by_refs(self, refs: Sequence[str], *, token: str | None) -> list[JsonObject | None]:
        """Return the entities in the order of ``refs``, None where there is none."""
        del token
        texts = await self._service.reader.by_refs([ref.lower() for ref in refs])
        return [None if text is None else json.parse(text) for text in texts]

    async def add_location(self, target: str, *, token: str | None, type: str = "url") -> JsonObject:  # noqa: A002  # the protocol's word
        """Register a location; its entities can be read when this returns, unless reading it is slow.

        Raises:
            ConflictError: it is registered already. InputError: its type may not be registered.
        """
        del token
        registered = await self._service.register(type, target)
        await self._service.settle(_VISIBLE_SECONDS)
        return registered.as_json()

    async def preview_location(self, target: str, *, token: str | None, type: str = "url") -> JsonObject:  # noqa: A002  # as above
        """Return what registering a location would bring.

        Raises:
            InputError: anything is wrong with the location or its entities.
        """
        del token
        return (await self._service.preview(type, target)).as_json()

    async def refresh(self, entity_ref: str, *, token: str | None) -> None:
        """Have an entity read again soon.

        Raises:
            NotFoundError: there is no such entity.
        """
        del token
        await self._service.refresh(entity_ref)
