"""Whether an object of somebody's own kind is ready: one that says nothing is given time to say something.

A controller takes a moment to write the first condition. Kinds whose definition has no conditions never write any, and
are ready once they are there; where the definition says neither, a shorter time has to do.
"""

import time
from collections.abc import Callable

from backstage_py.errors import BackstageError
from backstage_py.integrations.kubernetes import readiness
from backstage_py.integrations.kubernetes.api import Api, NoAnswerError
from backstage_py.integrations.kubernetes.readiness import Judge, Verdict, pending
from backstage_py.integrations.kubernetes.refs import Ref
from backstage_py.model.json import Json, JsonObject

_DECLARED_SECONDS, _UNKNOWN_SECONDS = 30.0, 10.0
_DEFINITION = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")
_OPEN = "x-kubernetes-preserve-unknown-fields"


class Patient:
    """``readiness.ready``, but who says nothing of it is ready only after some seconds.

    Args:
        seconds: how many, from when it is judged first.
        now: a clock in seconds.
    """

    def __init__(self, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._now = seconds, now
        self._since: float | None = None

    def __call__(self, value: JsonObject | None) -> Verdict:
        """Return how it stands."""
        verdict = readiness.ready(value)
        if value is None or not verdict.is_done or readiness.says(value):
            return verdict
        self._since = self._now() if self._since is None else self._since
        if self._now() - self._since >= self._seconds:
            return verdict
        return pending("its controller has not said anything about it yet")


async def judge(api: Api, ref: Ref) -> Judge:
    """Return what judges whether an object is ready, by its kind as the cluster has it."""
    group = ref.group
    if "." not in group:
        return readiness.ready
    try:
        kind = await api.kind(ref.api_version, ref.kind)
        found = await api.of_operator().get(Ref(*_DEFINITION, f"{kind.plural}.{group}"))
    except NoAnswerError:
        return Patient(_UNKNOWN_SECONDS)
    except BackstageError:  # these credentials may not read definitions
        return readiness.ready if group.endswith(".k8s.io") else Patient(_UNKNOWN_SECONDS)
    if found is None:  # a kind of the API server, or of one beside it
        return readiness.ready
    has_conditions = _has_conditions(found, ref.api_version.rpartition("/")[2])
    if has_conditions is False:
        return readiness.ready
    return Patient(_DECLARED_SECONDS if has_conditions else _UNKNOWN_SECONDS)


def _has_conditions(definition: JsonObject, version: str) -> bool | None:
    """Return whether a kind's status has conditions; None where its schema leaves that open."""
    one: JsonObject = next((found for found in definition["spec"]["versions"] if found["name"] == version), {})
    schema: Json = (one.get("schema") or {}).get("openAPIV3Schema") or {}
    for name in ("status", "conditions"):
        if schema.get(_OPEN) or not schema.get("properties"):
            return None
        schema = schema["properties"].get(name)
        if schema is None:
            return False
    return True
