"""Conditions with which a policy answers: a tree of rules with parameters, parsed once and then trusted.

A rule is looked up, and its parameters are checked, when the evaluation comes to it: a rule that nobody knows is an
error only for somebody whose access depends on it, as in Backstage.
"""

from dataclasses import dataclass
from typing import TypeVar

from backstage_py.model import entity_filter
from backstage_py.model.entity_filter import Filter
from backstage_py.model.json import Json, JsonObject
from backstage_py.permissions.rules import RuleSet

R = TypeVar("R")
_DEEPEST = 64
_KINDS = ("rule", "anyOf", "allOf", "not")


@dataclass(frozen=True, slots=True)
class Condition:
    """A rule that must hold; ``params`` None when none came."""

    rule: str
    resource_type: str
    params: JsonObject | None


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part holds."""

    parts: "tuple[Criteria, ...]"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Some part holds."""

    parts: "tuple[Criteria, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: "Criteria"


Criteria = Condition | AllOf | AnyOf | Not


def parse(value: Json, depth: int = 0) -> Criteria:
    """Return the criteria of a JSON value.

    Raises:
        ValueError: the value is none, or says several things at once; the message names what is wrong.
    """
    if depth > _DEEPEST:
        raise ValueError(f"conditions are nested deeper than {_DEEPEST} levels")
    kinds = [kind for kind in _KINDS if isinstance(value, dict) and kind in value]
    if len(kinds) != 1:
        raise ValueError(f"a condition needs exactly one of {', '.join(_KINDS)}")
    kind = kinds[0]
    if kind == "rule":
        return _condition(value)
    if kind == "not":
        return Not(parse(value["not"], depth + 1))
    listed = value[kind]
    if not isinstance(listed, list) or not listed:
        raise ValueError(f"'{kind}' needs a list of at least one condition")
    parts = tuple(parse(part, depth + 1) for part in listed)
    return AllOf(parts) if kind == "allOf" else AnyOf(parts)


def _condition(value: JsonObject) -> Condition:
    if not isinstance(value["rule"], str) or not isinstance(value.get("resourceType"), str):
        raise ValueError("a condition needs the texts 'rule' and 'resourceType'")  # noqa: TRY004  # a fault of the JSON
    params = value.get("params")
    if "params" in value and not isinstance(params, dict):
        raise ValueError("'params' of a condition must be an object")
    return Condition(value["rule"], value["resourceType"], params)


def holds(criteria: Criteria, resource: R | None, rules: RuleSet[R]) -> bool:
    """Return whether a resource meets the criteria; one that does not exist meets none, not even a ``not``.

    Raises:
        BackstageError: a rule is unknown. InputError: its parameters are wrong.
    """
    if resource is None:
        return False
    match criteria:
        case AllOf(parts=parts):
            return all(holds(part, resource, rules) for part in parts)
        case AnyOf(parts=parts):
            return any(holds(part, resource, rules) for part in parts)
        case Not(part=part):
            return not holds(part, resource, rules)
        case Condition(rule=name, params=params):
            rule = rules.rule(name)
            return rule.applies(resource, rule.checked(params))


def as_filter(criteria: Criteria, rules: RuleSet[R]) -> Filter:
    """Return the filter with which a query finds what meets the criteria.

    Raises:
        BackstageError: a rule is unknown. InputError: its parameters are wrong.
    """
    match criteria:
        case AllOf(parts=parts):
            return entity_filter.AllOf(tuple(as_filter(part, rules) for part in parts))
        case AnyOf(parts=parts):
            return entity_filter.AnyOf(tuple(as_filter(part, rules) for part in parts))
        case Not(part=part):
            return entity_filter.Not(as_filter(part, rules))
        case Condition(rule=name, params=params):
            rule = rules.rule(name)
            return rule.filter_of(rule.checked(params))
