"""Name resolution for aiohttp that leaves out forbidden addresses; imported with aiohttp, when it is first used."""

import socket
from collections.abc import Callable

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from backstage_py.integrations.web.addresses import BlockedAddressError, is_metadata, is_public, literal


class GuardedResolver(AbstractResolver):
    """Resolves names and drops the addresses that may not be contacted, at the moment of connecting.

    Checking here leaves no time for a name to change between check and use. A listed name may lead to private
    addresses, yet to a metadata service only when that address itself is listed.
    """

    def __init__(self, is_listed: Callable[[str], bool]) -> None:
        self._inner = ThreadedResolver()
        self._is_listed = is_listed

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the usable addresses of a name."""
        found = await self._inner.resolve(host, port, family)
        usable = [result for result in found if self._may_use(host, result["host"])]
        if not usable:
            raise BlockedAddressError(f"{host} leads to a private address")
        return usable

    async def close(self) -> None:
        """Nothing is held."""
        await self._inner.close()

    def _may_use(self, host: str, text: str) -> bool:
        address = literal(text)
        if address is None or (is_metadata(address) and not self._is_listed(text)):
            return False
        return is_public(address) or self._is_listed(host)
