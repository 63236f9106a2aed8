"""Conditions as controllers write them."""

from datetime import UTC, datetime
from typing import Any


def condition(type: str, status: bool, reason: str, message: str = "", generation: int | None = None) -> Any:  # noqa: A002  # its name in the API
    """Make one; ``generation`` becomes ``observedGeneration``."""
    made = {"type": type, "status": "True" if status else "False", "reason": reason, "lastTransitionTime": now()}
    made |= {"message": message} if message else {}
    return made | ({"observedGeneration": generation} if generation is not None else {})


def merged(before: list[Any] | None, *new: Any) -> list[Any]:
    """Put conditions in place of those of their types; one whose status stays keeps its time of transition."""
    kept = {one["type"]: one for one in before or []}
    for one in new:
        old = kept.get(one["type"])
        if old and old["status"] == one["status"]:
            times = {key: old[key] for key in ("lastTransitionTime", "lastUpdateTime") if key in old}
            one = {**one, **times}  # noqa: PLW2901  # of the same
        kept[one["type"]] = one
    return list(kept.values())


def now() -> str:
    """The time as the API writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
