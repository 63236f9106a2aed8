"""Who is in which group, and which group within which, by what entries of an LDAP server say of each other.

Both sides may say it: an entry that it is a member (``memberOf``), and a group whom it has (``member``).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from backstage_py.catalog.organisations import distinguished_names, hierarchy
from backstage_py.catalog.organisations.ldap import DN, RDN, UUID_ANNOTATION, Entry, Vendor
from backstage_py.model import entity_ref
from backstage_py.model.json import JsonObject
from backstage_py.settings.sections.directories import LdapSearch

References = dict[str, dict[str, None]]
"""Names of entries by a name of an entry, in the order in which they came."""


@dataclass(frozen=True, slots=True)
class Read:
    """Entities of one kind, and which references their entries hold."""

    entities: list[JsonObject]
    member_of: References
    members: References


def read(
    found: Iterable[tuple[LdapSearch, Iterable[Entry]]],
    make: Callable[[Entry, LdapSearch, Vendor], JsonObject | None],
    names: Vendor,
) -> Read:
    """Return the entities of the entries that searches found; ``make`` gives None for one that is left out.

    Raises:
        InputError: one has no name.
    """
    result = Read([], {}, {})
    for wanted, entries in found:
        for entry in entries:
            entity = make(entry, wanted, names)
            if entity is None:
                continue
            result.entities.append(entity)
            for references, attribute in ((result.member_of, "memberOf"), (result.members, "members")):
                _refer(references, entry, wanted.map.get(attribute), names)
    return result


def _refer(references: References, entry: Entry, attribute: str | None, names: Vendor) -> None:
    own = names.one(entry, names.dn)
    if attribute and own:
        references.setdefault(own, {}).update(dict.fromkeys(filter(None, names.texts(entry, attribute))))


class _Index:
    """Entities by all that may name them; of two with one name the later one is meant."""

    def __init__(self, entities: Iterable[JsonObject]) -> None:
        self._exact: dict[str, JsonObject] = {}
        self._spelled: dict[str, JsonObject] = {}
        for one in entities:
            annotations = one["metadata"]["annotations"]
            own = annotations.get(DN) or ""
            for name in (entity_ref.of(one), own, own.lower(), annotations.get(RDN), annotations.get(UUID_ANNOTATION)):
                if name:
                    self._exact[name] = one
            if own:
                self._spelled[distinguished_names.canonical(own)] = one

    def find(self, name: str) -> JsonObject | None:
        """Return the entity of a name. Backstage knows its spelling, and that in lower case; here any will do."""
        found = self._exact.get(name) or self._exact.get(name.lower())
        return found or (self._spelled.get(distinguished_names.canonical(name)) if "=" in name else None)


def relate(users: Read, groups: Read) -> None:
    """Fill in who is in which group and which group within which, in place."""
    people, teams = _Index(users.entities), _Index(groups.entities)
    member_of: dict[str, set[str]] = {}
    parents: dict[str, set[str]] = {}
    children: dict[str, set[str]] = {}

    def nest(child: JsonObject, parent: JsonObject) -> None:
        parents.setdefault(entity_ref.of(child), set()).add(entity_ref.of(parent))
        children.setdefault(entity_ref.of(parent), set()).add(entity_ref.of(child))

    for person, team in _pairs(users.member_of, people, teams):
        member_of.setdefault(entity_ref.of(person), set()).add(entity_ref.of(team))
    for child, parent in _pairs(groups.member_of, teams, teams):
        nest(child, parent)
    for own, names in groups.members.items():
        if team := teams.find(own):
            for name in names:
                if person := people.find(name):
                    member_of.setdefault(entity_ref.of(person), set()).add(entity_ref.of(team))
                elif child := teams.find(name):
                    nest(child, team)
    _set(people, "memberOf", {ref: sorted(found) for ref, found in member_of.items()})
    _set(teams, "parent", {ref: next(iter(found)) for ref, found in parents.items() if len(found) == 1})
    _set(teams, "children", {ref: sorted(found) for ref, found in children.items()})
    hierarchy.complete(groups.entities)


def _pairs(references: References, own: _Index, others: _Index) -> Iterable[tuple[Any, Any]]:
    for name, names in references.items():
        if one := own.find(name):
            yield from ((one, other) for other in map(others.find, names) if other)


def _set(index: _Index, field: str, values: Mapping[str, Any]) -> None:
    for ref, value in values.items():
        if found := index.find(ref):
            found["spec"][field] = value
