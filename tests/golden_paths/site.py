"""Everything that a golden path's product meets on a cluster, for as long as tests look at it.

The service, its git host, the cluster, the image and Prometheus are real. Argo CD, Argo Rollouts and the Prometheus
operator are controllers of the tests. The namespaces are the ones that the product names.
"""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.cluster import waiting
from tests.cluster.cluster import KubeCluster
from tests.cluster.helm_source import HelmSource
from tests.cluster.reconcilers import prometheus_operator
from tests.cluster.reconcilers.analysis import Analyses
from tests.cluster.reconcilers.argocd import Applications
from tests.cluster.reconcilers.base import Reconciler
from tests.cluster.reconcilers.rollouts import Rollouts
from tests.golden_paths import images, service
from tests.golden_paths.images import Images
from tests.golden_paths.repository import Change, Repository, values
from tests.golden_paths.service import Service
from tests.monitoring.prometheus import Prometheus
from tests.tracing import receiver
from tests.tracing.receiver import Receiver

NAME, TEAM = "shop", "payments"
IMAGE = f"ghcr.io/org/{NAME}"
STAGING, PRODUCTION = f"{TEAM}-staging", f"{TEAM}-production"
ARGO = "argocd"
_APPLICATIONS = f"/apis/argoproj.io/v1alpha1/namespaces/{ARGO}/applications"
_QUICK = {
    "startup": {"periodSeconds": 1},
    "liveness": {"periodSeconds": 2},
    "readiness": {"periodSeconds": 1},
}
"""Probes of a test that has no time."""


@dataclass(frozen=True)
class Site:
    """What tests act on."""

    kube: KubeCluster
    service: Service
    repository: Repository
    images: Images
    prometheus: Prometheus
    traces: Receiver
    times: dict[str, float] = field(default_factory=dict)
    controllers: list[Reconciler] = field(default_factory=list)
    told: set[str] = field(default_factory=set)
    """The tests that have come."""

    def release(self, message: str = "", *changes: Change) -> str:
        """Do what the pipeline does with a commit: build its image, and commit its digest for staging.

        Without changes it is the newest commit that is there.

        Returns:
            the commit that was built, which the image has as its version.
        """
        commit = self.repository.change(message, *changes) if changes else self.repository.revision()
        digest = self.images.build(self.repository.export(commit, self.images.folder / f"tree-{commit}"), IMAGE, commit)
        said = values(image={"digest": digest, "tag": commit})
        self.repository.change(f"Deploy {commit[:12]} to staging [skip ci]", ("deploy/staging/values.yaml", said))
        return commit

    def promote(self) -> str:
        """Have path 3 propose staging's image for production, and merge that; return the merge."""
        digest = yaml.safe_load(self.repository.file("deploy/staging/values.yaml"))["image"]["digest"]
        self.service.run("deploy-to-production", {"service": f"component:default/{NAME}"})
        return self.repository.merge(f"promote-{digest.partition(':')[2][:12]}")

    def create(self, environment: str) -> None:
        """Give Argo CD the Application of an environment, as the file in the repository has it."""
        text = (self.repository.tree / f"deploy/argo-cd/{environment}.yaml").read_text(encoding="utf-8")
        self.kube.api.post(_APPLICATIONS, yaml.safe_load(text))

    def application(self, environment: str) -> Any:
        return self.kube.api.find(f"{_APPLICATIONS}/{NAME}-{environment}") or {}

    def until_synced(self, environment: str, revision: str | None = None, *health: str) -> Any:
        """Return the Application when it is at a commit, the newest by itself, and well, or as ``health`` has it."""
        revision = revision or self.repository.revision()

        def is_there() -> Any:
            assert not any(one.problems for one in self.controllers), [one.problems for one in self.controllers]
            status = self.application(environment).get("status") or {}
            sync = status.get("sync") or {}
            is_well = (status.get("health") or {}).get("status") in (health or ("Healthy",))
            return (sync.get("status"), sync.get("revision")) == ("Synced", revision) and is_well and status

        try:
            return waiting.until(is_there, f"{environment} is synced to {revision[:7]}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self._said(environment)}") from None

    def addresses(self, namespace: str) -> list[str]:
        """Return the URLs of the pods that are ready, as the Service's Endpoints have them."""
        found = self.kube.api.find(f"/api/v1/namespaces/{namespace}/endpoints/{NAME}") or {}
        return [
            f"http://{address['ip']}:{one['ports'][0]['port']}"
            for one in found.get("subsets") or []
            for address in one.get("addresses") or []
        ]

    def pods(self, namespace: str) -> list[Any]:
        return self.kube.api.items(f"/api/v1/namespaces/{namespace}/pods")

    def _said(self, environment: str) -> str:
        pods = self.pods(f"{TEAM}-{environment}")
        states = [one["status"].get("containerStatuses") or one["status"] for one in pods]
        return "\n".join(map(str, [self.application(environment).get("status"), *states]))


