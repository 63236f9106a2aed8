"""What a composite is made of, as far down as it goes, and how each part stands.

A claim refers to its composite with ``resourceRef``, a composite to its parts with ``resourceRefs``; parts may be
composites again.
"""

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from backstage_py.errors import BackstageError
from backstage_py.integrations.kubernetes import readiness, refs
from backstage_py.integrations.kubernetes.api import Api, NoAnswerError
from backstage_py.integrations.kubernetes.refs import Ref
from backstage_py.model import excerpt
from backstage_py.model.json import JsonObject

_DEEPEST = 8
_MOST_PARTS = 200
_LONGEST_MESSAGE = 500
_ERRORS = ("Synced", "LastAsyncOperation")
_PASSES = re.compile(
    r"(?i)throttl|rate.?limit|too many requests|timed? ?out|timeout|deadline exceeded|temporar|unavailable|try again"
    r"|object has been modified|cannot resolve references|not yet|in progress|connection (?:refused|reset)|no such host"
)
_STAYS = re.compile(
    r"(?i)access.?denied|unauthorized|not authorized|forbidden|permission.?denied|invalid.?(?:parameter|client|request)"
    r"|validation.?(?:error|exception)|quota|limit.?exceeded|already.?exists|unsupported|is immutable"
    r"|cannot be changed|no such composition|cannot find composition"
)


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a composite, or the composite or claim itself.

    Attributes:
        ref: what names it.
        text: how it stands, in words.
        is_ready: it says that it is ready, and has been seen as it is now.
        error: what its controller says is wrong; empty where nothing is.
        parts: what it is made of.
        external_name: what the cloud calls it; empty for what is no managed resource, or not made yet.
    """

    ref: Ref
    text: str
    is_ready: bool
    error: str = ""
    parts: "tuple[Node, ...]" = ()
    external_name: str = ""

    @property
    def is_lasting(self) -> bool:
        """Whether the error is one of those that do not go away by themselves."""
        return bool(_STAYS.search(self.error)) and not _PASSES.search(self.error)

    def all(self, depth: int = 0) -> "Iterator[tuple[int, Node]]":
        """Yield it and all below it, each with its depth."""
        yield depth, self
        for one in self.parts:
            yield from one.all(depth + 1)

    def leaves(self) -> "Iterator[Node]":
        """Yield what is made of nothing else, it itself left out."""
        return (one for depth, one in self.all() if depth and not one.parts)

    def deepest_error(self) -> "Node | None":
        """Return the part with an error that lies deepest; those above it only pass it on."""
        failing = [(depth, one) for depth, one in self.all() if one.error]
        return max(failing, key=lambda found: found[0])[1] if failing else None

    def unready(self) -> "Node | None":
        """Return the deepest part that is not ready."""
        waiting = [(depth, one) for depth, one in self.all() if not one.is_ready]
        return max(waiting, key=lambda found: found[0])[1] if waiting else None

    def lines(self) -> list[str]:
        """Return the tree as it is drawn, a line for each part."""
        return [f"{self.ref}: {self.text}", *_drawn(self.parts, "")]


def _drawn(parts: "Sequence[Node]", margin: str) -> Iterator[str]:
    for one in parts:
        is_last = one is parts[-1]
        yield f"{margin}{'└─' if is_last else '├─'} {one.ref}: {one.text}"
        yield from _drawn(one.parts, margin + ("   " if is_last else "│  "))


async def read(api: Api, value: JsonObject) -> Node:
    """Return the tree of an object as it is now.

    Raises:
        NoAnswerError: the cluster does not answer.
    """
    return await _Reader(api.of_operator()).node(value, 0)


class _Reader:
    def __init__(self, api: Api) -> None:
        self._api = api
        self._left = _MOST_PARTS

    async def node(self, value: JsonObject, depth: int) -> Node:
        ref = _without_uid(refs.of(value))
        named = part_refs(value) if depth < _DEEPEST else []
        self._left -= len(named)
        parts = await asyncio.gather(*(self._part(one, depth + 1) for one in named)) if self._left >= 0 else []
        return Node(ref, stands(value), is_ready(value), error(value), tuple(parts), _external_name(value))

    async def _part(self, ref: Ref, depth: int) -> Node:
        try:
            found = await self._api.get(ref)
        except NoAnswerError:
            raise
        except BackstageError as problem:  # a kind that is not there (yet), or that may not be read
            return Node(ref, f"cannot be read: {problem.message}", is_ready=True)
        return await self.node(found, depth) if found is not None else Node(ref, "not there yet", is_ready=False)


def _external_name(value: JsonObject) -> str:
    return str((value["metadata"].get("annotations") or {}).get("crossplane.io/external-name") or "")


def _without_uid(ref: Ref) -> Ref:
    return Ref(ref.api_version, ref.kind, ref.name, ref.namespace)


def part_refs(value: JsonObject) -> list[Ref]:
    """Return what an object says that it is made of."""
    spec, namespace = value.get("spec") or {}, value["metadata"].get("namespace")
    listed = [*(spec.get("resourceRefs") or [])]
    if isinstance(spec.get("crossplane"), dict):
        listed += spec["crossplane"].get("resourceRefs") or []
    if isinstance(spec.get("resourceRef"), dict) and spec["resourceRef"].get("name"):
        listed.append(spec["resourceRef"])
    return [
        Ref(one["apiVersion"], one["kind"], one["name"], one.get("namespace") or namespace)
        for one in listed
        if isinstance(one, dict) and all(one.get(key) for key in ("apiVersion", "kind", "name"))
    ]


def is_ready(value: JsonObject) -> bool:
    """Whether an object says that it is ready and has been seen as it is; one without conditions is, once it is there.

    Which of the two conditions it has depends on its kind: composed objects that are no managed resources have neither.
    """
    if value["metadata"].get("deletionTimestamp"):
        return False
    if not any(True for _ in readiness.conditions(value)):
        return not part_refs(value)
    found = [readiness.condition(value, type_) for type_ in ("Synced", "Ready")]
    return all(one is None or (one.get("status") == "True" and readiness.is_observed(value, one)) for one in found)


def error(value: JsonObject) -> str:
    """Return what an object's controller says is wrong with it as it is now; empty where nothing is."""
    for type_ in _ERRORS:
        one = readiness.condition(value, type_)
        if one and one.get("status") == "False" and readiness.is_observed(value, one):
            if str(one.get("reason")) == "ReconcilePaused":
                return "it is paused (annotation crossplane.io/paused)"
            return _short(one)
    return ""


def stands(value: JsonObject) -> str:
    """Return how an object stands, in words."""
    if value["metadata"].get("deletionTimestamp"):
        return "being deleted"
    found = [readiness.condition(value, type_) for type_ in ("Synced", "Ready")]
    told = [_short(one) for one in found if one]
    if not told:
        return "there" if not part_refs(value) else "no conditions yet"
    return ", ".join(told)


def _short(one: JsonObject) -> str:
    message = excerpt.beginning(str(one.get("message") or ""), _LONGEST_MESSAGE)
    if one.get("status") == "True":
        return f"{one.get('type')}"
    return readiness.described({**one, "message": message})
