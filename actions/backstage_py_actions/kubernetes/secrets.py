"""``externalsecret:create`` and ``sealedsecret:create``: secrets of a cluster without their values in a manifest."""

from dataclasses import dataclass, field

from backstage_py.integrations.kubernetes import criteria, refs, sealing, waiting
from backstage_py.integrations.kubernetes.sealing import Scope, Sealer
from backstage_py.plugin import Action, ActionAttributes, ActionContext, InputError, JsonObject
from backstage_py_actions._builtin import builtin
from backstage_py_actions.kubernetes import cluster, placing
from backstage_py_actions.kubernetes.placing import Place

_IDEMPOTENT = ActionAttributes(idempotent=True)
_CERTIFICATES = "sealedSecrets.certificates"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalSecret:
    """``data`` gives for each key of the secret the place in the store, ``<path>#<property>``."""

    place: Place
    store: JsonObject
    data: dict[str, str] | None = None
    extract: list[str] | None = None
    target_name: str | None = None
    refresh_interval: str | None = None
    wait: bool = False
    timeout_seconds: float = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedSecret:
    """``values`` are sealed for the controller whose ``certificate`` is given or configured."""

    place: Place
    values: dict[str, str] = field(repr=False)
    scope: str = "strict"
    type: str = "Opaque"
    labels: dict[str, str] | None = None
    certificate: str | None = None


@builtin("externalsecret:create", ExternalSecret, dry_run=True, attributes=_IDEMPOTENT, extra="kubernetes")
async def external_secret(ctx: ActionContext[ExternalSecret]) -> None:
    """Have the External Secrets Operator make a secret of what a store holds."""
    given = ctx.input
    if not (given.data or given.extract):
        raise InputError("Give 'data' (keys and their places in the store) or 'extract' (paths of which all keys come)")
    await placing.put(ctx, given.place, _external_secret(given))
    if given.wait and not given.place.path and not ctx.is_dry_run:
        await _wait(ctx, given)


@builtin("sealedsecret:create", SealedSecret, dry_run=True, attributes=_IDEMPOTENT, extra="kubernetes")
async def sealed_secret(ctx: ActionContext[SealedSecret]) -> None:
    """Seal a secret; each sealing differs, and opens to the same."""
    given, place = ctx.input, ctx.input.place
    if ctx.is_dry_run and not given.certificate and not (ctx.services.config or {}).get("sealedSecrets"):
        ctx.logger.warning("No certificate of a Sealed Secrets controller is there; the dry run seals nothing")
        ctx.output("manifest", {"apiVersion": sealing.API_VERSION, "kind": sealing.KIND})
        return
    sealed = sealing.sealed_secret(
        Sealer(_certificate(ctx)),
        place.namespace,
        place.name,
        given.values,
        scope=Scope(given.scope),
        type_=given.type,
        labels=dict(given.labels or {}),
    )
    await placing.put(ctx, place, sealed)


def _external_secret(given: ExternalSecret) -> JsonObject:
    place = given.place
    spec: JsonObject = {
        "secretStoreRef": {"kind": given.store.get("kind", "ClusterSecretStore"), "name": given.store["name"]},
        "target": {"name": given.target_name or place.name},
    }
    if given.refresh_interval:
        spec["refreshInterval"] = given.refresh_interval
    if given.data:
        spec["data"] = [{"secretKey": key, "remoteRef": _remote(where)} for key, where in given.data.items()]
    if given.extract:
        spec["dataFrom"] = [{"extract": {"key": path}} for path in given.extract]
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": place.name, "namespace": place.namespace},
        "spec": spec,
    }


def _remote(where: str) -> JsonObject:
    path, _, property_ = where.partition("#")
    if not path:
        raise InputError(f"'{where}' should be '<path>#<property>' or '<path>', as the store knows it")
    return {"key": path, "property": property_} if property_ else {"key": path}


def _certificate(ctx: ActionContext[SealedSecret]) -> str:
    if ctx.input.certificate:
        return ctx.input.certificate
    section = (ctx.services.config or {}).get("sealedSecrets") or {}
    certificates = section.get("certificates") or {}
    name = ctx.input.place.cluster_name
    if name is None and len(certificates) == 1:
        return str(next(iter(certificates.values())))
    if name in certificates:
        return str(certificates[name])
    known = ", ".join(f"'{one}'" for one in sorted(certificates)) or "none"
    raise InputError(
        "Give 'certificate', that of the cluster's Sealed Secrets controller ('kubeseal --fetch-cert' prints it), or "
        f"have the operator add it to '{_CERTIFICATES}' by the cluster's name; there is {known}"
    )


async def _wait(ctx: ActionContext[ExternalSecret], given: ExternalSecret) -> None:
    seconds = await cluster.seconds_left(ctx, given.timeout_seconds)
    async with cluster.opened(ctx, given.place.cluster_name, given.place.token) as kube:
        ref = await kube.full(refs.of(_external_secret(given)))
        waits = waiting.until(kube, ref, criteria.parse("condition=Ready"), tell=ctx.logger.info, seconds=seconds)
        await cluster.unless_cancelled(ctx, waits)


ACTIONS: tuple[Action, ...] = (external_secret, sealed_secret)