@contextlib.contextmanager
def running(kube: KubeCluster, folder: Path) -> Iterator[Site]:
    """Send the form and have its product meet all that it needs, until the block is left."""
    kube.load_crds("argo-cd", "argo-rollouts", "prometheus-operator", "external-secrets")
    place = images.place(kube)
    with contextlib.ExitStack() as stack:
        for namespace in (ARGO, STAGING, PRODUCTION):
            _make(kube, namespace)
            stack.callback(kube.remove, namespace)
        stack.callback(_let_go, kube)
        portal = stack.enter_context(service.serving(folder))
        began = time.monotonic()
        portal.run("go-microservice", {"name": NAME, "team": TEAM, "database": False})
        times = {"form to repository": time.monotonic() - began}
        repository = portal.repository(NAME)
        source = HelmSource(kube, repository)
        monitored = prometheus_operator.running(kube.api, [STAGING, PRODUCTION], folder / "prometheus")
        prometheus = stack.enter_context(monitored)
        traces = stack.enter_context(receiver.running(kube.host))
        controllers: list[Reconciler] = [
            Rollouts(kube.api, PRODUCTION),
            Analyses(kube.api, PRODUCTION),
            Applications(kube.api, ARGO, revision=source.revision, manifests=source.manifests),
        ]
        for one in controllers:
            stack.enter_context(one)
        site = Site(kube, portal, repository, place, prometheus, traces, times, controllers)
        configure(site)
        yield site


def configure(site: Site) -> None:
    """Commit what this cluster has and how little time a test has, by what the chart lets be said."""
    common: Any = {
        "probes": _QUICK,
        "shutdown": {"drainSeconds": 3},
        "autoscaling": {"enabled": False},
        "replicas": 2,
        "serviceMonitor": {"enabled": True, "interval": "1s"},
        "tracing": {"endpoint": site.traces.url},
    }
    analysis = {"prometheus": site.prometheus.url, "initialDelay": "2s", "interval": "1s", "window": "10s"}
    steps = [{"setWeight": 50}, {"pause": {}}]  # until somebody or the analysis says more: tests race with no clock
    rollout = {"rollout": {"enabled": True, "steps": steps, "analysis": analysis}}
    site.repository.change(
        "What this cluster has",
        ("deploy/staging/values.yaml", values(**common)),
        ("deploy/production/values.yaml", values(**common, **rollout, prometheusRule={"enabled": True})),
    )


def _make(kube: KubeCluster, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}"
    waiting.until(lambda: not (kube.api.find(path) or {"metadata": {}})["metadata"].get("deletionTimestamp"), "gone")
    if kube.api.find(path) is None:
        kube.api.post("/api/v1/namespaces", {"metadata": {"name": namespace}})


def _let_go(kube: KubeCluster) -> None:
    """Have Applications go that no controller will take away any more."""
    for one in kube.api.items(_APPLICATIONS):
        kube.api.patch(f"{_APPLICATIONS}/{one['metadata']['name']}", {"metadata": {"finalizers": None}})
