"""``auth`` and ``backend.auth``: what takes more than one key to say."""

from collections.abc import Mapping

from backstage_py.settings import kinds
from backstage_py.settings.description import keys_of
from backstage_py.settings.description import read as described
from backstage_py.settings.reading import Reader
from backstage_py.settings.sections import (
    AuthSettings,
    ExternalAccess,
    ExternalJwks,
    ExternalLegacy,
    ExternalStatic,
    PluginRestriction,
)

_KINDS: Mapping[str, type[ExternalStatic | ExternalLegacy | ExternalJwks]] = {
    "static": ExternalStatic,
    "legacy": ExternalLegacy,
    "jwks": ExternalJwks,
}


def read(config: Reader) -> AuthSettings:
    """Read both."""
    return described(
        AuthSettings,
        config,
        guest=config.mentions("auth.providers.guest"),
        external=(
            *(_external(one) for one in config.sections("backend.auth.externalAccess")),
            *(_old_key(one) for one in config.sections("backend.auth.keys")),
        ),
        ownership_in_token=config.get("auth.omitIdentityTokenOwnershipClaim", kinds.SWITCH) is False,
    )


def _external(section: Reader) -> ExternalAccess:
    type_ = section.get("type", kinds.TEXT)
    if type_ is None:
        section.fail("type", "is missing; expected text such as 'static'")
    if type_ not in _KINDS:
        section.fail("type", f"expected one of {', '.join(_KINDS)}")
    options = described(_KINDS[type_], section.section("options"))
    return described(ExternalAccess, section, options=options, restrictions=_restrictions(section))


def _old_key(section: Reader) -> ExternalAccess:
    """Read an entry of ``backend.auth.keys``, the form before ``externalAccess``."""
    return ExternalAccess(described(ExternalLegacy, section, subject="external:backstage-plugin"))


def _restrictions(section: Reader) -> tuple[PluginRestriction, ...]:
    found: dict[str, PluginRestriction] = {}
    for one in section.sections("accessRestrictions"):
        _refuse_unknown(one)
        restriction = described(PluginRestriction, one)
        if restriction.plugin in found:
            one.fail("plugin", f"names '{restriction.plugin}' a second time; write one entry for each plugin")
        found[restriction.plugin] = restriction
    return tuple(found.values())


def _refuse_unknown(restriction: Reader) -> None:
    """A misspelt key must not widen what a token may do, so an unknown one is an error."""
    known: dict[str, list[str]] = {}
    for one in keys_of(PluginRestriction):
        section, _, name = one.path.rpartition(".")
        known.setdefault(section, []).append(name)
    for path, names in known.items():
        described_section = restriction.section(path) if path else restriction
        for key in described_section.data:
            if key not in names:
                described_section.fail(key, f"is unknown here; expected {', '.join(names)}")
