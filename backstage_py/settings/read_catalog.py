"""``catalog``."""

import math
from pathlib import Path

from backstage_py.settings.reading import Reader, kind
from backstage_py.settings.sections import (
    DEFAULT_RULES,
    AllowedKind,
    CatalogLocation,
    CatalogRule,
    CatalogSettings,
    ProcessorOptions,
    RuleLocation,
)

_KEEP_OR_DELETE = ("keep", "delete")
_DEFAULT_PROCESSORS = frozenset({"FileReaderProcessor", "url-reader", "AnnotateLocationEntityProcessor"})
"""What ``disableDefaultProcessors`` switches off, by the names that errors and ``processorOptions`` use."""

_MOVED = {
    "github": "integrations.github",
    "gitlabApi": "integrations.gitlab",
    "bitbucketApi": "integrations.bitbucket",
    "azureApi": "integrations.azure",
}


def read(config: Reader) -> CatalogSettings:
    """Read ``catalog``."""
    section = config.section("catalog")
    defaults = CatalogSettings()
    _refuse_moved(section.section("processors"))
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
        processors=_processors(section),
        disabled_providers=_disabled(section.section("providerOptions")),
        base_url=section.url("baseUrl"),
        options=section.data,
    )


def _interval(section: Reader, defaults: CatalogSettings) -> float | None:
    if section.raw("processingInterval") is False:
        return None
    found = section.duration("processingInterval")
    return defaults.processing_interval if found is None else _whole_seconds(found)


def _whole_seconds(seconds: float) -> float:
    """Round as Backstage does, which takes any shorter interval for one second."""
    return max(1.0, float(math.floor(seconds + 0.5)))


def _refuse_moved(processors: Reader) -> None:
    """Refuse, as Backstage does, what once held tokens, so that nobody waits for them to be used."""
    for name, now in _MOVED.items():
        if processors.mentions(name):
            processors.fail(name, f"is no longer read; move it to {now}")


def _processors(section: Reader) -> ProcessorOptions:
    options = section.section("processorOptions")
    disabled = _disabled(options)
    if section.boolean("disableDefaultProcessors"):
        disabled |= _DEFAULT_PROCESSORS
    found = {name: options.section(name).number("priority") for name in options.data}
    return ProcessorOptions(disabled, {name: priority for name, priority in found.items() if priority is not None})


def _disabled(options: Reader) -> frozenset[str]:
    return frozenset(name for name in options.data if options.section(name).boolean("disabled"))


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
