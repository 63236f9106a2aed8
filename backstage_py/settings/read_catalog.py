"""``catalog``: what takes more than one key to say."""

import math
from collections.abc import Mapping

from backstage_py.settings import kinds
from backstage_py.settings.description import read as described
from backstage_py.settings.reading import Reader
from backstage_py.settings.sections import CatalogSettings, ProcessorOptions, providers

_DEFAULT_PROCESSORS = frozenset({"FileReaderProcessor", "url-reader", "AnnotateLocationEntityProcessor"})
"""What ``disableDefaultProcessors`` switches off, by the names that errors and ``processorOptions`` use."""

_MOVED = {
    "github": "integrations.github",
    "gitlabApi": "integrations.gitlab",
    "bitbucketApi": "integrations.bitbucket",
    "azureApi": "integrations.azure",
}


def read(section: Reader, hosts: Mapping[str, str]) -> CatalogSettings:
    """Read the section; ``hosts`` are the kinds of ``integrations`` by host."""
    _refuse_moved(section.section("processors"))
    for name in ("pollingInterval", "stitchTimeout"):  # without effect here, but refused as Backstage refuses them
        section.get(f"stitchingStrategy.{name}", kinds.LASTING)
    computed = {} if section.raw("processingInterval") is None else {"processing_interval": _interval(section)}
    return described(
        CatalogSettings,
        section,
        processors=_processors(section),
        providers=providers.read(section.section("providers"), hosts),
        disabled_providers=_disabled(section.section("providerOptions")),
        options=section.data,
        **computed,
    )


def _interval(section: Reader) -> float | None:
    """Return seconds, None for never; rounded as in Backstage, which takes any shorter interval for one second."""
    if section.raw("processingInterval") is False:
        return None
    return max(1.0, float(math.floor((section.get("processingInterval", kinds.DURATION) or 0) + 0.5)))


def _refuse_moved(processors: Reader) -> None:
    """Refuse, as Backstage does, what once held tokens, so that nobody waits for them to be used."""
    for name, now in _MOVED.items():
        if processors.mentions(name):
            processors.fail(name, f"is no longer read; move it to {now}")


def _processors(section: Reader) -> ProcessorOptions:
    options = section.section("processorOptions")
    disabled = _disabled(options)
    if section.get("disableDefaultProcessors", kinds.SWITCH):
        disabled |= _DEFAULT_PROCESSORS
    found = {name: options.section(name).get("priority", kinds.NUMBER) for name in options.data}
    return ProcessorOptions(disabled, {name: priority for name, priority in found.items() if priority is not None})


def _disabled(options: Reader) -> frozenset[str]:
    return frozenset(name for name in options.data if options.section(name).get("disabled", kinds.SWITCH))
