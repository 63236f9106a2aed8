"""Which kinds of entities may come from which locations: ``catalog.rules`` and the rules of configured locations."""

from collections.abc import Sequence
from dataclasses import dataclass

from backstage_py.model import globs
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

    def matches(self, location: LocationRef) -> bool:
        if self.type != location.type or (self.exact and self.exact != location.target):
            return False
        return not self.pattern or globs.matches(self.pattern, location.target, ignore_case=True)


@dataclass(frozen=True, slots=True)
class _Rule:
    kinds: tuple[_Kind, ...]
    places: tuple[_Place, ...] | None


class Rules:
    """Decides whether an entity may come from a location."""

    def __init__(self, rules: Sequence[_Rule]) -> None:
        self._rules = tuple(rules)

    def allows(self, kind: str, spec_type: str | None, origin: LocationRef) -> bool:
        """Say whether some rule allows a kind and ``spec.type`` for what somebody registered."""
        return any(
            (rule.places is None or any(place.matches(origin) for place in rule.places))
            and any(one.matches(kind, spec_type) for one in rule.kinds)
            for rule in self._rules
        )


def from_settings(settings: CatalogSettings) -> Rules:
    """Return the rules of a configuration: the global ones, and those of each configured location for it alone."""
    rules = [_Rule(_kinds(rule), _places(rule)) for rule in settings.rules]
    for location in settings.locations:
        place = (_Place(location.type, exact=location.target),)
        rules += [_Rule(_kinds(rule), place) for rule in location.rules]
    return Rules(rules)


def _kinds(rule: CatalogRule) -> tuple[_Kind, ...]:
    return tuple(_Kind(one.kind, one.spec_type) for one in rule.allow)


def _places(rule: CatalogRule) -> tuple[_Place, ...] | None:
    if rule.locations is None:
        return None
    return tuple(_Place(one.type, one.exact, one.pattern) for one in rule.locations)
