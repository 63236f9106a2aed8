"""Which kinds of entities may come from which locations: ``catalog.rules`` and the rules of configured locations."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl, urlsplit

from backstage_py.model import globs, web_url
from backstage_py.model.location_ref import LocationRef
from backstage_py.settings.sections import CatalogRule, CatalogSettings


@dataclass(frozen=True, slots=True)
class _Kind:
    kind: str
    spec_type: str | None = None

    def matches(self, kind: str, spec_type: str | None) -> bool:
        if kind.lower() != self.kind.lower():
            return False
        return self.spec_type is None or (spec_type is not None and spec_type.lower() == self.spec_type.lower())


@dataclass(frozen=True, slots=True)
class _Place:
    type: str
    exact: str | None = None
    pattern: str | None = None

    def matches(self, type_: str, target: str) -> bool:
        if self.type != type_ or (self.exact and self.exact != target):
            return False
        if not self.pattern:
            return True
        return not _says_twice(target) and globs.matches(self.pattern, target, ignore_case=True)


@dataclass(frozen=True, slots=True)
class _Rule:
    kinds: tuple[_Kind, ...]
    places: tuple[_Place, ...] | None


class Rules:
    """Decides whether an entity may come from a location."""

    def __init__(self, rules: Sequence[_Rule]) -> None:
        self._rules = tuple(rules)

    def allows(self, kind: str, spec_type: str | None, origin: LocationRef) -> bool:
        """Say whether some rule allows a kind and ``spec.type`` for what somebody registered.

        A rule that names places holds for canonical targets alone: one that is no URL or that climbs fits none.
        """
        target = _canonical(origin.type, origin.target)
        return any(
            (rule.places is None or (target is not None and _is_among(rule.places, origin.type, target)))
            and any(one.matches(kind, spec_type) for one in rule.kinds)
            for rule in self._rules
        )


def from_settings(settings: CatalogSettings) -> Rules:
    """Return the rules of a configuration: the global ones, and those of each configured location for it alone."""
    rules = [_Rule(_kinds(rule), _places(rule)) for rule in settings.rules]
    for location in settings.locations:
        place = (_Place(location.type, exact=_exact(location.type, location.target)),)
        rules += [_Rule(_kinds(rule), place) for rule in location.rules]
    return Rules(rules)


def _kinds(rule: CatalogRule) -> tuple[_Kind, ...]:
    return tuple(_Kind(one.kind, one.spec_type) for one in rule.allow)


def _places(rule: CatalogRule) -> tuple[_Place, ...] | None:
    if rule.locations is None:
        return None
    return tuple(_Place(one.type, one.exact and _exact(one.type, one.exact), one.pattern) for one in rule.locations)


def _is_among(places: Iterable[_Place], type_: str, target: str) -> bool:
    return any(place.matches(type_, target) for place in places)


def _says_twice(target: str) -> bool:
    """Whether a URL has a parameter twice: a pattern may fit the one, and the host heed the other."""
    names = [name for name, _ in parse_qsl(urlsplit(target).query, keep_blank_values=True)]
    return len(set(names)) < len(names)


def _exact(type_: str, target: str) -> str:
    return _canonical(type_, target) or target


@lru_cache(maxsize=1024)
def _canonical(type_: str, target: str) -> str | None:
    """Return what rules compare: of a URL its one spelling, decoded, without user and password; None for none."""
    if type_ != "url":
        return target
    try:
        parts = urlsplit(web_url.canonical(target))
    except ValueError:
        return None
    if web_url.climbs(parts.path):
        return None
    path = "/".join(web_url.decoded(part) for part in re.split(r"/|\\|%2f|%5c", parts.path, flags=re.IGNORECASE))
    query = f"?{web_url.decoded(parts.query)}" if parts.query else ""
    fragment = f"#{web_url.decoded(parts.fragment)}" if parts.fragment else ""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{path}{query}{fragment}"
