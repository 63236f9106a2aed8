"""``catalog``: locations, rules, providers and processors."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from backstage_py.model.json import Json
from backstage_py.settings import elsewhere, kinds
from backstage_py.settings.description import Each, key
from backstage_py.settings.kinds import Kind, shown
from backstage_py.settings.reading import Reader
from backstage_py.settings.sections.providers import keys as keys_of_providers


@dataclass(frozen=True, slots=True)
class AllowedKind:
    """An entry of a rule's ``allow``: a kind and, if given, the only ``spec.type`` that it may have."""

    kind: str
    spec_type: str | None = None


@dataclass(frozen=True, slots=True)
class RuleLocation:
    """An entry of a rule's ``locations``: a location type and, if given, an exact target or a glob for it."""

    type: str = key("type", kinds.TEXT, "Location type, e.g. url.", example="url")
    exact: str | None = key("exact", kinds.TEXT, "The exact target.", None)
    pattern: str | None = key("pattern", kinds.TEXT, "A glob for the target.", None)

    def checked(self, section: Reader) -> "RuleLocation":
        """Refuse two targets; make a file's absolute."""
        if self.exact and self.pattern:
            section.fail("", "expected 'exact' or 'pattern', not both")
        is_file = self.exact and self.type == "file"
        return replace(self, exact=str(Path(self.exact).absolute())) if self.exact and is_file else self


def _allowed(value: Json) -> tuple[AllowedKind, ...]:
    if not isinstance(value, list):
        raise ValueError(f"expected an array of kinds, found {shown(value)}")  # noqa: TRY004  # as in kinds
    return tuple(_allowed_kind(one) for one in value)


def _allowed_kind(one: Json) -> AllowedKind:
    if isinstance(one, str):
        return AllowedKind(one)
    if isinstance(one, dict) and isinstance(one.get("kind"), str):
        return AllowedKind(one["kind"], one.get("spec.type"))
    raise ValueError(f"expected kinds such as Component, or {{kind, spec.type}}; found {shown(one)}")


_ALLOWED_KIND: dict[str, Json] = {
    "type": "object",
    "properties": {
        "kind": {"type": "string", "description": "The kind."},
        "spec.type": {"type": "string", "description": "The only type the entity may have."},
    },
    "required": ["kind"],
}
_ALLOWED = Kind(_allowed, {"type": "array", "items": {"anyOf": [{"type": "string"}, _ALLOWED_KIND]}})


@dataclass(frozen=True, slots=True)
class CatalogRule:
    """An entry of ``catalog.rules`` or of a location's ``rules``.

    ``locations`` None matches every location, an empty tuple none.
    """

    allow: tuple[AllowedKind, ...] = key(
        "allow", _ALLOWED, "Kinds that may be read.", missing="expected an array of kinds, found nothing"
    )
    locations: tuple[RuleLocation, ...] | None = key(
        "locations", Each(RuleLocation), "Where the rule holds; everywhere without it, nowhere when empty.", None
    )


@dataclass(frozen=True, slots=True)
class CatalogLocation:
    """An entry of ``catalog.locations``; a file target is an absolute path.

    ``rules`` hold for this location besides the global ones.
    """

    type: str = key("type", kinds.TEXT, "url or file.", example="url")
    target: str = key(
        "target", kinds.TEXT, "A URL, or a path seen from the working directory.", example="./catalog-info.yaml"
    )
    rules: tuple[CatalogRule, ...] = key("rules", Each(CatalogRule), "What this location may hold besides.", ())

    def checked(self, _section: Reader) -> "CatalogLocation":
        """Make a file's target absolute."""
        return replace(self, target=str(Path(self.target).absolute())) if self.type == "file" else self


DEFAULT_RULES = (CatalogRule(tuple(AllowedKind(kind) for kind in ("Component", "API", "Location"))),)
"""Without ``catalog.rules`` nobody can register users, groups or templates."""


@dataclass(frozen=True, slots=True)
class ProcessorOptions:
    """``catalog.processorOptions``, by the names of processors; a priority of the configuration wins over its own."""

    disabled: frozenset[str] = frozenset()
    priorities: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CatalogSettings:
    """``catalog``.

    Attributes:
        processing_interval: seconds between two readings of an entity's source; None for never.
        conflict_strategy: what ``POST /locations`` does with a location that exists.
        processors: ``processorOptions`` and ``disableDefaultProcessors``.
        providers: the settings of each provider of ``catalog.providers`` that this service has, see ``providers``.
        disabled_providers: names of the providers that ``providerOptions`` switches off.
        options: the whole section as configured, for values that only one room knows.
    """

    locations: tuple[CatalogLocation, ...] = key(
        "locations", Each(CatalogLocation, is_closed=False), "Always kept up to date.", ()
    )
    rules: tuple[CatalogRule, ...] = key(
        "rules", Each(CatalogRule), "What may be read; Component, API and Location without it.", DEFAULT_RULES
    )
    read_only: bool = key("readonly", kinds.SWITCH, "Refuse changes by the API.", False)
    processing_interval: float | None = key(
        "processingInterval", kinds.INTERVAL, "How often each entity's source is read again; false for never.", 100.0
    )
    orphan_strategy: str = key(
        "orphanStrategy", kinds.choice("keep", "delete"), "What happens to entities that nothing refers to.", "delete"
    )
    orphan_provider_strategy: str = key(
        "orphanProviderStrategy",
        kinds.choice("keep", "delete"),
        "What happens to entities whose provider is gone.",
        "delete",
    )
    conflict_strategy: str = key(
        "defaultLocationConflictStrategy",
        kinds.choice("refresh", "reject"),
        "What happens when a known location is registered.",
        "reject",
    )
    lease: float = key(
        "lease",
        kinds.lasting(least=1, most=600),
        "(ours) After how long other replicas take over from a silent one; 20 seconds.",
        20.0,
    )
    processors: ProcessorOptions = ProcessorOptions()
    providers: tuple[Any, ...] = ()
    disabled_providers: frozenset[str] = frozenset()
    base_url: str | None = key(
        "baseUrl", kinds.URL, "(ours) The catalog of another Backstage to use; /api/catalog is not served then.", None
    )
    options: Mapping[str, Json] = field(default_factory=dict)

    also: ClassVar = (*elsewhere.CATALOG, *keys_of_providers())
