"""What the platform offers by Crossplane: for the catalog, and for those who ask; imported where it is configured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backstage_py.integrations.crossplane.deployed import GitHosts
from backstage_py.integrations.crossplane.provisioning import Provisioner
from backstage_py.model.json import Json
from backstage_py.permissions import names
from backstage_py.permissions.mode import Permissions
from backstage_py.plugin.services import CatalogClient
from backstage_py.provisioning.authorized import AuthorizedProvisioner
from backstage_py.provisioning.catalog import ResourceProvider
from backstage_py.settings.addresses import Addresses
from backstage_py.storage.database import Database
from backstage_py.storage.reporting.events import PlatformEventStore


@dataclass(frozen=True, slots=True)
class Offered:
    """Resources by their kind, and what keeps their entities in the catalog."""

    provisioner: Provisioner
    kept: Mapping[str, ResourceProvider]
    url: str

    @property
    def providers(self) -> Sequence[ResourceProvider]:
        """Of the catalog."""
        return tuple(self.kept.values())

    def authorized(self, catalog: CatalogClient, permissions: Permissions, store: Database) -> AuthorizedProvisioner:
        """Return what asks who may, what the catalog says of them, and counts."""
        told = PlatformEventStore(store)
        return AuthorizedProvisioner(
            self.provisioner,
            permissions.authority(names.CROSSPLANE),
            catalog,
            self.url,
            lambda name: self.kept[name].change(),
            lambda one: told.put([one]),
        )


def offered(config: Mapping[str, Json], hosts: GitHosts | None, addresses: Addresses) -> Offered | None:
    """Return what the configuration offers, None if it is nothing.

    Raises:
        SettingsError: ``crossplane`` is wrong, or a repository is on a host that is not served.
    """
    provisioner, url = Provisioner(config, hosts), addresses.plugin(names.CROSSPLANE)
    kept = {name: ResourceProvider(provisioner, name, url) for name in provisioner.offers}
    return Offered(provisioner, kept, url) if kept else None
