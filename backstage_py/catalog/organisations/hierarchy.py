"""Groups that name each other: whoever is a parent gets its children, and the other way round."""

from collections.abc import Iterable

from backstage_py.model import entity_ref
from backstage_py.model.json import JsonObject


def complete(groups: Iterable[JsonObject]) -> None:
    """Add the children that groups name as parents' own, and parents where exactly that is missing; in place."""
    by_ref = {entity_ref.of(one): one for one in groups}
    for ref, group in by_ref.items():
        parent = by_ref.get(group["spec"].get("parent"))
        if parent and ref not in parent["spec"]["children"]:
            parent["spec"]["children"].append(ref)
    for ref, group in by_ref.items():
        for child in group["spec"]["children"]:
            if (found := by_ref.get(child)) and not found["spec"].get("parent"):
                found["spec"]["parent"] = ref
