"""The custom resource definitions of other projects, loaded into a cluster as they were published.

They lie in BACKSTAGE_PY_TEST_CRDS, or beside the checkout, in a folder for each project; they are never copied.
What an old API server refuses is left out: rules, defaults and list keys that came with later versions.
"""

import contextlib
import functools
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster import waiting
from tests.cluster.calls import Api, ApiException

ROOT = Path(__file__).parents[2]
PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def load(api: Api, *projects: str) -> None:
    """Load the definitions of projects such as ``crossplane`` and ``argo-cd``, and wait until they are established."""
    wanted = [one for project in projects for one in definitions(project)]
    missing = [one for one in wanted if not _is_served(api, one)]  # to send a large one again costs seconds
    for definition in missing:
        create(api, definition)
    for definition in missing:
        wait_established(api, definition["metadata"]["name"])


def _is_served(api: Api, definition: dict[str, Any]) -> bool:
    spec = definition["spec"]
    version = next(one["name"] for one in spec["versions"] if one["served"])
    found = api.find(f"/apis/{spec['group']}/{version}") or {}
    return any(one["name"] == spec["names"]["plural"] for one in found.get("resources") or [])


def create(api: Api, definition: dict[str, Any]) -> None:
    """Create a definition, unless it is there."""
    try:
        try:
            api.post(PATH, definition)
        except ApiException as error:
            if error.status != 422:
                raise
            api.post(PATH, _relaxed(definition))
    except ApiException as error:
        if error.status != 409:
            raise


def wait_established(api: Api, name: str) -> None:
    """Return when a kind can be used."""

    def is_established() -> bool:
        conditions = (api.get(f"{PATH}/{name}").get("status") or {}).get("conditions") or []
        return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)

    waiting.until(is_established, f"{name} is established")


def remove(api: Api, group: str) -> None:
    """Have the kinds of a group go with their objects, whatever holds these."""
    for definition in api.items(PATH):
        if definition["spec"]["group"] == group:
            with contextlib.suppress(ApiException):  # it is going already
                _let_go(api, definition["spec"])
            api.delete(f"{PATH}/{definition['metadata']['name']}")


def _let_go(api: Api, spec: Any) -> None:
    version = next(one["name"] for one in spec["versions"] if one["storage"])
    root, plural = f"/apis/{spec['group']}/{version}", spec["names"]["plural"]
    for one in api.items(f"{root}/{plural}"):
        namespace = one["metadata"].get("namespace")
        where = f"{root}/namespaces/{namespace}/{plural}" if namespace else f"{root}/{plural}"
        api.patch(f"{where}/{one['metadata']['name']}", {"metadata": {"finalizers": None}})


@functools.cache
def definitions(project: str) -> tuple[dict[str, Any], ...]:
    """Return the definitions of a project as they were published; they are shared, so nobody changes them."""
    folder = Path(os.environ.get("BACKSTAGE_PY_TEST_CRDS") or ROOT.parent / "shared" / "crds", project)
    if not folder.is_dir():
        pytest.skip(f"the custom resource definitions of {project} in the folder BACKSTAGE_PY_TEST_CRDS")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    documents = [one for path in sorted(folder.glob("*.yaml")) for one in yaml.load_all(path.read_text(), loader)]
    found = [one for one in documents if one and one.get("kind") == "CustomResourceDefinition"]
    for one in found:
        one.pop("status", None)
    return tuple(found)


def _relaxed(node: Any) -> Any:
    if isinstance(node, list):
        return [_relaxed(item) for item in node]
    if not isinstance(node, dict):
        return node
    result = {key: _relaxed(value) for key, value in node.items() if key != "x-kubernetes-validations"}
    if result.get("x-kubernetes-list-type") == "map" and isinstance(result.get("items"), dict):
        del result["x-kubernetes-list-type"]
        result.pop("x-kubernetes-list-map-keys", None)
    if "default" in result and "type" in result:
        del result["default"]
    return result
