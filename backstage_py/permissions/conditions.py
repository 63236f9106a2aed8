"""``POST …/apply-conditions``: a permission backend hands conditions back, to have them applied to named things."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from backstage_py.errors import InputError, NotImplementedInBackendError
from backstage_py.model.json import Json, JsonObject
from backstage_py.permissions import criteria
from backstage_py.permissions.criteria import Criteria
from backstage_py.permissions.decisions import Verdict
from backstage_py.permissions.rules import RuleSet

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class ResourceType(Generic[R]):
    """A kind of things; ``find`` returns them by reference, None for what does not exist.

    Without ``find`` the plugin alone applies conditions, to things that have no reference.
    """

    rules: RuleSet[R]
    find: Callable[[Sequence[str]], Awaitable[Sequence[R | None]]] | None = None


@dataclass(frozen=True, slots=True)
class _Item:
    id: str
    resource_type: str
    refs: Sequence[str]
    several: bool
    criteria: Criteria


def endpoint(*types: ResourceType[Any]) -> Callable[[Json], Awaitable[Json]]:
    """Return what answers the requests about some kinds of things.

    It raises:
        InputError: the request is malformed, or is about a kind that the plugin does not have.
        NotImplementedInBackendError: things of that kind have no references.
    """
    by_name = {one.rules.resource_type: one for one in types}

    async def apply(body: Json) -> Json:
        items = _parsed(body)
        if strange := [item.resource_type for item in items if item.resource_type not in by_name]:
            raise InputError(f"Unexpected resource types: {', '.join(strange)}.")
        found = {
            name: await _resources(
                by_name[name], [ref for item in items if item.resource_type == name for ref in item.refs]
            )
            for name in dict.fromkeys(item.resource_type for item in items)
        }
        return {
            "items": [_answer(item, found[item.resource_type], by_name[item.resource_type].rules) for item in items]
        }

    return apply


async def _resources(type_: ResourceType[R], refs: Sequence[str]) -> Mapping[str, R | None]:
    if type_.find is None:
        raise NotImplementedInBackendError(
            "This plugin does not expose any permission rule or can't evaluate the conditions request for "
            f"{type_.rules.resource_type}"
        )
    unique = list(dict.fromkeys(refs))
    return dict(zip(unique, await type_.find(unique), strict=True))


def _answer(item: _Item, resources: Mapping[str, R | None], rules: RuleSet[R]) -> JsonObject:
    results = [
        (Verdict.ALLOW if criteria.holds(item.criteria, resources[ref], rules) else Verdict.DENY).value
        for ref in item.refs
    ]
    return {"id": item.id, "result": results if item.several else results[0]}


def _parsed(body: Json) -> list[_Item]:
    items = body.get("items") if isinstance(body, dict) else None
    if not isinstance(items, list):
        raise InputError("Expected an object with an array 'items'")
    return [_item(one, f"items[{index}]") for index, one in enumerate(items)]


def _item(value: Json, path: str) -> _Item:
    if not isinstance(value, dict):
        raise InputError(f"{path} must be an object")
    for name in ("id", "resourceType"):
        if not isinstance(value.get(name), str):
            raise InputError(f"{path}.{name} must be a string")
    ref = value.get("resourceRef")
    given: list[Json] = ref if isinstance(ref, list) else [ref]
    refs = [one for one in given if isinstance(one, str)]
    if not refs or len(refs) != len(given):
        raise InputError(f"{path}.resourceRef must be a reference, or a list of at least one")
    try:
        wanted = criteria.parse(value.get("conditions"))
    except ValueError as error:
        raise InputError(f"{path}.conditions: {error}") from error
    return _Item(value["id"], value["resourceType"], refs, isinstance(ref, list), wanted)
