"""``flux:kustomization:create``, ``flux:helmrelease:create`` and ``flux:wait``."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from backstage_py.integrations.gitops import flux
from backstage_py.integrations.gitops.faults import Lasting
from backstage_py.integrations.gitops.flux import Named
from backstage_py.integrations.kubernetes import refs, waiting
from backstage_py.integrations.kubernetes.api import Api
from backstage_py.integrations.kubernetes.readiness import Verdict
from backstage_py.integrations.kubernetes.refs import Ref
from backstage_py.plugin import (
    Action,
    ActionAttributes,
    ActionContext,
    InputError,
    JsonObject,
    NotAllowedError,
    NotFoundError,
)
from backstage_py_actions._builtin import builtin
from backstage_py_actions.kubernetes import cluster, placing
from backstage_py_actions.kubernetes.placing import Place

_IDEMPOTENT = ActionAttributes(idempotent=True)
_DEEPEST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Where the objects go, and whether they are waited for."""

    name: str
    namespace: str = "flux-system"
    cluster_name: str | None = None
    token: str | None = None
    manifest_path: str | None = None
    force: bool = False
    wait: bool = False
    timeout_seconds: float = 600

    def named(self, kind: str) -> Named:
        """Return an object of this name."""
        return Named(kind, self.name, self.namespace)

    def place(self) -> Place:
        """Return where the objects go."""
        return Place(
            name=self.name,
            namespace=self.namespace,
            cluster_name=self.cluster_name,
            token=self.token,
            path=self.manifest_path,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where manifests or charts come from: a source that is there, or a repository for which one is made."""

    source: JsonObject | None = None
    repo_url: str | None = None
    secret_name: str | None = None
    interval: str = "5m"

    def named(self, where: Where, kind: str) -> Named:
        """Return what the source is called; ``kind`` is that of one without its own."""
        if (self.source is None) == (self.repo_url is None):
            raise InputError("Give 'source', one that is there, or 'repoUrl', for which one is made")
        if self.source is None:
            return where.named(kind)
        return Named(self.source.get("kind", kind), self.source["name"], self.source.get("namespace", where.namespace))

    def made(self, named: Named, **spec: Any) -> list[JsonObject]:
        """Return the source that is made, if one is."""
        if self.repo_url is None:
            return []
        secret = {"name": self.secret_name} if self.secret_name else None
        return [named.manifest({"url": self.repo_url, "interval": self.interval, "secretRef": secret, **spec})]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kustomization:
    """What of a source is applied, and as whom."""

    where: Where
    source: Source
    branch: str | None = None
    tag: str | None = None
    commit: str | None = None
    path: str = "./"
    target_namespace: str | None = None
    prune: bool = True
    depends_on: Sequence[str] | None = None
    service_account_name: str | None = None
    substitute: dict[str, str] | None = None

    def manifests(self) -> list[JsonObject]:
        """Return the objects, the source first."""
        given, where = self.source, self.where
        source = given.named(where, "GitRepository")
        pinned = {"branch": self.branch, "tag": self.tag, "commit": self.commit}
        git_ref = {key: value for key, value in pinned.items() if value} or {"branch": "main"}
        spec = {
            "interval": given.interval,
            "sourceRef": flux.source_ref(source, where.namespace),
            "path": self.path,
            "prune": self.prune,
            "wait": True,
            "targetNamespace": self.target_namespace,
            "serviceAccountName": self.service_account_name,
            "dependsOn": [{"name": one} for one in self.depends_on] if self.depends_on else None,
            "postBuild": {"substitute": self.substitute} if self.substitute else None,
        }
        return [*given.made(source, ref=git_ref), where.named("Kustomization").manifest(spec)]


@builtin("flux:kustomization:create", Kustomization, dry_run=True, attributes=_IDEMPOTENT, extra="kubernetes")
async def kustomization(ctx: ActionContext[Kustomization]) -> None:
    """Have Flux apply a folder of a repository."""
    await _create(ctx, ctx.input.where, ctx.input.manifests(), ctx.input.commit)


@dataclass(frozen=True, slots=True, kw_only=True)
class HelmRelease:
    """Which chart is installed, and with which values."""

    where: Where
    source: Source
    chart: str
    version: str | None = None
    values: JsonObject | None = None
    values_from: Sequence[JsonObject] | None = None
    release_name: str | None = None
    target_namespace: str | None = None
    create_namespace: bool = False
    depends_on: Sequence[str] | None = None
    service_account_name: str | None = None
    retries: int = 3

    def manifests(self) -> list[JsonObject]:
        """Return the objects, the source first."""
        given, where = self.source, self.where
        source = given.named(where, "HelmRepository")
        chart = {"chart": self.chart, "version": self.version, "sourceRef": flux.source_ref(source, where.namespace)}
        remediation = {"remediation": {"retries": self.retries}}
        spec = {
            "interval": given.interval,
            "chart": {"spec": {key: value for key, value in chart.items() if value}},
            "releaseName": self.release_name,
            "targetNamespace": self.target_namespace,
            "serviceAccountName": self.service_account_name,
            "dependsOn": [{"name": one} for one in self.depends_on] if self.depends_on else None,
            "install": remediation | ({"createNamespace": True} if self.create_namespace else {}),
            "upgrade": remediation,
            "values": self.values,
            "valuesFrom": list(self.values_from) if self.values_from else None,
        }
        kind = "oci" if str(given.repo_url).startswith("oci://") else None
        return [*given.made(source, type=kind), where.named("HelmRelease").manifest(spec)]


@builtin("flux:helmrelease:create", HelmRelease, dry_run=True, attributes=_IDEMPOTENT, extra="kubernetes")
async def helm_release(ctx: ActionContext[HelmRelease]) -> None:
    """Have Flux install a chart."""
    await _create(ctx, ctx.input.where, ctx.input.manifests(), None)


async def _create(ctx: ActionContext[Any], where: Where, values: list[JsonObject], revision: str | None) -> None:
    ctx.output("manifests", values)
    ctx.output("objects", [refs.of(one).as_json() for one in values])
    place = where.place()
    if place.path:
        placing.write(ctx, place.path, values)
        return
    async with cluster.opened_if_there(ctx, place.cluster_name, place.token) as kube:
        if kube is None:
            return
        served = [await _served(kube, one) for one in values]
        made = await placing.apply(ctx, kube, served, force=where.force)
        ctx.output("objects", [one.ref.as_json() for one in made])
        if where.wait and not ctx.is_dry_run and not ctx.signal.is_set:
            judge = Lasting(partial(flux.judge, revision=revision), _PATIENCE, ctx.clock.monotonic)
            seconds = await cluster.seconds_left(ctx, where.timeout_seconds)
            await _until(ctx, kube, made[-1].ref, judge, seconds, looks=1)


async def _served(kube: Api, value: JsonObject) -> JsonObject:
    """Return an object in the version of its kind that the cluster serves."""
    kind = await kube.any_kind(flux.GROUPS[value["kind"]], value["kind"])
    return value | {"apiVersion": kind.api_version}


_PATIENCE = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """An object of Flux, and what it should be like."""

    name: str
    kind: str = "Kustomization"
    namespace: str = "flux-system"
    cluster_name: str | None = None
    token: str | None = None
    revision: str | None = None
    reconcile: bool = True
    looks: int = 1
    failing_seconds: float = _PATIENCE
    timeout_seconds: float = 600


@builtin("flux:wait", Wait, attributes=_IDEMPOTENT, needs_workspace=False, extra="kubernetes")
async def wait(ctx: ActionContext[Wait]) -> None:
    """Have Flux look again, and wait until the object is ready."""
    given = ctx.input
    seconds = await cluster.seconds_left(ctx, given.timeout_seconds)
    async with cluster.opened(ctx, given.cluster_name, given.token) as kube:
        ref = await _ref(kube, given.kind, given.name, given.namespace)
        asked = await _reconcile(ctx, kube, ref) if given.reconcile else None
        judge = partial(flux.judge, revision=given.revision, requested_at=asked)
        lasting = Lasting(judge, given.failing_seconds, ctx.clock.monotonic)
        found = await _until(ctx, kube, ref, lasting, seconds, looks=given.looks)
    if found is not None:
        ctx.output("revision", flux.applied_revision(found))


async def _ref(kube: Api, kind: str, name: str, namespace: str) -> Ref:
    return Ref((await kube.any_kind(flux.GROUPS[kind], kind)).api_version, kind, name, namespace)


async def _reconcile(ctx: ActionContext[Any], kube: Api, ref: Ref) -> str | None:
    """Ask Flux to look now, at the sources first, and return the mark by which it answers, None without."""
    at = str(await ctx.checkpoint("requested at", ctx.clock.now().isoformat))
    sources = [refs.of(one) for one in reversed(await _parents(kube, await kube.get(ref)))]
    asked = [await _annotate(ctx, kube, one, at) for one in [*sources, ref]]
    return at if asked[-1] else None


async def _annotate(ctx: ActionContext[Any], kube: Api, ref: Ref, at: str) -> bool:
    try:
        await kube.merge(ref, {"metadata": {"annotations": {flux.REQUESTED_AT: at}}})
    except NotAllowedError as error:
        ctx.logger.warning(f"Flux was not asked to look again at {ref}: {error.message}")
        return False
    except NotFoundError:
        return False  # it is waited for
    return True


async def _until(
    ctx: ActionContext[Any], kube: Api, ref: Ref, judge: Lasting, seconds: float, *, looks: int
) -> JsonObject | None:
    async def with_sources(value: JsonObject | None) -> Verdict:
        verdict = judge(value)
        if verdict.is_done:
            return verdict
        troubles = [said for one in await _parents(kube, value) if (said := flux.trouble(one))]
        return Verdict("; ".join([verdict.text, *troubles]), has_failed=verdict.has_failed)

    waits = waiting.until(kube, ref, with_sources, tell=ctx.logger.info, seconds=seconds, looks=looks)
    return await cluster.unless_cancelled(ctx, waits)


async def _parents(kube: Api, value: JsonObject | None) -> list[JsonObject]:
    """Return what an object gets its manifests from, the nearest first, as far as the caller may read it."""
    found: list[JsonObject] = []
    while value is not None and len(found) < _DEEPEST and (named := flux.parent(value)):
        try:
            value = await kube.get(await _ref(kube, *named))
        except (NotAllowedError, NotFoundError):
            break
        found += [value] if value is not None else []
    return found


ACTIONS: tuple[Action, ...] = (kustomization, helm_release, wait)
