"""The kinds that every Kubernetes cluster serves, and those of projects that platforms install: kind -> versions."""

from collections.abc import Mapping

_BY_VERSION = {
    "v1": "Binding ConfigMap Endpoints Event LimitRange List Namespace Node PersistentVolume PersistentVolumeClaim Pod "
    "PodTemplate ReplicationController ResourceQuota Secret Service ServiceAccount",
    "apps/v1": "ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet",
    "batch/v1": "CronJob Job",
    "autoscaling/v2": "HorizontalPodAutoscaler",
    "autoscaling/v1": "HorizontalPodAutoscaler Scale",
    "policy/v1": "Eviction PodDisruptionBudget",
    "networking.k8s.io/v1": "Ingress IngressClass IPAddress NetworkPolicy ServiceCIDR",
    "rbac.authorization.k8s.io/v1": "ClusterRole ClusterRoleBinding Role RoleBinding",
    "storage.k8s.io/v1": "CSIDriver CSINode CSIStorageCapacity StorageClass VolumeAttachment VolumeAttributesClass",
    "scheduling.k8s.io/v1": "PriorityClass",
    "coordination.k8s.io/v1": "Lease",
    "node.k8s.io/v1": "RuntimeClass",
    "discovery.k8s.io/v1": "EndpointSlice",
    "events.k8s.io/v1": "Event",
    "certificates.k8s.io/v1": "CertificateSigningRequest",
    "apiextensions.k8s.io/v1": "CustomResourceDefinition",
    "apiregistration.k8s.io/v1": "APIService",
    "authentication.k8s.io/v1": "SelfSubjectReview TokenRequest TokenReview",
    "authorization.k8s.io/v1": "LocalSubjectAccessReview SelfSubjectAccessReview SelfSubjectRulesReview "
    "SubjectAccessReview",
    "admissionregistration.k8s.io/v1": "MutatingWebhookConfiguration ValidatingAdmissionPolicy "
    "ValidatingAdmissionPolicyBinding ValidatingWebhookConfiguration",
    "flowcontrol.apiserver.k8s.io/v1": "FlowSchema PriorityLevelConfiguration",
}
_FROM_PROJECTS = {
    "argoproj.io/v1alpha1": "AnalysisTemplate AppProject Application ApplicationSet Rollout Workflow WorkflowTemplate",
    "apiextensions.crossplane.io/v1": "Composition",
    "apiextensions.crossplane.io/v2": "CompositeResourceDefinition",
    "cert-manager.io/v1": "Certificate CertificateRequest ClusterIssuer Issuer",
    "external-secrets.io/v1": "ClusterExternalSecret ClusterSecretStore ExternalSecret SecretStore",
    "monitoring.coreos.com/v1": "PodMonitor PrometheusRule ServiceMonitor",
    "gateway.networking.k8s.io/v1": "GRPCRoute Gateway GatewayClass HTTPRoute",
    "kustomize.toolkit.fluxcd.io/v1": "Kustomization",
    "helm.toolkit.fluxcd.io/v2": "HelmRelease",
    "source.toolkit.fluxcd.io/v1": "Bucket GitRepository HelmChart HelmRepository OCIRepository",
    "bitnami.com/v1alpha1": "SealedSecret",
    "kyverno.io/v1": "ClusterPolicy Policy",
    "route.openshift.io/v1": "Route",
    "apps.openshift.io/v1": "DeploymentConfig",
    "build.openshift.io/v1": "BuildConfig",
    "image.openshift.io/v1": "ImageStream",
    "project.openshift.io/v1": "Project ProjectRequest",
    "tekton.dev/v1": "Pipeline PipelineRun Task TaskRun",
}


def _kinds(versions: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for version, kinds in versions.items():
        for kind in kinds.split():
            found[kind] = (*found.get(kind, ()), version)
    return found


BUILT_IN = _kinds(_BY_VERSION)
"""Kinds of Kubernetes itself, with the versions in which clusters of today serve them."""
FROM_PROJECTS = _kinds(_FROM_PROJECTS)
"""Kinds that are installed; their projects may serve them in other versions, too."""
GROUPS = frozenset(version.rpartition("/")[0] for version in _BY_VERSION)
"""The groups of Kubernetes itself; the core's is empty."""
STILL_BETA = frozenset(
    [
        *("CSIStorageCapacity", "CertificateSigningRequest", "FlowSchema", "IPAddress", "PriorityLevelConfiguration"),
        *("SelfSubjectReview", "ServiceCIDR", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"),
        "VolumeAttributesClass",
    ]
)
"""Kinds that many clusters serve in a version before their first stable one, too."""
PROJECT_GROUPS = frozenset(version.rpartition("/")[0] for version in _FROM_PROJECTS)


def usual_version(kind: str) -> str:
    """Return the version of a kind that is given without one: that of Kubernetes or of Argo, else the core's."""
    rollout = FROM_PROJECTS["Rollout"] if kind == "Rollout" else ()
    return (BUILT_IN.get(kind) or rollout or ("v1",))[0]
