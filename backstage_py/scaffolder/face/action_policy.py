"""``backend.actions``: which plugins' actions are offered and used, narrowed down by ids and attributes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backstage_py.model import globs
from backstage_py.model.json import Json

_ATTRIBUTES = ("destructive", "readOnly", "idempotent")


@dataclass(frozen=True, slots=True)
class Rule:
    """An entry of ``include`` or ``exclude``: a glob for the id, and attributes; what is not named matches."""

    id: str | None
    attributes: Mapping[str, bool]

    @classmethod
    def of(cls, configured: Mapping[str, Json]) -> "Rule":
        """Read it as it is configured."""
        attributes = configured.get("attributes") or {}
        return cls(configured.get("id"), {key: attributes[key] for key in _ATTRIBUTES if key in attributes})

    def matches(self, id: str, attributes: Mapping[str, Json]) -> bool:  # noqa: A002  # the protocol's word
        """Return whether an action is meant."""
        if self.id is not None and not globs.matches(self.id, id):
            return False
        return all(attributes.get(key) == wanted for key, wanted in self.attributes.items())


@dataclass(frozen=True, slots=True)
class ActionPolicy:
    """What the section says; without it everything of our own is offered and nothing of others is used.

    Attributes:
        sources: ``pluginSources``; None when it is not configured.
    """

    sources: Sequence[str] | None = None
    include: Sequence[Rule] = ()
    exclude: Sequence[Rule] = ()

    @classmethod
    def of(cls, config: Mapping[str, Json]) -> "ActionPolicy":
        """Read the section of a whole configuration."""
        section = (config.get("backend") or {}).get("actions") or {}
        rules = section.get("filter") or {}
        return cls(
            sources=section.get("pluginSources"),
            include=[Rule.of(one) for one in rules.get("include") or ()],
            exclude=[Rule.of(one) for one in rules.get("exclude") or ()],
        )

    def offers(self, plugin: str) -> bool:
        """Return whether a plugin of this service shows its actions."""
        return self.sources is None or plugin in self.sources

    def allows(self, id: str, attributes: Mapping[str, Json]) -> bool:  # noqa: A002  # the protocol's word
        """Return whether the filter lets an action pass; ``exclude`` is stronger."""
        if any(rule.matches(id, attributes) for rule in self.exclude):
            return False
        return not self.include or any(rule.matches(id, attributes) for rule in self.include)
