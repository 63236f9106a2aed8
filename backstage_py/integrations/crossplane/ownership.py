"""Who may ask for what a team has: its members, as the catalog knows them."""

from collections.abc import Mapping, Sequence

from backstage_py.errors import NotAllowedError
from backstage_py.integrations.crossplane.offers import Offer
from backstage_py.model.entity_relations import ownership_of
from backstage_py.model.json import Json, JsonObject

_GUEST = "user:development/guest"


def of_user(ref: str, entity: JsonObject | None, config: Mapping[str, Json]) -> Sequence[str]:
    """Return the references that a user owns by; of a guest without an entity in the catalog, as configured."""
    if entity is not None:
        return ownership_of(entity)
    guest: Json = ((config.get("auth") or {}).get("providers") or {}).get("guest")
    if not isinstance(guest, dict) or str(guest.get("userEntityRef") or _GUEST).lower() != ref.lower():
        return (ref,)
    return tuple(guest.get("ownershipEntityRefs") or (ref,))


def is_member(offer: Offer, team: str, ownership: Sequence[str]) -> bool:
    """Whether somebody who owns by these references owns what a team asks for."""
    return offer.owner.format(team=team).lower() in {one.lower() for one in ownership}


def refuse_unless_member(offer: Offer, team: str, ownership: Sequence[str], who: str) -> None:
    """Return when somebody may ask for what a team has.

    Raises:
        NotAllowedError: the catalog does not say so.
    """
    if not is_member(offer, team, ownership):
        owner = offer.owner.format(team=team)
        raise NotAllowedError(
            f"{who} may not do this for the team '{team}': it takes a member of {owner}, as far as the catalog knows"
        )
