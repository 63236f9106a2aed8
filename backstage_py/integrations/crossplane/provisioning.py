"""Resources for services: asked for, looked at, waited for and deleted, in all their environments.

The face ``/api/crossplane`` and the actions ``crossplane:<resource>:…`` use it; who may ask is decided before. The
operator's configuration is what the cluster is called for, so rules about templates do not apply.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from backstage_py.errors import ConflictError, InputError, NotAllowedError, NotFoundError
from backstage_py.integrations.crossplane import checking, composing, definitions, offers, orders, tree
from backstage_py.integrations.crossplane.composing import Patience
from backstage_py.integrations.crossplane.definitions import Definition
from backstage_py.integrations.crossplane.offers import Environment, Offer
from backstage_py.integrations.crossplane.orders import Order
from backstage_py.integrations.kubernetes import api, clusters, criteria, denials, refs, waiting
from backstage_py.integrations.kubernetes.api import Api
from backstage_py.integrations.kubernetes.refs import Ref
from backstage_py.integrations.kubernetes.rules import Caller
from backstage_py.model.json import Json, JsonObject

Tell = Callable[[str], None]
_BY_OPERATOR = Caller(has_own_token=True)
_MANAGED = (("deletionPolicy", "Orphan"), ("managementPolicies", ["Observe", "Create", "Update", "LateInitialize"]))


def _quiet(_: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Part:
    """A resource in one environment: the cluster's object, and how it stands.

    Attributes:
        environment: its name.
        cluster: where it is.
        object: as it is there; None where there is none.
        root: the object with all that it is made of; None where it was not read.
        change: ``created`` or ``unchanged``; ``would be created`` in a dry run; empty where it was only looked at.
    """

    environment: str
    cluster: str
    object: JsonObject | None
    root: tree.Node | None = None
    change: str = ""


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
    def is_new(self) -> bool:
        """Whether anything was created."""
        return any(one.change == "created" for one in self.parts)


class Provisioner:
    """Provisions what the configuration offers.

    Args:
        config: the whole configuration.

    Raises:
        SettingsError: ``crossplane`` is wrong.
    """

    def __init__(self, config: Mapping[str, Json]) -> None:
        self.config = config
        self.offers = offers.read(config)

    def offer(self, resource: str) -> Offer:
        """Return what is offered by a name. Raises NotFoundError."""
        return offers.find(self.offers, resource)

    async def request(
        self, order: Order, *, by: str, key: str | None = None, dry_run: bool = False, tell: Tell = _quiet
    ) -> Provisioned:
        """Ask for a resource in each environment; what is there already as it was asked for stays as it is.

        All environments are checked before anything is created in one.

        Args:
            order: what is asked for.
            by: who asks.
            key: an ``Idempotency-Key`` of that caller.
            dry_run: the cluster checks and keeps nothing.
            tell: called with what is done.

        Raises:
            InputError: the definition on a cluster refuses it. ConflictError: it is there with something else, or the
            key was used for something else. NotFoundError: Crossplane or the definition is not there.
            BackstageError: of ``kubernetes.connection``.
        """
        offer, mark = self.offer(order.resource), orders.fingerprint(by, key)
        planned = [await self._plan(offer, order, one, by, mark) for one in order.environments]
        parts = [await self._create(offer, place, value, dry_run=dry_run, tell=tell) for place, value in planned]
        return Provisioned(offer, order.namespace, order.service, parts)

    async def _plan(
        self, offer: Offer, order: Order, name: str, by: str, mark: str | None
    ) -> tuple[Environment, JsonObject]:
        """Return the object for an environment: the one that is there, or else the one to be created, checked."""
        place = offer.place(name)
        async with self._opened(place) as kube:
            definition = await definitions.find(kube, offer.group, offer.kind, offer.version)
            _refuse_cluster_wide(definition)
            if mark:
                await _refuse_used_key(kube, definition, order, mark)
            value = _object(offer, place, order, definition, by=by, mark=mark)
            checking.refuse_unless_valid(definition, value)
            there = await kube.get(refs.of(value))
        if there is not None:
            orders.refuse_unless_same(order, name, there)
        return place, there or value

    async def _create(self, offer: Offer, place: Environment, value: JsonObject, *, dry_run: bool, tell: Tell) -> Part:
        ref = refs.of(value)
        if ref.uid:
            tell(f"{place.name}: {replace(ref, uid=None)} is there already")
            return await self._part(place, value, "unchanged")
        async with self._opened(place) as kube:
            try:
                made = await kube.create(value, dry_run=dry_run)
            except ConflictError:
                made = await kube.get(ref) or {}
                if not made or orders.request_of(made) != orders.request_of(value):
                    raise
            except (NotAllowedError, InputError) as error:
                refused = denials.read(error.message)
                raise type(error)(f"{offer.name} in {place.name} was refused: {_words(refused, error)}") from error
        tell(f"{place.name}: {ref} {'would be created' if dry_run else 'created'}")
        return Part(place.name, place.cluster or "", made, change="would be created" if dry_run else "created")

    async def find(self, resource: str, namespace: str, name: str) -> Provisioned:
        """Return how a resource stands in each environment.

        Raises:
            NotFoundError: no environment has it.
        """
        offer = self.offer(resource)
        found = await asyncio.gather(*(self._look(offer, one, namespace, name) for one in offer.environments.values()))
        if all(one.object is None for one in found):
            raise NotFoundError(f"There is no {resource} '{name}' in the namespace '{namespace}'")
        return Provisioned(offer, namespace, name, [one for one in found if one.object is not None])

    async def _look(self, offer: Offer, place: Environment, namespace: str, name: str) -> Part:
        async with self._opened(place) as kube:
            definition = await definitions.find(kube, offer.group, offer.kind, offer.version)
            value = await kube.get(Ref(definition.api_version, offer.kind, f"{name}-{place.name}", namespace))
            if value is None or orders.labels_of(value).get(orders.RESOURCE) != offer.name:
                return Part(place.name, kube.cluster.name, None)
            return Part(place.name, kube.cluster.name, value, await tree.read(kube, value))

    async def _part(self, place: Environment, value: JsonObject, change: str) -> Part:
        async with self._opened(place) as kube:
            return Part(place.name, kube.cluster.name, value, await tree.read(kube, value), change)

    async def all(self, resource: str) -> list[Provisioned]:
        """Return all of a kind, by namespace and name."""
        offer = self.offer(resource)
        listed = [one for place in offer.environments.values() for one in await self._listed(offer, place)]
        grouped: dict[tuple[str, str], list[Part]] = {}
        for one in listed:
            value = one.object or {}
            key = (value["metadata"].get("namespace") or "", orders.labels_of(value).get(orders.ORDER, ""))
            grouped.setdefault(key, []).append(one)
        return [Provisioned(offer, *key, parts) for key, parts in sorted(grouped.items())]

    async def _listed(self, offer: Offer, place: Environment) -> list[Part]:
        async with self._opened(place) as kube:
            definition = await definitions.find(kube, offer.group, offer.kind, offer.version)
            labels = f"{orders.RESOURCE}={offer.name},{orders.ENVIRONMENT}={place.name}"
            found = await kube.list(definition.api_version, offer.kind, labels=labels)
            return [Part(place.name, kube.cluster.name, one) for one in found]

    async def wait(self, found: Provisioned, patience: Patience, *, tell: Tell) -> Provisioned:
        """Wait until a resource is ready in all environments of ``found``, and return how it stands then.

        Raises:
            FailedError, WaitedInVainError: as ``composing.until_ready``; the message names the environment.
        """
        waits = [asyncio.ensure_future(self._wait(found.offer, one, patience, tell)) for one in found.parts]
        try:
            return replace(found, parts=await asyncio.gather(*waits))
        finally:
            for one in waits:
                one.cancel()
            await asyncio.wait(waits)

    async def _wait(self, offer: Offer, part: Part, patience: Patience, tell: Tell) -> Part:
        place, value = offer.place(part.environment), part.object or {}
        async with self._opened(place) as kube:
            try:
                ready = await composing.until_ready(
                    kube, refs.of(value), patience, tell=lambda text: tell(f"{place.name}: {text}")
                )
            except (waiting.FailedError, waiting.WaitedInVainError) as error:
                raise type(error)(f"{place.name}: {error.message}") from error
            return replace(part, object=ready, root=await tree.read(kube, ready or value))

    async def delete(
        self, found: Provisioned, *, confirm: str | None, orphan: bool = False, dry_run: bool = False
    ) -> Provisioned:
        """Have a resource go in the environments of ``found``; none goes while one of them is protected.

        Args:
            found: of ``find``.
            confirm: the name once more.
            orphan: what the cloud has is left there.
            dry_run: only check.

        Raises:
            InputError: the name was not said. ConflictError: it is protected; the message says where.
        """
        if confirm != found.name:
            raise InputError(f"Deleting takes data away: say the name once more as 'confirm={found.name}'")
        protected = [one.environment for one in found.parts if one.object and found.offer.is_protected(one.object)]
        if protected and not orphan:
            raise ConflictError(
                f"{found.offer.name} '{found.name}' is protected in {', '.join(protected)}: have "
                f"'{offers.PROTECTION}' taken off its object first, delete other environments alone, or orphan it"
            )
        for one in found.parts:
            await self._delete(found.offer, one, orphan=orphan, dry_run=dry_run)
        return found

    async def _delete(self, offer: Offer, part: Part, *, orphan: bool, dry_run: bool) -> None:
        async with self._opened(offer.place(part.environment)) as kube:
            if orphan and part.root is not None:
                for _, one in part.root.all():
                    await _keep(kube, one.ref, dry_run=dry_run)
            await kube.delete(refs.of(part.object or {}), dry_run=dry_run)

    async def remaining(self, found: Provisioned) -> Sequence[Part]:
        """Return the environments of a resource that are not among those of ``found``."""
        gone = {one.environment for one in found.parts}
        others = [one for name, one in found.offer.environments.items() if name not in gone]
        looked = [await self._look(found.offer, one, found.namespace, found.name) for one in others]
        return [one for one in looked if one.object is not None]

    async def wait_until_gone(self, found: Provisioned, seconds: float, *, tell: Tell) -> None:
        """Wait until it is gone in all environments of ``found``. Raises WaitedInVainError."""
        for one in found.parts:
            async with self._opened(found.offer.place(one.environment)) as kube:
                judge = criteria.parse("delete")
                await waiting.until(kube, refs.of(one.object or {}), judge, tell=tell, seconds=seconds)

    @asynccontextmanager
    async def _opened(self, place: Environment) -> AsyncIterator[Api]:
        async with api.connect(clusters.find(self.config, place.cluster), _BY_OPERATOR) as kube:
            yield kube


def _object(
    offer: Offer, place: Environment, order: Order, definition: Definition, *, by: str, mark: str | None
) -> JsonObject:
    values = offer.values(place, order.size, order.chosen)
    metadata = orders.metadata(order, place.name, by=by, mark=mark)
    own = orders.own(offer, place, metadata["name"], is_v2=definition.is_v2)
    spec = definition.placed(offer.spec(values), own)
    return {"apiVersion": definition.api_version, "kind": offer.kind, "metadata": metadata, "spec": spec}


def _refuse_cluster_wide(definition: Definition) -> None:
    if not definition.namespaced:
        raise InputError(
            f"{definition.kind} is a composite of the whole cluster; configure its claim, or one whose definition has "
            "'scope: Namespaced'"
        )


async def _refuse_used_key(kube: Api, definition: Definition, order: Order, mark: str) -> None:
    labels = f"{orders.IDEMPOTENCY}={mark}"
    for one in await kube.list(definition.api_version, definition.kind, labels=labels):
        found = orders.request_of(one)
        if found and found != order.request():
            raise ConflictError(
                f"The Idempotency-Key was used for '{found.get('serviceName')}' of {found.get('team')}; use another one"
            )


async def _keep(kube: Api, ref: Ref, *, dry_run: bool) -> None:
    """Have a managed resource leave in the cloud what it stands for; other objects know neither field."""
    value = await kube.get(ref)
    spec = (value or {}).get("spec") or {}
    if "providerConfigRef" not in spec and "forProvider" not in spec and "deletionPolicy" not in spec:
        return
    change = {key: one for key, one in _MANAGED if key in spec} or dict(_MANAGED[1:])
    await kube.merge(ref, {"spec": change}, dry_run=dry_run)


def _words(refused: Sequence[denials.Denial], error: Exception) -> str:
    return "; ".join(str(one) for one in refused) or str(error)
