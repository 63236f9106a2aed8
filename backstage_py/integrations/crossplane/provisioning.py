"""Resources for services: asked for, looked at, waited for and deleted, in all their environments.

The face ``/api/crossplane`` and the actions ``crossplane:<resource>:…`` use it; who may ask is decided before. The
operator's configuration is what the cluster is called for, so rules about templates do not apply.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from backstage_py.errors import (
    BackstageError,
    ConflictError,
    InputError,
    NotAllowedError,
    NotFoundError,
    ServiceUnavailableError,
)
from backstage_py.integrations.crossplane import checking, composing, definitions, offers, orders, tree
from backstage_py.integrations.crossplane.composing import Patience
from backstage_py.integrations.crossplane.definitions import Definition
from backstage_py.integrations.crossplane.deliveries import Mode
from backstage_py.integrations.crossplane.delivering import Standing, State
from backstage_py.integrations.crossplane.deployed import GitHosts
from backstage_py.integrations.crossplane.offers import Environment, Offer
from backstage_py.integrations.crossplane.orders import Order
from backstage_py.integrations.crossplane.provisioned import Part, Provisioned
from backstage_py.integrations.crossplane.repositories import Repositories
from backstage_py.integrations.kubernetes import api, clusters, criteria, denials, refs, waiting
from backstage_py.integrations.kubernetes.api import Api
from backstage_py.integrations.kubernetes.refs import Ref
from backstage_py.integrations.kubernetes.rules import Caller
from backstage_py.model.json import Json, JsonObject

Tell = Callable[[str], None]
_UNTRIED = "does not support dry run"  # what an API server says of a webhook with side effects
_BY_OPERATOR = Caller(has_own_token=True)
_MANAGED = (("deletionPolicy", "Orphan"), ("managementPolicies", ["Observe", "Create", "Update", "LateInitialize"]))


def _quiet(_: str) -> None:
    """Tell nobody."""


class Provisioner:
    """Provisions what the configuration offers.

    Args:
        config: the whole configuration.
        hosts: the git hosts on which repositories are that are deployed.

    Raises:
        SettingsError: ``crossplane`` is wrong, or a repository is on a host that is not served.
    """

    def __init__(self, config: Mapping[str, Json], hosts: GitHosts | None = None) -> None:
        self.config = config
        self.offers = offers.read(config)
        self._repositories = Repositories(hosts)
        for one in self.offers.values():
            self._repositories.refuse_unserved(one)

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
        parts = [await self._do(one, dry_run=dry_run, tell=tell) for one in planned]
        return Provisioned(offer, order.namespace, order.service, parts)

    async def _plan(self, offer: Offer, order: Order, name: str, by: str, mark: str | None) -> "_Plan":
        """Return the object for an environment, checked, and the one that is there."""
        place = offer.place(name)
        async with self._asked(offer, place) as (definition, kube):
            _refuse_cluster_wide(definition)
            if mark and kube:
                await _refuse_used_key(kube, definition, order, mark)
            await self._repositories.refuse_used_key(offer, place, order, mark)
            value = _object(offer, place, order, definition, by=by, mark=mark)
            checking.refuse_unless_valid(definition, value)
            there = await kube.get(refs.of(value)) if kube else None
            if kube and there is None and place.delivery.is_direct:
                await _refuse_unless_admitted(kube, offer, place, value)
        metadata = value["metadata"]
        standing = await self._repositories.standing(offer, place, metadata["namespace"], metadata["name"])
        for one in (there, standing.object if standing else None):
            if one is not None:
                orders.refuse_unless_same(order, name, one)
        return _Plan(offer, place, value, there, standing)

    async def _do(self, plan: "_Plan", *, dry_run: bool, tell: Tell) -> Part:
        """Have a plan come true: by the repository that is deployed where the environment has one."""
        place, there = plan.place, plan.there
        delivery = plan.standing
        if delivery is not None and not dry_run:
            delivery = await self._repositories.put(plan.offer, place, plan.value, tell)
        if there is not None:
            tell(f"{place.name}: {replace(refs.of(there), uid=None)} is there already")
            return replace(await self._part(place, there, "unchanged"), delivery=delivery)
        if delivery is None:
            return await self._create(plan.offer, place, plan.value, dry_run=dry_run, tell=tell)
        state = str(State.COMMITTED if place.delivery.mode is Mode.COMMIT else State.REQUESTED)
        change = str(delivery.state) if delivery.is_new else "unchanged"
        if dry_run and delivery.object is None:
            change = f"would be {state}"
        return Part(place.name, place.cluster or "", delivery.object or plan.value, None, change, delivery)

    @asynccontextmanager
    async def _asked(self, offer: Offer, place: Environment) -> AsyncIterator[tuple[Definition, Api | None]]:
        """Give the definition as the cluster has it; as the configuration describes it where that cannot be asked."""
        described = None if place.delivery.is_direct else offer.described
        if described is not None and not self._has_cluster(place):
            yield described, None
            return
        async with self._opened(place) as kube:
            try:
                found: tuple[Definition, Api | None] = (
                    await definitions.find(kube, offer.group, offer.kind, offer.version),
                    kube,
                )
            except ServiceUnavailableError:
                if described is None:
                    raise
                found = described, None
            yield found

    async def _create(self, offer: Offer, place: Environment, value: JsonObject, *, dry_run: bool, tell: Tell) -> Part:
        ref, warned = refs.of(value), list[str]()
        async with self._opened(place) as kube:
            try:
                made = await kube.create(value, dry_run=dry_run, warned=warned)
            except ConflictError:
                made = await kube.get(ref) or {}
                if not made or orders.request_of(made) != orders.request_of(value):
                    raise
            except (NotAllowedError, InputError) as error:
                raise _refusal(offer, place, error) from error
        tell(f"{place.name}: {ref} {'would be created' if dry_run else 'created'}")
        for text in warned:
            tell(f"{place.name}: {ref}: {text}")
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
        there = await self._look_on_cluster(offer, place, namespace, name)
        standing = await self._repositories.standing(offer, place, namespace, f"{name}-{place.name}")
        if there.object is None and standing and standing.object and orders.is_of(offer, standing.object):
            return replace(there, object=standing.object, delivery=standing)
        return replace(there, delivery=standing)

    async def _look_on_cluster(self, offer: Offer, place: Environment, namespace: str, name: str) -> Part:
        async with self._asked(offer, place) as (definition, kube):
            if kube is None:
                return Part(place.name, place.cluster or "", None)
            value = await kube.get(Ref(definition.api_version, offer.kind, f"{name}-{place.name}", namespace))
            if value is None or not orders.is_of(offer, value):
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
        there = await self._listed_on_cluster(offer, place)
        known = {_name(one.object) for one in there}
        found = [one for one in await self._repositories.listed(offer, place) if _name(one.object) not in known]
        return there + [Part(place.name, place.cluster or "", one.object, delivery=one) for one in found]

    async def _listed_on_cluster(self, offer: Offer, place: Environment) -> list[Part]:
        async with self._asked(offer, place) as (definition, kube):
            if kube is None:
                return []
            labels = f"{orders.RESOURCE}={offer.name},{orders.ENVIRONMENT}={place.name}"
            found = await kube.list(definition.api_version, offer.kind, labels=labels)
            return [Part(place.name, kube.cluster.name, one) for one in found]

    async def merge_open(self, resource: str) -> None:
        """Merge the pull requests of a resource that merge by themselves, as far as their repository's rules let it."""
        offer = self.offer(resource)
        for place in offer.environments.values():
            await self._repositories.merge_open(offer, place)

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
        if not self._is_visible(place):
            tell(f"{place.name}: there is no cluster to look at; it is not waited for")
            return part
        async with self._opened(place) as kube:  # asked for nothing first: the wait outlives an outage, that would not
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
        protected = [one.environment for one in found.parts if _is_protected(found.offer, one)]
        if protected and not orphan:
            raise ConflictError(
                f"{found.offer.name} '{found.name}' is protected in {', '.join(protected)}: have "
                f"'{offers.PROTECTION}' taken off its object first, delete other environments alone, or orphan it"
            )
        parts = [await self._delete(found.offer, one, orphan=orphan, dry_run=dry_run) for one in found.parts]
        return replace(found, parts=parts)

    async def _delete(self, offer: Offer, part: Part, *, orphan: bool, dry_run: bool) -> Part:
        place = offer.place(part.environment)
        if part.is_on_cluster and (orphan or place.delivery.is_direct):
            async with self._opened(place) as kube:
                if orphan and part.root is not None:
                    for _, one in part.root.all():
                        await _keep(kube, one.ref, dry_run=dry_run)
                if place.delivery.is_direct:
                    await kube.delete(refs.of(part.object or {}), dry_run=dry_run)
        if place.delivery.is_direct or dry_run:
            return part
        return replace(part, delivery=await self._repositories.remove(offer, place, part.object or {}))

    async def remaining(self, found: Provisioned) -> Sequence[Part]:
        """Return the environments of a resource that are not among those of ``found``."""
        gone = {one.environment for one in found.parts}
        others = [one for name, one in found.offer.environments.items() if name not in gone]
        looked = [await self._look(found.offer, one, found.namespace, found.name) for one in others]
        return [one for one in looked if one.object is not None]

    async def wait_until_gone(self, found: Provisioned, seconds: float, *, tell: Tell) -> None:
        """Wait until it is gone in all environments of ``found``. Raises WaitedInVainError."""
        for one in found.parts:
            place = found.offer.place(one.environment)
            if not self._is_visible(place):
                continue
            async with self._opened(place) as kube:
                judge = criteria.parse("delete")
                await waiting.until(kube, refs.of(one.object or {}), judge, tell=tell, seconds=seconds)

    @asynccontextmanager
    async def _opened(self, place: Environment) -> AsyncIterator[Api]:
        async with api.connect(clusters.find(self.config, place.cluster), _BY_OPERATOR) as kube:
            yield kube

    def _is_visible(self, place: Environment) -> bool:
        """Whether there is a cluster to look at, or one that has to be."""
        return place.delivery.is_direct or self._has_cluster(place)

    def _has_cluster(self, place: Environment) -> bool:
        """Whether the cluster of an environment is configured; several without a name are a mistake, not none."""
        try:
            clusters.find(self.config, place.cluster)
        except NotFoundError:
            return False
        except InputError:
            if (self.config.get("kubernetes") or {}).get("clusterLocatorMethods"):
                raise
            return False
        return True


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be in an environment (``value``), what is on its cluster, and in the repository that is deployed."""

    offer: Offer
    place: Environment
    value: JsonObject
    there: JsonObject | None
    standing: Standing | None


def _name(value: JsonObject | None) -> tuple[str, str]:
    metadata = (value or {}).get("metadata") or {}
    return metadata.get("namespace") or "", metadata.get("name") or ""


def _is_protected(offer: Offer, part: Part) -> bool:
    """Whether something is protected; what was only asked for is not there yet."""
    is_only_asked = part.delivery is not None and part.delivery.state is State.REQUESTED and not part.is_on_cluster
    return part.object is not None and not is_only_asked and offer.is_protected(part.object)


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
        orders.refuse_unless_same_request(order, one)


async def _keep(kube: Api, ref: Ref, *, dry_run: bool) -> None:
    """Have a managed resource leave in the cloud what it stands for; other objects know neither field."""
    value = await kube.get(ref)
    spec = (value or {}).get("spec") or {}
    if "providerConfigRef" not in spec and "forProvider" not in spec and "deletionPolicy" not in spec:
        return
    change = {key: one for key, one in _MANAGED if key in spec} or dict(_MANAGED[1:])
    await kube.merge(ref, {"spec": change}, dry_run=dry_run)


async def _refuse_unless_admitted(kube: Api, offer: Offer, place: Environment, value: JsonObject) -> None:
    """Return when the cluster would take an object: its admission, its quotas, the rights of these credentials."""
    try:
        await kube.create(value, dry_run=True)
    except ConflictError:
        return  # somebody was faster, which is found out below
    except (NotAllowedError, InputError) as error:
        if _UNTRIED not in error.message:
            raise _refusal(offer, place, error) from error


def _refusal(offer: Offer, place: Environment, error: BackstageError) -> BackstageError:
    refused = "; ".join(str(one) for one in denials.read(error.message)) or error.message
    return error.reworded(f"{offer.name} in {place.name} was refused: {refused}")
