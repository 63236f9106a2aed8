"""``backend.reading.allow``: which URLs may be read that are on no git host."""

import posixpath
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from urllib.parse import SplitResult, urlsplit

from backstage_py.integrations.web.http import listed_hosts
from backstage_py.settings.sections import ReadingRule

_DEFAULT_PORTS = {"http": 80, "https": 443}


def is_allowed(url: str, rules: Iterable[ReadingRule]) -> bool:
    """Tell whether a rule allows a URL: host with port (a range may be given), and path if the rule has some."""
    parts = urlsplit(url)
    return parts.scheme in _DEFAULT_PORTS and any(_allows(rule, parts) for rule in rules)


def are_allowed_together(url: str, other: str, rules: Iterable[ReadingRule]) -> bool:
    """Tell whether one path that a rule names holds both URLs; a rule without paths allows the whole host."""
    return any(is_allowed(url, [part]) and is_allowed(other, [part]) for rule in rules for part in _parts(rule))


def _parts(rule: ReadingRule) -> Iterator[ReadingRule]:
    if rule.paths is None:
        yield rule
    else:
        yield from (replace(rule, paths=(path,)) for path in rule.paths)


def _allows(rule: ReadingRule, parts: SplitResult) -> bool:
    is_host = listed_hosts([rule.host])
    port = parts.port or _DEFAULT_PORTS[parts.scheme]
    return is_host(parts.hostname or "", port) and _path_fits(rule.paths, parts.path or "/")


def _path_fits(allowed: Sequence[str] | None, path: str) -> bool:
    if allowed is None:
        return True
    plain = posixpath.normpath(path) + ("/" if path.endswith("/") and path != "/" else "")
    return any(plain == prefix or plain.startswith(f"{prefix.rstrip('/')}/") for prefix in allowed)
