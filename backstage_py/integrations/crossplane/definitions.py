"""The CompositeResourceDefinition of a kind, as it is on the cluster: version 1 or 2, claim or composite, schema."""

from collections.abc import Mapping
from dataclasses import dataclass

from backstage_py.errors import ConflictError, InputError, NotAllowedError, NotFoundError
from backstage_py.integrations.kubernetes import readiness
from backstage_py.integrations.kubernetes.api import Api
from backstage_py.model.json import Json, JsonObject

_GROUP = "apiextensions.crossplane.io"
_KIND = "CompositeResourceDefinition"
_LEGACY = "LegacyCluster"
_SECRET = "writeConnectionSecretToRef"  # noqa: S105  # the name of a field
_LEGACY_FIELDS = (
    "claimRef",
    "compositeDeletePolicy",
    "compositionRef",
    "compositionRevisionRef",
    "compositionRevisionSelector",
    "compositionSelector",
    "compositionUpdatePolicy",
    "environmentConfigRefs",
    "publishConnectionDetailsTo",
    "resourceRef",
    "resourceRefs",
    _SECRET,
)


@dataclass(frozen=True, slots=True)
class Definition:
    """What says how a kind is written.

    Attributes:
        name: of the definition.
        group: of the kind.
        kind: a composite's, or a claim's of version 1.
        version: of the kind, one that is served.
        namespaced: whether its objects are in namespaces.
        is_v2: Crossplane's own fields stand in ``spec.crossplane``, not in ``spec``.
        is_claim: it stands for a composite of the whole cluster.
        schema: OpenAPI of the whole object, without Crossplane's own fields; ``{}`` where it has none.
    """

    name: str
    group: str
    kind: str
    version: str
    namespaced: bool
    is_v2: bool
    is_claim: bool
    schema: JsonObject

    @property
    def api_version(self) -> str:
        """``group/version``."""
        return f"{self.group}/{self.version}"

    @property
    def own_fields(self) -> tuple[str, ...]:
        """The members of ``spec`` that are Crossplane's."""
        return ("crossplane",) if self.is_v2 else _LEGACY_FIELDS

    @property
    def has_connection_secret(self) -> bool:
        """Whether ``connectionSecret`` can be asked for: in version 2 the composition makes its own Secret."""
        return not self.is_v2

    def placed(self, spec: JsonObject, own: Mapping[str, Json]) -> JsonObject:
        """Return a spec with Crossplane's own fields, such as ``compositionRef``, where this version has them.

        Raises:
            InputError: this version has no connection secret.
        """
        wanted = {key: value for key, value in own.items() if value is not None}
        if not self.is_v2 or not wanted:
            return {**spec, **wanted}
        if _SECRET in wanted:
            raise InputError(
                f"{self.kind} is a composite of version 2, which has no '{_SECRET}': its composition makes a Secret"
            )
        return {**spec, "crossplane": {**(spec.get("crossplane") or {}), **wanted}}


async def find(api: Api, group: str, kind: str, version: str | None = None) -> Definition:
    """Return the definition of a composite's or claim's kind, in a version or the one that others refer to.

    Args:
        api: the cluster; definitions are read whatever the operator's rules let the caller apply.
        group: such as ``platform.example.org``.
        kind: such as ``XPostgres``.
        version: such as ``v1``.

    Raises:
        NotFoundError: Crossplane is not installed, or there is no definition of the kind or version.
        ConflictError: the definition is there, and Crossplane does not offer its kind yet.
    """
    for one in await _listed(api):
        spec = one["spec"]
        claims = spec.get("claimNames") or {}
        if spec["group"] == group and kind in (spec["names"]["kind"], claims.get("kind")):
            return _definition(one, kind, version, is_claim=kind == claims.get("kind"))
    raise NotFoundError(
        f"The cluster '{api.cluster.name}' has no {_KIND} of {kind} in the group {group}; check the spelling, "
        "or install the definition first"
    )


async def _listed(api: Api) -> list[JsonObject]:
    asked = api.of_operator()
    try:
        known = await asked.any_kind(_GROUP, _KIND)
    except NotFoundError as error:
        raise NotFoundError(
            f"The cluster '{api.cluster.name}' has no Crossplane: the kind {_KIND} is missing; install it first"
        ) from error
    try:
        return await asked.list(known.api_version, _KIND)
    except NotAllowedError as error:
        raise NotAllowedError(
            f"The credentials of the cluster '{api.cluster.name}' may not list {_KIND}s ({error.message}); "
            "give them that right, since a definition says how its kind is written"
        ) from error


def _definition(value: JsonObject, kind: str, version: str | None, *, is_claim: bool) -> Definition:
    spec, name = value["spec"], value["metadata"]["name"]
    served = {one["name"]: one for one in spec["versions"] if one.get("served")}
    found = version or next((one["name"] for one in spec["versions"] if one.get("referenceable")), "")
    if found not in served:
        raise NotFoundError(f"The {_KIND} {name} serves no version '{found}' of {kind}; it has {', '.join(served)}")
    _refuse_unoffered(value, "Offered" if is_claim else "Established", kind)
    scope = spec.get("scope") or _LEGACY
    return Definition(
        name=name,
        group=spec["group"],
        kind=kind,
        version=found,
        namespaced=is_claim or scope == "Namespaced",
        is_v2=scope != _LEGACY,
        is_claim=is_claim,
        schema=(served[found].get("schema") or {}).get("openAPIV3Schema") or {},
    )


def _refuse_unoffered(value: JsonObject, condition: str, kind: str) -> None:
    found = readiness.condition(value, condition)
    if found is not None and found.get("status") == "True":
        return
    why = readiness.described(found) or f"no condition {condition} yet"
    raise ConflictError(f"Crossplane does not offer {kind}: {why} at the {_KIND} {value['metadata']['name']}")
