"""A provider, connected in one of the processes that have it."""

import asyncio

import structlog

from backstage_py import background
from backstage_py.catalog.outages import OF_DATABASE, patiently
from backstage_py.catalog.sharing import Leases
from backstage_py.catalog.sources.connection import Connection, Stores
from backstage_py.integrations.web import rates
from backstage_py.plugin.catalog import EntityProvider
from backstage_py.storage.catalog.lease import Lease, LeaseLostError

_RETRY_SECONDS = 30.0
_log = structlog.get_logger(__name__)


class Connected:
    """Connects a provider while this process has its lease.

    Args:
        provider: of this process.
        stores: what it changes, and where its state is kept.
        leases: of this process.

    Attributes:
        tried: set when the provider is connected, here or elsewhere, or has failed to.
    """

    def __init__(self, provider: EntityProvider, stores: Stores, leases: Leases) -> None:
        self._provider = provider
        self._stores = stores
        self._leases = leases
        self.tried = asyncio.Event()

    async def keep(self) -> None:
        """Have the provider connected until cancelled, unless another process has."""
        with rates.background():
            await background.supervised(f"catalog.provider {self._provider.name}", self._keep)

    async def _keep(self) -> None:
        try:
            await self._leases.keep(f"provider/{self._provider.name}", self._work, tried=self.tried)
        finally:
            self.tried.set()  # what went wrong here does not keep the service from starting

    async def _work(self, lease: Lease) -> None:
        connection = Connection(self._stores, self._provider.name, lease)
        try:
            is_connected = await patiently(lambda: self._connect(connection))
            self.tried.set()
            await asyncio.sleep(_RETRY_SECONDS if not is_connected else float("inf"))
        finally:
            await connection.end()
            await self._close()

    async def _connect(self, connection: Connection) -> bool:
        """Connect the provider; one that fails keeps its earlier entities and stops no other."""
        try:
            await self._provider.connect(connection)
        except LeaseLostError:
            raise
        except OF_DATABASE:  # it is connected again, and nobody connects twice what was not closed
            await connection.end()
            await self._close()
            raise
        except Exception as error:  # noqa: BLE001  # the edge of a plugin, which may fail in any way
            _log.exception("provider_connect_failed", provider=self._provider.name)
            await self._stores.states.ended(self._provider.name, str(error) or type(error).__name__)
            return False
        return True

    async def _close(self) -> None:
        try:
            await self._provider.close()
        except Exception:  # noqa: BLE001  # as above
            _log.exception("provider_close_failed", provider=self._provider.name)
