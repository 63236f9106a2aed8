"""References between schemas as ``new URL`` resolves them, which Node.js leaves to the library that is used here."""

import re

from backstage_py.model.npm_jsonschema.problem import SchemaProblem

_PLAIN_FRAGMENT = re.compile(r"#[A-Za-z0-9/_.~$@!&'()*+,;=:-]*")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:")
_NOWHERE = "resolve:"
"""The scheme that the package gives to what has none, and takes away again."""


def is_path(base: str) -> bool:
    """Return whether a base is a path without a host, as that of a schema without ``$id`` is."""
    return base.startswith("/") and not base.startswith("//")


def is_absolute(url: str) -> bool:
    """Return whether a resolved reference has a scheme."""
    return _SCHEME.match(url) is not None


def resolve(base: str, target: str) -> str:
    """Return ``target`` as seen from ``base``.

    Raises:
        SchemaProblem: one of them is no URL.
    """
    if is_path(base) and (not target or _PLAIN_FRAGMENT.fullmatch(target)):
        return base.partition("#")[0] + (target if len(target) > 1 else "")
    from ada_url import URL

    try:
        url = URL(target, base=URL(base, base=f"{_NOWHERE}//").href)
    except ValueError:
        raise SchemaProblem("Invalid URL") from None
    return url.pathname + url.search + url.hash if url.protocol == _NOWHERE else url.href
