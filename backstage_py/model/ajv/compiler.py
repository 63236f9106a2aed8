"""A schema compiled to closures that look at keywords in Ajv's order."""

import math
from collections.abc import Callable, Mapping

from backstage_py.model.ajv import keywords
from backstage_py.model.ajv.problem import Check, Problems, in_turn, one, valid
from backstage_py.model.json import Json, JsonObject

_ANNOTATIONS = frozenset(
    {"$schema", "$id", "title", "description", "default", "deprecated", "example", "examples", "definitions"}
)
_SPECIAL = frozenset({"type", "nullable"})


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


_TYPES: Mapping[str, Callable[[Json], bool]] = {
    "string": lambda value: isinstance(value, str),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": _is_number,
    "integer": lambda value: _is_number(value) and value % 1 == 0,
}


class Compiler:
    """Compiles the schemas of one document.

    Args:
        document: what ``#`` in a ``$ref`` stands for.
        others: schemas that ``$ref`` may name by their ``$id``.
    """

    def __init__(self, document: JsonObject, others: Mapping[str, JsonObject] | None = None) -> None:
        self._document = document
        self._references: dict[str, Check] = {}
        self._others: dict[str, Compiler] = {name: Compiler(other) for name, other in (others or {}).items()}
        for other in self._others.values():
            other._others = self._others  # noqa: SLF001  # they may name each other

    def compile(self, schema: Json) -> Check:
        """Return the check of a schema.

        Raises:
            ValueError: the schema has a keyword that is not known.
        """
        if schema is True:
            return valid
        if schema is False:
            problems = one("false schema", "boolean schema is false")
            return lambda _value: problems
        if unknown := schema.keys() - _ANNOTATIONS - _SPECIAL - keywords.NAMES:
            raise ValueError(f"Keyword '{min(unknown)}' is not known to the checks in Ajv's words")
        types = _types(schema)
        wrong = _wrong_type(schema)
        checks = [make(schema, self) for name, make in keywords.OF_ALL.items() if name in schema]
        is_checked = not types
        for group, makers in keywords.OF_TYPE.items():
            own = [make(schema, self) for name, make in makers.items() if name in schema]
            if own:
                is_only_type = types == [group]
                is_checked = is_checked or is_only_type
                checks.append(_for_type(_TYPES[group], in_turn(own), wrong if is_only_type else ()))
        return in_turn(checks if is_checked else [_of_types(types, wrong), *checks])

    def reference(self, name: str) -> Check:
        """Return the check of the schema that a ``$ref`` names; one that holds itself is looked up when it runs."""
        if name not in self._references:
            self._references[name] = self._later(name)
            self._references[name] = self._compile_reference(name)
        return self._references[name]

    def _later(self, name: str) -> Check:
        def run(value: Json) -> Problems:
            return self._references[name](value)

        return run

    def _compile_reference(self, name: str) -> Check:
        document, _, fragment = name.partition("#")
        if document:
            return self._others[document].reference(f"#{fragment}")
        return self.compile(self.resolve(name))

    def resolve(self, pointer: str) -> JsonObject:
        """Return what a reference such as ``#/components/schemas/Error`` names."""
        found: Json = self._document
        for part in pointer.split("/")[1:]:
            found = found[part.replace("~1", "/").replace("~0", "~")]
        resolved: JsonObject = found
        return resolved


def _types(schema: JsonObject) -> list[str]:
    declared = schema.get("type", [])
    types = [declared] if isinstance(declared, str) else list(declared)
    return [*types, "null"] if schema.get("nullable") is True and types else types


def _wrong_type(schema: JsonObject) -> Problems:
    declared = schema.get("type", [])
    names = declared if isinstance(declared, str) else ",".join(declared)
    return one("type", f"must be {names}", type=declared)


def _of_types(types: list[str], wrong: Problems) -> Check:
    tests = tuple(_TYPES[name] for name in types)
    if len(tests) == 1:
        test = tests[0]
        return lambda value: () if test(value) else wrong
    return lambda value: () if any(test(value) for test in tests) else wrong


def _for_type(test: Callable[[Json], bool], check: Check, otherwise: Problems) -> Check:
    return lambda value: check(value) if test(value) else otherwise
