"""What a cluster would change: two forms of an object as a unified diff, without what only the cluster writes."""

import difflib
from collections.abc import Mapping

from backstage_py.model import yaml
from backstage_py.model.json import Json, JsonObject

_LIVE_METADATA = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink")
_MOST_LINES = 400


def between(name: str, before: JsonObject | None, after: JsonObject | None) -> str:
    """Return the diff, empty when nothing changes; values of Secrets are not shown, only that they differ."""
    old, new = _shown(before), _shown(after)
    _hide(before, after, old, new)
    lines = list(difflib.unified_diff(_lines(old), _lines(new), f"{name} (now)", f"{name} (applied)", lineterm="", n=3))
    left = len(lines) - _MOST_LINES
    return "\n".join(lines[:_MOST_LINES] + ([f"… {left} more lines"] if left > 0 else []))


def public(value: JsonObject) -> JsonObject:
    """Return an object as it may be shown: of a Secret without its values, and without ``managedFields``."""
    shown = dict(value)
    shown["metadata"] = {key: one for key, one in value["metadata"].items() if key != "managedFields"}
    _mask(value, shown, "<hidden>")
    annotations = dict(shown["metadata"].get("annotations") or {})
    if _is_secret(value) and annotations.pop("kubectl.kubernetes.io/last-applied-configuration", None) is not None:
        shown["metadata"]["annotations"] = annotations
    return shown


def _shown(value: JsonObject | None) -> JsonObject:
    if value is None:
        return {}
    metadata = {key: one for key, one in value["metadata"].items() if key not in _LIVE_METADATA}
    return {key: one for key, one in value.items() if key != "status"} | {"metadata": metadata}


def _hide(before: JsonObject | None, after: JsonObject | None, old: JsonObject, new: JsonObject) -> None:
    for value, shown in ((before, old), (after, new)):
        if value is not None:
            _mask(value, shown, "<hidden>")
    for part in ("data", "stringData"):
        for key in set(_part(old, part)) & set(_part(new, part)):
            if _is_secret(after) and _part(before, part).get(key) != _part(after, part).get(key):
                new[part][key] = "<hidden, another one>"


def _mask(value: JsonObject, shown: JsonObject, word: str) -> None:
    if not _is_secret(value):
        return
    for part in ("data", "stringData"):
        if isinstance(value.get(part), Mapping):
            shown[part] = dict.fromkeys(value[part], word)


def _part(value: JsonObject | None, name: str) -> Mapping[str, Json]:
    found = (value or {}).get(name)
    return found if isinstance(found, Mapping) else {}


def _is_secret(value: JsonObject | None) -> bool:
    return value is not None and value.get("kind") == "Secret" and value.get("apiVersion") == "v1"


def _lines(value: JsonObject) -> list[str]:
    return yaml.dump(value).splitlines() if value else []
