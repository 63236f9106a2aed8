"""Where an object of a manifest is in the API, as the cluster describes its kinds."""

from typing import Any

from tests.cluster.calls import Api


def path_of(api: Api, value: Any) -> str:
    """Return the path of the list that an object belongs to."""
    version = value["apiVersion"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    [found] = [one for one in api.get(root)["resources"] if one["kind"] == value["kind"] and "/" not in one["name"]]
    namespace = value["metadata"].get("namespace") if found["namespaced"] else None
    return f"{root}/namespaces/{namespace}/{found['name']}" if namespace else f"{root}/{found['name']}"
