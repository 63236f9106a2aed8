"""Where a request is from: the address and the host name of the client, behind the proxies that the operator trusts."""

from starlette.datastructures import Headers
from starlette.types import Scope

from backstage_py.model.trusted_proxies import TrustedProxies
from backstage_py.settings.sections import ServerSettings

_MAPPED = "::ffff:"


class Peers:
    """Reads them as Express does.

    Args:
        settings: whom ``backend.trustProxy`` trusts.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self._proxies = TrustedProxies(settings.trust_proxy)
        self._hops = settings.trusted_hops

    def connected(self, scope: Scope) -> str:
        """Return the address of the connection itself; empty for a socket of Unix."""
        client = scope.get("client")
        address = str(client[0]) if client else ""
        return address.removeprefix(_MAPPED) if "." in address else address

    def address(self, scope: Scope) -> str:
        """Return the address of the client: the first one, from here on, that is no trusted proxy."""
        chain = [self.connected(scope)]
        forwarded = ",".join(Headers(scope=scope).getlist("x-forwarded-for"))
        chain += [part.strip() for part in reversed(forwarded.split(",")) if part.strip()]
        for hop, address in enumerate(chain):
            if not self._trusts(address, hop):
                return address
        return chain[-1]

    def hostname(self, scope: Scope) -> str | None:
        """Return the host that was asked, without its port."""
        headers = Headers(scope=scope)
        host = headers.get("host")
        if self._trusts(self.connected(scope), 0) and (named := headers.get("x-forwarded-host")):
            host = named.partition(",")[0].strip()
        if host is None:
            return None
        return host[: host.index("]") + 1] if host.startswith("[") and "]" in host else host.partition(":")[0]

    def _trusts(self, address: str, hop: int) -> bool:
        return hop < self._hops if self._hops is not None else address in self._proxies
