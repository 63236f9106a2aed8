"""Keys of ``catalog`` that have no effect here, each with the reason, so that nothing is ignored in silence."""

from collections.abc import Container, Iterator

from backstage_py.model.json import JsonObject
from backstage_py.settings import elsewhere, schema, spelling
from backstage_py.settings.config_path import ConfigPath, dotted
from backstage_py.settings.merged import Merged

_OF_PLUGINS = {"providers": "provider", "processors": "processor"}
_PLUGINS = "backstage_py.catalog"
_OF_BACKSTAGE = frozenset(
    {
        *("awsOrganization", "awsS3", "azureBlob", "gcp", "githubMultiOrg", "githubOrg", "keycloakOrg", "ldapOrg"),
        *("microsoftGraphOrg", "msGraphOrg", "okta", "openApi", "puppetdb"),
    }
)
"""Names that modules of Backstage and its community read, for which there is no counterpart here."""
_OPTIONS = ("providerOptions", "processorOptions")


Note = tuple[ConfigPath, str]


def notes(merged: Merged) -> tuple[str, ...]:
    """Return a sentence for each key that is there and does nothing."""
    return tuple(
        f"Configuration key '{dotted(path)}' in {merged.where(path)} {reason}" for path, reason in reasons(merged)
    )


def reasons(merged: Merged) -> tuple[Note, ...]:
    """Return the path of each key that is there and does nothing, with the reason as it follows the key."""
    catalog = merged.data.get("catalog")
    if not isinstance(catalog, dict):
        return ()
    return (*_known(merged), *_foreign(merged), *_options(merged), *_unknown(merged))


def _known(merged: Merged) -> Iterator[Note]:
    for one in elsewhere.CATALOG:
        path = ("catalog", *one.path.split("."))
        if one.without_effect and _get(merged, path) is not None:
            yield path, f"has no effect here: {one.without_effect}"


def _foreign(merged: Merged) -> Iterator[Note]:
    """Note what only a plugin could read: of Backstage's own always, any other where no plugin is installed."""
    for section, word in _OF_PLUGINS.items():
        for name in _keys(merged, ("catalog", section)):
            if name in _read(section) or (name not in _OF_BACKSTAGE and _has_plugins()):
                continue
            path = ("catalog", section, name)
            reason = f"it has an effect only if an installed plugin brings a {word} that reads it"
            yield path, f"is not read by this service; {reason}"


def _read(section: str) -> Container[str]:
    """Return the names that this service reads by itself."""
    found: JsonObject = _described()[section].get("properties", {})
    return found


def _has_plugins() -> bool:
    from importlib import metadata

    return bool(metadata.entry_points(group=_PLUGINS))


def _options(merged: Merged) -> Iterator[Note]:
    for section in _OPTIONS:
        known = tuple(_described()[section]["additionalProperties"]["properties"])
        for name in _keys(merged, ("catalog", section)):
            for option in _keys(merged, ("catalog", section, name)):
                if option not in known:
                    path = ("catalog", section, name, option)
                    yield path, f"is not known and has no effect; known is {' and '.join(known)}"


def _unknown(merged: Merged) -> Iterator[Note]:
    known = _described()
    for name in _keys(merged, ("catalog",)):
        if name not in known and not spelling.nearest(name, known):  # a misspelling is reported as one
            yield ("catalog", name), "is not known, to Backstage's catalog neither, and has no effect"


def _described() -> JsonObject:
    found: JsonObject = schema.app_config()["properties"]["catalog"]["properties"]
    return found


def _keys(merged: Merged, path: ConfigPath) -> list[str]:
    found = _get(merged, path)
    return list(found) if isinstance(found, dict) else []


def _get(merged: Merged, path: ConfigPath) -> object:
    value: object = merged.data
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value
