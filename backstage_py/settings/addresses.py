"""Where this service is and which plugins are served here, when it shares one configuration with a Backstage.

In a shared file ``backend.baseUrl`` is the Backstage's own. The endpoint of ``discovery`` for the scaffolder, or for
the plugin id of our actions where Backstage keeps its scaffolder, then says where we are, and whatever discovery does
not send to us is over there: sign-in, permissions, perhaps the catalog.
"""

from dataclasses import dataclass

from backstage_py.settings.sections import DiscoverySettings, Settings

_OURS = "scaffolder"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Base URLs, without a slash at the end. ``own`` is where this service is reached."""

    own: str
    base_url: str
    discovery: DiscoverySettings

    @classmethod
    def of(cls, settings: Settings) -> "Addresses":
        """Find them out of the settings."""
        base_url = settings.backend.base_url
        found = (_root(settings.discovery, plugin) for plugin in (_OURS, settings.scaffolder.actions_plugin))
        return cls(next((root for root in found if root), base_url), base_url, settings.discovery)

    def plugin(self, plugin: str) -> str:
        """Return the base URL of a plugin, here or elsewhere."""
        return self.discovery.target(plugin) or f"{self.base_url}/api/{plugin}"

    def serves(self, plugin: str) -> bool:
        """Whether clients are sent to this service for a plugin."""
        return self.plugin(plugin) == f"{self.own}/api/{plugin}"


def _root(discovery: DiscoverySettings, plugin: str) -> str | None:
    target, suffix = discovery.target(plugin), f"/api/{plugin}"
    return target.removesuffix(suffix) if target and target.endswith(suffix) else None
