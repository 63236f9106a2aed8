"""Which way of deciding the configuration asks for, and a log line about it at start."""

from dataclasses import dataclass
from enum import StrEnum

import structlog

from backstage_py.identity.issuer import TokenIssuer
from backstage_py.identity.on_behalf import OnBehalf
from backstage_py.integrations.web.http import HttpClient
from backstage_py.permissions.authority import Authority
from backstage_py.permissions.backend import PermissionBackend
from backstage_py.settings.addresses import Addresses
from backstage_py.settings.sections import Settings

_log = structlog.get_logger(__name__)
_PLUGIN = "permission"


class Mode(StrEnum):
    """Who decides about users."""

    DISABLED = "disabled"
    ALLOW_ALL = "allow-all"
    BACKEND = "permission-backend"


@dataclass(frozen=True, slots=True)
class Permissions:
    """How permissions are decided in this process.

    Attributes:
        mode: who decides about users.
        url: root of the permission plugin.
    """

    mode: Mode
    url: str
    _http: HttpClient
    _issuer: TokenIssuer
    _known_as: str | None

    @classmethod
    def of(cls, settings: Settings, addresses: Addresses, http: HttpClient, issuer: TokenIssuer) -> "Permissions":
        """Find out.

        With ``permission.enabled``, the policy is that of the Backstage whose permission plugin ``discovery.endpoints``
        or ``backend.baseUrl`` lead to; where they lead here, it is the one that allows everything.
        """
        actions = settings.scaffolder.actions_plugin
        known_as = actions if addresses.discovery.target(actions) == f"{addresses.own}/api/{actions}" else None
        return cls(_mode(settings, addresses), addresses.plugin(_PLUGIN), http, issuer, known_as)

    def authority(self, plugin: str) -> Authority:
        """Return who decides for one of our plugins.

        It asks under the plugin id under which discovery leads to us for certain: that of our actions where it is
        listed, else the plugin's own. The permission backend looks for our public keys there.
        """
        if self.mode is not Mode.BACKEND:
            return Authority()
        on_behalf = OnBehalf(self._issuer, self._known_as or plugin)
        return Authority(PermissionBackend(self._http, self.url, on_behalf))

    def log_mode(self) -> None:
        """Say in the log who decides."""
        match self.mode:
            case Mode.DISABLED:
                _log.info("permissions_disabled", hint="'permission.enabled' is not set: users may do everything")
            case Mode.ALLOW_ALL:
                _log.warning(
                    "permissions_allow_everything",
                    hint="'permission.enabled' is set, but nothing says that the permission plugin is elsewhere than "
                    "here, where the policy allows everything; if a Backstage has a policy, name its address for the "
                    "plugin 'permission' in 'discovery.endpoints'",
                )
            case Mode.BACKEND:
                _log.info("permissions_decided_by_backend", url=self.url)


def _mode(settings: Settings, addresses: Addresses) -> Mode:
    if not settings.permission_enabled:
        return Mode.DISABLED
    return Mode.ALLOW_ALL if addresses.serves(_PLUGIN) else Mode.BACKEND
