"""A resource of a service as it was found, and how it stands in each of its environments."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from backstage_py.errors import NotFoundError
from backstage_py.integrations.crossplane import orders, tree
from backstage_py.integrations.crossplane.delivering import Standing, State
from backstage_py.integrations.crossplane.offers import Offer
from backstage_py.model.json import JsonObject

_NEW = ("created", State.COMMITTED, State.REQUESTED)


@dataclass(frozen=True, slots=True)
class Part:
    """A resource in one environment: the cluster's object, and how it stands.

    Attributes:
        environment: its name.
        cluster: where it is.
        object: as it is there, else as the repository that is deployed has it; None where there is none.
        root: the object with all that it is made of; None where it was not read.
        change: ``created``, ``committed``, ``requested`` or ``unchanged``; ``would be …`` in a dry run; empty where it
            was only looked at.
        delivery: how it stands in the repository that is deployed; None where the cluster itself is asked.
    """

    environment: str
    cluster: str
    object: JsonObject | None
    root: tree.Node | None = None
    change: str = ""
    delivery: Standing | None = None

    @property
    def is_on_cluster(self) -> bool:
        """Whether the cluster has it, not the repository alone."""
        return self.object is not None and "uid" in self.object["metadata"]


@dataclass(frozen=True, slots=True)
class Provisioned:
    """A resource of a service in its environments."""

    offer: Offer
    namespace: str
    name: str
    parts: Sequence[Part]

    @property
    def team(self) -> str:
        """Whose it is."""
        found = [orders.labels_of(one.object).get(orders.TEAM) for one in self.parts if one.object]
        return str(next((one for one in found if one), ""))

    def within(self, environments: Sequence[str]) -> "Provisioned":
        """Return it in some of its environments, in all of them without a name.

        Raises:
            InputError: there is no such environment. NotFoundError: it is in none of them.
        """
        for one in environments:
            self.offer.place(one)
        parts = [one for one in self.parts if not environments or one.environment in environments]
        if not parts:
            raise NotFoundError(f"There is no {self.offer.name} '{self.name}' in {', '.join(environments)}")
        return replace(self, parts=parts)

    @property
    def is_leaving(self) -> bool:
        """Whether it is about to go from one of its environments."""
        return any((one.object or {}).get("metadata", {}).get("deletionTimestamp") for one in self.parts)

    @property
    def is_new(self) -> bool:
        """Whether anything was created."""
        return any(one.change in _NEW for one in self.parts)
