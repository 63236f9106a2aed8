"""Which peers are proxies of the operator: ``backend.trustProxy``, as Express reads it."""

import ipaddress
from typing import Final

_PRESETS: Final = {
    "loopback": ("127.0.0.0/8", "::1/128"),
    "linklocal": ("169.254.0.0/16", "fe80::/10"),
    "uniquelocal": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),
}


class TrustedProxies:
    """The trusted peers.

    Args:
        trust: all peers or none, or networks, addresses and the names that Express knows: ``loopback``,
            ``linklocal``, ``uniquelocal``.

    Raises:
        ValueError: one of them is neither a network nor a name.
    """

    def __init__(self, trust: bool | tuple[str, ...]) -> None:  # noqa: FBT001  # the setting's own form
        names = trust if isinstance(trust, tuple) else ()
        self._all = trust is True
        self._networks = [
            ipaddress.ip_network(text, strict=False) for name in names for text in _PRESETS.get(name, (name,))
        ]

    def __contains__(self, address: str) -> bool:
        if self._all or not self._networks:
            return self._all
        try:
            peer = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:  # a Unix socket has no address
            return False
        mapped = getattr(peer, "ipv4_mapped", None)
        return any((mapped or peer) in network for network in self._networks)
