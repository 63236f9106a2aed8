"""Objects held against the schemas of Kubernetes and of the projects whose kinds they are."""

import functools
from typing import Any

import kubernetes_validate
from jsonschema import Draft7Validator

from tests.cluster import crds

KUBERNETES = "1.33"
_PROJECTS = {
    "argoproj.io": ("argo-cd", "argo-rollouts"),
    "external-secrets.io": ("external-secrets",),
    "helm.toolkit.fluxcd.io": ("flux",),
    "kustomize.toolkit.fluxcd.io": ("flux",),
    "kyverno.io": ("kyverno",),
    "monitoring.coreos.com": ("prometheus-operator",),
    "source.toolkit.fluxcd.io": ("flux",),
}


def problems(thing: dict[str, Any]) -> list[str]:
    """Return what is wrong with an object, unknown fields included."""
    if thing["apiVersion"].partition("/")[0] not in _PROJECTS:
        try:
            kubernetes_validate.validate(thing, KUBERNETES, strict=True)
        except kubernetes_validate.ValidationError as error:
            return [f"{thing['kind']}: {error.message}"]
        return []
    found = _validator(thing["apiVersion"], thing["kind"]).iter_errors(thing)
    return [f"{thing['kind']} {error.json_path}: {error.message}" for error in found]


@functools.cache
def _validator(api_version: str, kind: str) -> Draft7Validator:
    group, _, version = api_version.partition("/")
    for project in _PROJECTS[group]:
        for definition in crds.definitions(project):
            spec = definition["spec"]
            if (spec["group"], spec["names"]["kind"]) == (group, kind):
                schemas = {one["name"]: one["schema"]["openAPIV3Schema"] for one in spec["versions"] if one["served"]}
                return Draft7Validator(_strict(schemas[version]))
    raise LookupError(f"No project defines {kind} of {api_version}")


def _strict(node: Any) -> Any:
    """Refuse fields that a schema does not name, as a server does that is asked for strict validation."""
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    result = {key: _strict(value) for key, value in node.items()}
    is_open = result.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in result
    if result.get("type") == "object" and "properties" in result and not is_open:
        result["additionalProperties"] = False
    return result
