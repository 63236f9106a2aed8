"""URLs by the URL Standard (url.spec.whatwg.org), through the parser that Node.js has too.

A check and a client that read a URL differently are a way around the check. So every URL is made canonical once,
before anything is asked about it, and only the canonical text goes on.
"""

import re
from typing import Final
from urllib.parse import quote, unquote

import ada_url

from backstage_py.errors import InputError

_REMOVED: Final = re.compile(r"[\t\r\n]")  # the standard takes them out of a URL before it reads it
_DOTS: Final = frozenset({".", ".."})
_MOST_DECODED: Final = 5
_RESERVED: Final = frozenset(";/?:@&=+$,#")
_ESCAPES: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_NO_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


def is_url(text: str) -> bool:
    """Say whether a text is an absolute URL, as ``new URL(text)`` of JavaScript decides."""
    try:
        return ada_url.check_url(text)
    except UnicodeError:  # a lone surrogate
        return False


def is_http(text: str) -> bool:
    """Say whether a text is an absolute URL that begins with http:// or https://."""
    return text[:8].lower().startswith(("http://", "https://")) and is_url(text)


def canonical(url: str) -> str:
    """Return the one spelling of an absolute URL, as ``new URL(url).href`` gives it.

    Raises:
        ValueError: it is no absolute URL.
    """
    return ada_url.normalize_url(url)


def join(base: str, url: str) -> str:
    """Return the canonical form of ``url`` as seen from ``base``.

    Raises:
        ValueError: the two make no URL.
    """
    return ada_url.join_url(base, url)


def decoded(text: str) -> str:
    """Return part of a URL as ``decodeURI`` of JavaScript decodes it; as it is where that throws."""
    if _NO_ESCAPE.search(text):
        return text
    try:
        return _ESCAPES.sub(_decoded, text)
    except UnicodeDecodeError:
        return text


def _decoded(escapes: re.Match[str]) -> str:
    plain = bytes.fromhex(escapes[0].replace("%", "")).decode()
    return "".join(f"%{ord(char):02X}" if char in _RESERVED else char for char in plain)


def canonical_host(host: str) -> str:
    """Return a host without a port as it stands in canonical URLs; as it is, in lower case, when it is none."""
    try:
        return ada_url.URL(f"https://{host}/").hostname
    except ValueError:
        return host.lower()


def segment(name: str) -> str:
    """Return a name that somebody chose as one segment of a path.

    Raises:
        InputError: it is empty, or an address that is made of it would lead elsewhere.
    """
    if not name:
        raise InputError("A name is empty that is needed for an address")
    _refuse_dots(name)
    return quote(name, safe="")


def path(template: str, **names: str) -> str:
    """Fill the names of a path such as ``/repos/{owner}/{repo}``, each quoted as one segment.

    Raises:
        InputError: a name is empty, or would lead elsewhere.
    """
    return template.format(**{key: segment(value) for key, value in names.items()})


def segments(path: str) -> str:
    """Return a path that somebody chose, such as a branch or a file, quoted for a URL with its slashes kept.

    Raises:
        InputError: it climbs.
    """
    _refuse_dots(path)
    return quote(path, safe="/")


def below(root: str, path: str) -> str:
    """Return the canonical URL of ``path``, which starts with a slash and may have a query, below ``root``.

    Raises:
        InputError: it does not lie below the root, or climbs on the way.
    """
    _refuse_dots(re.split(r"[?#]", path, maxsplit=1)[0])
    try:
        start = canonical(f"{root.rstrip('/')}/")
        url = canonical(f"{root.rstrip('/')}{path}")
    except ValueError as error:
        raise InputError(f"'{root}{path}' is no URL") from error
    if not url.startswith(start) and re.split(r"[?#]", url, maxsplit=1)[0] != start.rstrip("/"):
        raise InputError(f"'{path}' leads out of {root}")
    return url


def climbs(path: str) -> bool:
    """Say whether a path has ``.`` or ``..`` among its segments, however they are encoded."""
    for _ in range(_MOST_DECODED):
        path = _REMOVED.sub("", path)
        if not _DOTS.isdisjoint(re.split(r"[/\\]", path)):
            return True
        decoded = unquote(path)
        if decoded == path:
            return False
        path = decoded
    return True


def _refuse_dots(path: str) -> None:
    if climbs(path):
        raise InputError(f"'{path}' may not be part of an address, since '.' and '..' lead elsewhere")
