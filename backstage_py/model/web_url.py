"""Whether a text is a URL for ``new URL(text)`` of JavaScript: the failures of the URL Standard (url.spec.whatwg.org).

What a URL is made of is not asked here. International names are judged by Unicode's categories and normal forms, which
stand in for the tables of UTS 46.
"""

import ipaddress
import re
import unicodedata
from typing import Final
from urllib.parse import unquote_to_bytes

_SPECIAL: Final = frozenset({"http", "https", "ws", "wss", "ftp"})  # and file, which has neither port nor user
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_FORBIDDEN: Final = re.compile(r"[\0\t\n\r #/:<>?@\[\\\]^|]")
_FORBIDDEN_IN_DOMAIN: Final = re.compile(r"[\0-\x20#%/:<>?@\[\\\]^|\x7f]")
_DRIVE: Final = re.compile(r"[A-Za-z][:|]")
_DOTS: Final = re.compile("[.\u3002\uff0e\uff61]")
_NUMERIC: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PORT: Final = re.compile(r"[0-9]*")
_LARGEST_PORT: Final = 65535
_BYTES_OF_IPV4: Final = 4
_IGNORED: Final = re.compile("[\u00ad\u034f\u180b-\u180d\u200b\u2060\ufe00-\ufe0f\ufeff]")
_NEVER: Final = ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs")
_SURROUNDING: Final = "".join(map(chr, range(33)))


def is_url(text: str) -> bool:
    """Say whether a text is an absolute URL."""
    cleaned = re.sub(r"[\t\r\n]", "", text.strip(_SURROUNDING))
    scheme, colon, rest = cleaned.partition(":")
    if not colon or not _SCHEME.fullmatch(scheme):
        return False
    scheme = scheme.lower()
    if scheme == "file":
        return _is_file(rest)
    if scheme in _SPECIAL:
        authority = re.split(r"[/\\?#]", rest.lstrip("/\\"), maxsplit=1)[0]
        return _is_authority(authority, special=True)
    if not rest.startswith("//"):
        return True
    return _is_authority(re.split(r"[/?#]", rest[2:], maxsplit=1)[0], special=False)


def _is_file(rest: str) -> bool:
    if not re.match(r"[/\\]{2}", rest):
        return True
    host = re.split(r"[/\\?#]", rest[2:], maxsplit=1)[0]
    return not host or bool(_DRIVE.fullmatch(host)) or _is_host(host, special=True)


def _is_authority(authority: str, *, special: bool) -> bool:
    _, at, server = authority.rpartition("@")
    if server.startswith("["):
        host, bracket, after = server.partition("]")
        host, port = host + bracket, after.removeprefix(":")
        if after and not after.startswith(":"):
            return False
    else:
        host, colon, port = server.partition(":")
        if not host:
            return not (special or at or colon)
    return bool(_PORT.fullmatch(port)) and int(port or 0) <= _LARGEST_PORT and _is_host(host, special=special)


def _is_host(host: str, *, special: bool) -> bool:
    if host.startswith("["):
        return host.endswith("]") and _is_ipv6(host[1:-1])
    if not special:
        return not _FORBIDDEN.search(host)
    domain = _domain(unquote_to_bytes(host).decode(errors="replace"))
    if not domain or _FORBIDDEN_IN_DOMAIN.search(domain):
        return False
    labels = domain.split(".")
    if len(labels) > 1 and not labels[-1]:
        labels.pop()
    return _is_ipv4(labels) if _NUMERIC.fullmatch(labels[-1]) else True


def _domain(name: str) -> str | None:
    """Return the domain with names mapped, None when one of its labels is not allowed."""
    mapped = unicodedata.normalize("NFKC", _IGNORED.sub("", name).casefold())
    labels = _DOTS.split(mapped)
    return ".".join(labels) if all(map(_is_label, labels)) else None


def _is_label(label: str) -> bool:
    if label.startswith("xn--"):
        return _is_punycode(label[4:])
    return label.isascii() or not (
        unicodedata.category(label[0]).startswith("M")
        or "\ufffd" in label  # what is no UTF-8 has become this
        or any(unicodedata.category(one) in _NEVER for one in label if not one.isascii())
    )


def _is_punycode(text: str) -> bool:
    try:
        decoded = text.encode("ascii").decode("punycode")
    except UnicodeError:
        return False
    is_mapped = unicodedata.normalize("NFKC", decoded.casefold()) == decoded
    return is_mapped and not decoded.isascii() and _is_label(decoded)


def _is_ipv6(text: str) -> bool:
    try:
        return ipaddress.IPv6Address(text).scope_id is None
    except ValueError:
        return False


def _is_ipv4(parts: list[str]) -> bool:
    numbers = [_number(part) for part in parts]
    if len(numbers) > _BYTES_OF_IPV4 or None in numbers:
        return False
    *first, last = [number or 0 for number in numbers]
    return all(number < 256 for number in first) and last < 256 ** (_BYTES_OF_IPV4 - len(first))  # noqa: PLR2004  # a byte


def _number(part: str) -> int | None:
    """Return a part of an IPv4 address: decimal, octal after ``0`` or hexadecimal after ``0x``."""
    if re.fullmatch(r"0[xX][0-9A-Fa-f]*", part):
        return int(part[2:] or "0", 16)
    if re.fullmatch(r"0[0-7]+", part):
        return int(part, 8)
    return int(part) if re.fullmatch(r"0|[1-9][0-9]*", part) else None
