"""Which network addresses may be contacted: public ones, and private ones only for hosts that an operator listed."""

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_GLOBAL_UNICAST = ipaddress.ip_network(
    "2000::/3"
)  # what else carries an IPv4 address (::/96, ::ffff:0:0:0/96) lies outside
_METADATA = frozenset(
    ipaddress.ip_address(text) for text in ("169.254.169.254", "169.254.170.2", "100.100.100.200", "fd00:ec2::254")
)


class BlockedAddressError(OSError):
    """A name leads to an address that may not be contacted."""


def literal(host: str) -> Address | None:
    """Return the address that a host of a URL is, None for a name."""
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None


def is_public(address: Address) -> bool:
    """Tell whether an address is on the public internet, also when an IPv6 form carries an IPv4 address."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address not in _GLOBAL_UNICAST:
            return False
    return address.is_global and not address.is_multicast


def is_metadata(address: Address) -> bool:
    """Tell whether an address is that of a cloud's metadata service, which hands out credentials."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return is_metadata(address.ipv4_mapped)
    return address in _METADATA
