"""``catalog``."""

from pathlib import Path

from backstage_py.settings.reading import Reader, kind
from backstage_py.settings.sections import (
    DEFAULT_RULES,
    AllowedKind,
    CatalogLocation,
    CatalogRule,
    CatalogSettings,
    RuleLocation,
)

_KEEP_OR_DELETE = ("keep", "delete")


def read(config: Reader) -> CatalogSettings:
    """Read ``catalog``."""
    section = config.section("catalog")
    defaults = CatalogSettings()
    stale = section.section("stitchingStrategy").duration("stitchTimeout")
    return CatalogSettings(
        locations=tuple(_location(one) for one in section.sections("locations")),
        rules=tuple(_rule(one) for one in section.sections("rules")) if section.has("rules") else DEFAULT_RULES,
        read_only=section.boolean("readonly"),
        processing_interval=_interval(section, defaults),
        orphan_strategy=section.choice("orphanStrategy", _KEEP_OR_DELETE, defaults.orphan_strategy),
        orphan_provider_strategy=section.choice(
            "orphanProviderStrategy", _KEEP_OR_DELETE, defaults.orphan_provider_strategy
        ),
        conflict_strategy=section.choice(
            "defaultLocationConflictStrategy", ("refresh", "reject"), defaults.conflict_strategy
        ),
        stale_timeout=defaults.stale_timeout if stale is None else stale,
        base_url=section.url("baseUrl"),
        options=section.data,
    )


def _interval(section: Reader, defaults: CatalogSettings) -> float | None:
    if section.raw("processingInterval") is False:
        return None
    found = section.duration("processingInterval")
    if found is not None and found <= 0:
        section.fail("processingInterval", "expected a duration above zero, or false for never")
    return defaults.processing_interval if found is None else found


def _location(section: Reader) -> CatalogLocation:
    type_, target = section.required_text("type", "url"), section.required_text("target", "./catalog-info.yaml")
    rules = tuple(_rule(one) for one in section.sections("rules"))
    if type_ == "file":
        target = str(Path(target).absolute())
    return CatalogLocation(type_, target, rules)


def _rule(section: Reader) -> CatalogRule:
    allow = section.raw("allow")
    if not isinstance(allow, list):
        section.fail("allow", f"expected an array of kinds, found {kind(allow)}")
    kinds = []
    for one in allow:
        if isinstance(one, str):
            kinds.append(AllowedKind(one))
        elif isinstance(one, dict) and isinstance(one.get("kind"), str):
            kinds.append(AllowedKind(one["kind"], one.get("spec.type")))
        else:
            section.fail("allow", f"expected kinds such as Component, or {{kind, spec.type}}; found {kind(one)}")
    locations = tuple(_where(one) for one in section.sections("locations")) if section.has("locations") else None
    return CatalogRule(tuple(kinds), locations)


def _where(section: Reader) -> RuleLocation:
    exact, pattern = section.text("exact"), section.text("pattern")
    if exact and pattern:
        section.fail("", "expected 'exact' or 'pattern', not both")
    type_ = section.required_text("type", "url")
    if exact and type_ == "file":
        exact = str(Path(exact).absolute())
    return RuleLocation(type_, exact, pattern)
