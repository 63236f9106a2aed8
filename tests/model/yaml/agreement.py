"""What it means that two readers of YAML agree."""

import math

from backstage_py.model.json import Json
from backstage_py.model.yaml import Document


def as_json(value: Json) -> Json:
    """A value with its order of keys, and numbers as JSON has them (no NaN, one kind of number)."""
    if isinstance(value, dict):
        return [[key, as_json(item)] for key, item in value.items()]
    if isinstance(value, list):
        return [as_json(item) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if math.isfinite(value) else None
    return value


def difference(ours: list[Document], theirs: list[dict[str, Json]]) -> str | None:
    """How the readers differ, or None; after the first refused document nothing is compared any more."""
    for index, (our, their) in enumerate(zip(ours, theirs, strict=False)):
        if bool(our.errors) != ("value" not in their):
            return f"document {index}: {our.errors or 'accepted'} here, {their} there"
        if our.errors:
            return None
        if as_json(our.value) != as_json(their["value"]):
            return f"document {index}: {our.value!r} here, {their['value']!r} there"
    return None if len(ours) == len(theirs) else f"{len(ours)} documents here, {len(theirs)} there"
