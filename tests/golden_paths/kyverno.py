"""What Kyverno refuses by the rules that a produced Policy has, for an admission webhook of a test.

Patterns and the restricted Pod Security Standard are judged. Signatures are not: there is no registry that holds any.
"""

import fnmatch
from typing import Any

from tests.cluster import admission

_VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}


def refusal(policies: list[Any], value: Any) -> str | None:
    """Return the message with which an object is refused, None if it may be."""
    said: dict[str, dict[str, str]] = {}
    for policy in policies:
        for rule in [one for one in policy["spec"]["rules"] if "validate" in one and _matches(one, value)]:
            if message := _problem(rule, value):
                said.setdefault(policy["metadata"]["name"], {})[rule["name"]] = message
    metadata = value["metadata"]
    name = f"{value['kind']}/{metadata.get('namespace', '')}/{metadata['name']}"
    return admission.blocked(name, said) if said else None


def _matches(rule: Any, value: Any) -> bool:
    labels = value["metadata"].get("labels") or {}

    def is_meant(resources: Any) -> bool:
        wanted = (resources.get("selector") or {}).get("matchLabels") or {}
        return value["kind"] in resources["kinds"] and wanted.items() <= labels.items()

    return any(is_meant(one["resources"]) for one in rule["match"]["any"])


def _problem(rule: Any, value: Any) -> str:
    validate = rule["validate"]
    if "podSecurity" in validate:
        found = _unrestricted(value["spec"])
        return f"validation rule {rule['name']} failed: {found}" if found else ""
    at = _difference(validate["pattern"], value, "")
    return f"validation error: {validate['message']}. rule {rule['name']} failed at path {at}" if at else ""


def _difference(pattern: Any, value: Any, at: str) -> str:
    """Return where a value does not fit; of a list, each member has to fit the one that the pattern has."""
    if isinstance(pattern, dict):
        if not isinstance(value, dict):
            return f"{at}/"
        found = (_member(key, one, value, at) for key, one in pattern.items())
    elif isinstance(pattern, list):
        found = (_difference(pattern[0], one, f"{at}/{n}") for n, one in enumerate(value or []))
    else:
        is_text = isinstance(pattern, str)
        fits = value is not None and fnmatch.fnmatchcase(str(value), pattern) if is_text else value == pattern
        return "" if fits else f"{at}/"
    return next((one for one in found if one), "")


def _member(key: str, pattern: Any, value: Any, at: str) -> str:
    """Judge a member; ``=(name)`` is one that need not be there."""
    name = key.removeprefix("=(").removesuffix(")")
    return "" if name != key and name not in value else _difference(pattern, value.get(name), f"{at}/{name}")


def _unrestricted(pod: Any) -> str:
    """Return what of a pod the standard does not let be."""
    if any(pod.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")):
        return "host namespaces"
    if any(not _VOLUMES & set(one) for one in pod.get("volumes") or []):
        return "volume types"
    whole = pod.get("securityContext") or {}
    for one in [*pod["containers"], *(pod.get("initContainers") or [])]:
        own = {**whole, **(one.get("securityContext") or {})}
        if own.get("privileged") or own.get("allowPrivilegeEscalation") is not False:
            return "privilege escalation"
        if not own.get("runAsNonRoot") or own.get("runAsUser") == 0:
            return "runAsNonRoot"
        if "ALL" not in ((own.get("capabilities") or {}).get("drop") or []):
            return "unrestricted capabilities"
        if (own.get("seccompProfile") or {}).get("type") not in ("RuntimeDefault", "Localhost"):
            return "seccompProfile"
    return ""
