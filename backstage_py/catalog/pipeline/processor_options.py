"""Which processors take part and in which order: ``catalog.processorOptions`` and ``disableDefaultProcessors``."""

from collections.abc import Sequence

from backstage_py.plugin.catalog import CatalogPlugins, Processor
from backstage_py.settings.sections import CatalogSettings, ProcessorOptions

PLACEHOLDERS = "PlaceholderProcessor"
ANNOTATIONS = "AnnotateLocationEntityProcessor"
BUILTIN_KINDS = "BuiltinKindsEntityProcessor"
TEMPLATES = "ScaffolderEntitiesProcessor"
READERS = {"file": "FileReaderProcessor", "url": "url-reader"}
"""By location type. All these names are Backstage's, since people search for them and have them configured."""

BUILTIN = frozenset({PLACEHOLDERS, ANNOTATIONS, BUILTIN_KINDS, TEMPLATES, *READERS.values()})


def in_order(processors: Sequence[Processor], options: ProcessorOptions) -> tuple[Processor, ...]:
    """Return the processors of plugins that take part, in the order of their priority."""
    taking_part = [one for one in processors if one.name not in options.disabled]
    return tuple(sorted(taking_part, key=lambda one: options.priorities.get(one.name, one.priority)))


def registrable_types(processors: Sequence[Processor], options: ProcessorOptions) -> tuple[str, ...]:
    """Return the types of locations that users may register: URLs, and what processors of plugins offer to read."""
    offered = [type_ for one in in_order(processors, options) for type_ in one.location_types]
    return tuple(dict.fromkeys(("url", *offered)))


def problems(settings: CatalogSettings, plugins: CatalogPlugins, own_providers: Sequence[str]) -> list[str]:
    """Return a sentence for each option and configured location that nothing here answers to."""
    options, processors, disabled_providers = settings.processors, plugins.processors, settings.disabled_providers
    names = {one.name for one in processors}
    found = [
        _absent("processorOptions", "processor", name, BUILTIN | names)
        for name in sorted(options.disabled | options.priorities.keys())
        if name not in BUILTIN | names
    ]
    found += [
        f"catalog.processorOptions.{name}.priority has no effect: built-in processors run before those of plugins"
        for name in sorted(options.priorities.keys() & BUILTIN)
    ]
    known = {*own_providers, *(one.name for one in plugins.providers)}
    found += [
        _absent("providerOptions", "provider", name, known) for name in sorted(disabled_providers) if name not in known
    ]
    if any(type(one).read_location is not Processor.read_location for one in processors):
        return found  # it may read any type
    return found + [
        f"catalog.locations has one of the type '{type_}', which nothing here reads; install a plugin with a processor "
        "that does, or remove it"
        for type_ in sorted({one.type for one in settings.locations} - READERS.keys())
    ]


def _absent(section: str, word: str, name: str, known: set[str] | frozenset[str]) -> str:
    return f"catalog.{section}.{name} has no effect: there is no such {word}, only {', '.join(sorted(known))}"
