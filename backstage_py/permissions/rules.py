"""Rules by name, and the check of their parameters in the words of zod, with which Backstage checks them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

import orjson

from backstage_py.errors import BackstageError, InputError
from backstage_py.js.values import UNDEFINED
from backstage_py.model import json, zod
from backstage_py.model.entity_filter import Filter
from backstage_py.model.json import JsonObject

R = TypeVar("R")


class Kind(StrEnum):
    """What a parameter is."""

    TEXT = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TEXTS = "array"


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter of a rule."""

    kind: Kind
    required: bool = True


def _no_filter(_params: JsonObject) -> Filter:
    raise BackstageError("This rule cannot be part of a query")


@dataclass(frozen=True, slots=True)
class Rule(Generic[R]):
    """A rule about things of one kind.

    Attributes:
        name: as policies know it.
        params: by name.
        applies: whether a thing meets the rule, with checked parameters.
        filter_of: what a query filters by, with checked parameters.
    """

    name: str
    params: Mapping[str, Param]
    applies: Callable[[R, JsonObject], bool]
    filter_of: Callable[[JsonObject], Filter] = _no_filter

    def checked(self, params: JsonObject | None) -> JsonObject:
        """Return the parameters.

        Raises:
            InputError: they are not what the rule takes.
        """
        if params is None:
            issues = [_issue("object", UNDEFINED, ())]
        else:
            issues = [issue for name, param in self.params.items() for issue in _issues(params, name, param)]
        if issues:
            text = orjson.dumps(issues, option=orjson.OPT_INDENT_2).decode()
            cause = {"name": "ZodError", "message": text, "issues": issues}
            raise InputError(f"Parameters to rule are invalid; caused by {text}", details={"cause": cause})
        return params or {}


@dataclass(frozen=True, slots=True)
class RuleSet(Generic[R]):
    """The rules about things of one kind; ``unknown`` is how Backstage complains about any other name."""

    resource_type: str
    rules: Mapping[str, Rule[R]]
    unknown: str = "Permission rule '{name}' does not exist for resource type '{type}'"

    @classmethod
    def of(cls, resource_type: str, *rules: Rule[R], unknown: str | None = None) -> "RuleSet[R]":
        """Make a set of rules."""
        by_name = {rule.name: rule for rule in rules}
        return cls(resource_type, by_name) if unknown is None else cls(resource_type, by_name, unknown)

    def rule(self, name: str) -> Rule[R]:
        """Return a rule.

        Raises:
            BackstageError: there is none of that name, so nobody can say whether it holds.
        """
        if name not in self.rules:
            raise BackstageError(self.unknown.format(name=name, type=self.resource_type))
        return self.rules[name]


def _issues(params: JsonObject, name: str, param: Param) -> Iterator[JsonObject]:
    value = params.get(name, UNDEFINED)
    if value is UNDEFINED and not param.required:
        return
    if json.type_name(value) != param.kind:
        yield _issue(param.kind, value, (name,))
    elif param.kind is Kind.TEXTS:
        for index, item in enumerate(value):
            if not isinstance(item, str):
                yield _issue(Kind.TEXT, item, (name, index))


def _issue(expected: str, value: object, path: tuple[str | int, ...]) -> JsonObject:
    received = json.type_name(value)
    return {
        "code": "invalid_type",
        "expected": str(expected),
        "received": received,
        "path": list(path),
        "message": zod.invalid_type(expected, received),
    }
