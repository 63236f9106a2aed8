"""Whose template asks: operators' rules about foreign systems are bound to who owns a template and where it is from.

Both are what the catalog recorded, never what the template's author wrote.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Protocol

from backstage_py.errors import SettingsError
from backstage_py.model import web_url
from backstage_py.model.json import Json, JsonObject


@dataclass(frozen=True, slots=True)
class Origin:
    """A template's owners as the catalog knows them, complete references, and where the catalog read it."""

    owners: tuple[str, ...] = ()
    source: str | None = None

    def fits(self, owners: Sequence[str] | None, sources: Sequence[str] | None) -> bool:
        """Return whether globs of a rule, in which ``*`` stands for anything, are about this template."""
        by_owner = owners is None or any(matches(owners, one.lower()) for one in self.owners)
        return by_owner and (sources is None or (self.source is not None and _is_from(sources, self.source)))


def matches(patterns: Sequence[str], value: str) -> bool:
    """Return whether one of several globs fits."""
    return any(fnmatchcase(value, pattern) for pattern in patterns)


def rules(value: Json, key: str, fields: Sequence[str]) -> list[tuple[str, Mapping[str, Json]]]:
    """Return an operator's rules, each behind its own key, such as ``vault.allow[0]``.

    Raises:
        SettingsError: it is no list of rules, or one has what is none of ``fields``.
    """
    if not isinstance(value, list):
        raise SettingsError(key, "it should be a list of rules")
    return [(f"{key}[{index}]", _rule(one, f"{key}[{index}]", fields)) for index, one in enumerate(value)]


def _rule(value: Json, key: str, fields: Sequence[str]) -> Mapping[str, Json]:
    if not isinstance(value, Mapping):
        raise SettingsError(key, f"a rule is an object with {', '.join(fields)}")
    if unknown := sorted(set(value) - set(fields)):
        raise SettingsError(key, f"it has '{unknown[0]}'; a rule has {', '.join(fields)}")
    return value


def rule_owners(rule: Mapping[str, Json], key: str) -> tuple[str, ...] | None:
    """Return the ``owners`` of a rule, in lower case as references are compared; None when it is for all."""
    owners = texts(rule, "owners", key)
    return None if owners is None else tuple(one.lower() for one in owners)


def texts(value: Mapping[str, Json], name: str, key: str) -> tuple[str, ...] | None:
    """Return a member of a rule; None when it is absent.

    Raises:
        SettingsError: it is no list of texts.
    """
    found = value.get(name)
    if found is None:
        return None
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise SettingsError(f"{key}.{name}", "it should be a list of texts")
    return tuple(found)


def _is_from(patterns: Sequence[str], source: str) -> bool:
    """Compare the address that is really read: one that climbs is not below what it begins with."""
    try:
        return matches(patterns, web_url.canonical(source))
    except ValueError:
        return False


class Entities(Protocol):
    """The catalog, as far as owners are asked for."""

    async def entities_by_refs(self, refs: Sequence[str], *, token: str | None) -> list[JsonObject | None]:
        """Return entities in the order of their references."""


async def owners(catalog: Entities | None, template_ref: str) -> tuple[str, ...]:
    """Return the owners of a template as the catalog knows them now; none without a catalog."""
    if catalog is None:
        return ()
    found = await catalog.entities_by_refs([template_ref], token=None)
    relations = [one for entity in found if entity for one in entity.get("relations") or []]
    return tuple(str(one["targetRef"]) for one in relations if one.get("type") == "ownedBy")
