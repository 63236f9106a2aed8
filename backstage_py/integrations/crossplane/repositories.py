"""Resources of environments that are deployed from a repository: looked for there, written to it, removed from it.

An environment whose cluster is asked itself (``direct``) has nothing here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from backstage_py.errors import SettingsError
from backstage_py.integrations.crossplane import delivering, orders
from backstage_py.integrations.crossplane.deliveries import Target
from backstage_py.integrations.crossplane.delivering import Standing
from backstage_py.integrations.crossplane.deployed import GitHosts
from backstage_py.integrations.crossplane.offers import Environment, Offer
from backstage_py.integrations.crossplane.orders import Order
from backstage_py.integrations.kubernetes import refs
from backstage_py.model.json import JsonObject

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Repositories:
    """What is deployed from repositories on ``hosts``."""

    hosts: GitHosts | None

    def refuse_unserved(self, offer: Offer) -> None:
        """Return when the repositories of a resource are on GitHub, as far as the git hosts are known.

        Raises:
            SettingsError: one is not.
        """
        for place in offer.environments.values():
            if self.hosts is None or place.delivery.is_direct:
                continue
            found = self.hosts.by_url(place.delivery.repository)
            if found is None or found.type != "github":
                what = f"is on {found.type}" if found else "is on no host of 'integrations.github'"
                raise SettingsError(
                    f"crossplane.resources.{offer.name}.environments.{place.name}.delivery.repository",
                    f"{place.delivery.repository} {what}; resources are written to repositories on GitHub alone",
                )

    async def standing(self, offer: Offer, place: Environment, namespace: str, name: str) -> Standing | None:
        """Return how an object stands in the repository that is deployed; None where there is no such."""
        if place.delivery.is_direct:
            return None
        target = Target(offer.name, place.name, namespace, name)
        async with delivering.desk(place.delivery, target, self.hosts) as desk:
            return await desk.look()

    async def put(self, offer: Offer, place: Environment, value: JsonObject, tell: Tell) -> Standing:
        """Have an object written, and say what came of it. Raises ConflictError: as ``Desk.put``."""
        async with delivering.desk(place.delivery, _target(offer, place, value), self.hosts) as desk:
            made = await desk.put(value)
        where = f" by {made.url}" if made.url else f" in {made.delivery.repository}"
        tell(f"{place.name}: {made.path} {made.state}{where}{f' ({made.note})' if made.note else ''}")
        return made

    async def remove(self, offer: Offer, place: Environment, value: JsonObject) -> Standing:
        """Have an object removed."""
        async with delivering.desk(place.delivery, _target(offer, place, value), self.hosts) as desk:
            return await desk.remove(value["kind"])

    async def listed(self, offer: Offer, place: Environment) -> Sequence[Standing]:
        """Return the objects of a resource that are there, or asked for."""
        if place.delivery.is_direct:
            return ()
        found = await delivering.listed(place.delivery, offer.name, place.name, self.hosts)
        return [one for one in found if one.object is not None and orders.is_of(offer, one.object)]

    async def merge_open(self, offer: Offer, place: Environment) -> None:
        """Merge the pull requests of a resource that merge by themselves, as far as the repository's rules let it."""
        await delivering.merge_open(place.delivery, offer.name, place.name, self.hosts)

    async def refuse_used_key(self, offer: Offer, place: Environment, order: Order, mark: str | None) -> None:
        """Return unless an ``Idempotency-Key`` was used for something else. Raises ConflictError."""
        for one in await self.listed(offer, place) if mark else ():
            if one.object is not None and orders.labels_of(one.object).get(orders.IDEMPOTENCY) == mark:
                orders.refuse_unless_same_request(order, one.object)


def _target(offer: Offer, place: Environment, value: JsonObject) -> Target:
    ref = refs.of(value)
    return Target(offer.name, place.name, ref.namespace or "", ref.name)
