"""A schema compiled to closures that look at keywords in Ajv's order."""

import math
from collections.abc import Callable, Mapping

from backstage_py.model.ajv import keywords
from backstage_py.model.ajv.problem import Check, Problems, Subschemas, in_turn, one, valid
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
        self._called: dict[str, Check] = {}
        self._composite = _Composite(self)
        self._others: dict[str, Compiler] = {name: Compiler(other) for name, other in (others or {}).items()}
        for other in self._others.values():
            other._others = self._others  # noqa: SLF001  # they may name each other

    def compile(self, schema: Json) -> Check:
        """Return the check of a schema.

        Raises:
            ValueError: the schema has a keyword that is not known.
        """
        return _check(schema, self)

    def composite(self) -> "_Composite":
        """Return what compiles the options of ``anyOf`` and ``oneOf``, and all that they hold."""
        return self._composite

    def reference(self, name: str) -> Check:
        """Return the check of the schema that a ``$ref`` names."""
        owner, pointer = self.follow(name)
        return owner.call(pointer)

    def follow(self, name: str) -> "tuple[Compiler, str]":
        """Return whose schema a name leads to and where it stands, past those that are but another name."""
        document, _, fragment = name.partition("#")
        owner, pointer = self._others[document] if document else self, f"#{fragment}"
        schema = owner.resolve(pointer)
        is_name = isinstance(schema, dict) and "$ref" in schema and not (schema.keys() - _ANNOTATIONS - {"$ref"})
        return owner.follow(schema["$ref"]) if is_name else (owner, pointer)

    def call(self, pointer: str) -> Check:
        """Return the check of a schema of this document; one that holds itself is looked up when it runs."""
        if pointer not in self._called:
            self._called[pointer] = self._later(pointer)
            self._called[pointer] = self.compile(self.resolve(pointer))
        return self._called[pointer]

    def _later(self, pointer: str) -> Check:
        def run(value: Json) -> Problems:
            return self._called[pointer](value)

        return run

    def resolve(self, pointer: str) -> Json:
        """Return what a reference such as ``#/components/schemas/Error`` names."""
        found: Json = self._document
        for part in pointer.split("/")[1:]:
            found = found[part.replace("~1", "/").replace("~0", "~")]
        return found


class _Composite:
    """Compiles what stands within ``anyOf`` or ``oneOf``, at any depth.

    A schema that is named and has no ``$ref`` of its own counts as standing there, since Ajv writes it out in place
    of its name; another one is called, and answers as it would anywhere.
    """

    def __init__(self, compiler: Compiler) -> None:
        self._compiler = compiler
        self._written_out: dict[str, Check] = {}

    def compile(self, schema: Json) -> Check:
        return _check(schema, self)

    def composite(self) -> "_Composite":
        return self

    def reference(self, name: str) -> Check:
        owner, pointer = self._compiler.follow(name)
        return owner.call(pointer) if _has_reference(owner.resolve(pointer)) else owner.composite().write_out(pointer)

    def write_out(self, pointer: str) -> Check:
        if pointer not in self._written_out:
            self._written_out[pointer] = self.compile(self._compiler.resolve(pointer))
        return self._written_out[pointer]


def _check(schema: Json, subschemas: Subschemas) -> Check:
    if schema is True:
        return valid
    if schema is False:
        problems = one("false schema", "boolean schema is false")
        return lambda _value: problems
    if unknown := schema.keys() - _ANNOTATIONS - _SPECIAL - keywords.NAMES:
        raise ValueError(f"Keyword '{min(unknown)}' is not known to the checks in Ajv's words")
    types = _types(schema)
    wrong = _wrong_type(schema)
    typed, is_checked = _typed(schema, subschemas, types, wrong)
    untyped = in_turn([make(schema, subschemas) for name, make in keywords.OF_ALL.items() if name in schema])
    if is_checked:
        return in_turn([untyped, *typed])
    of_types = _of_types(types, wrong)
    if isinstance(subschemas, _Composite):
        return in_turn([_both(of_types, untyped), *typed])
    return in_turn([of_types, untyped, *typed])


def _typed(schema: JsonObject, subschemas: Subschemas, types: list[str], wrong: Problems) -> tuple[list[Check], bool]:
    """Return the checks of keywords for one type each, and whether no other check has to look at the type."""
    checks = []
    is_checked = not types
    for group, makers in keywords.OF_TYPE.items():
        own = [make(schema, subschemas) for name, make in makers.items() if name in schema]
        if own:
            is_only_type = types == [group]
            is_checked = is_checked or is_only_type
            checks.append(_for_type(_TYPES[group], in_turn(own), wrong if is_only_type else ()))
    return checks, is_checked


def _both(of_types: Check, untyped: Check) -> Check:
    """Return a check that looks at the keywords for all values even where the type is wrong.

    Ajv leaves at the first problem, save within ``anyOf`` and ``oneOf``: what it generates there notes a wrong type,
    goes on with the keywords that are for all values, and stops after them.
    """
    if untyped is valid:
        return of_types
    return lambda value: [*of_types(value), *untyped(value)]


_REFERENCES = frozenset({"$ref", "$recursiveRef", "$recursiveAnchor", "$dynamicRef", "$dynamicAnchor"})


def _has_reference(schema: Json) -> bool:
    """Tell whether Ajv sees a reference in a schema: it looks for the names at any place, properties included."""
    if isinstance(schema, dict):
        return any(key in _REFERENCES or _has_reference(part) for key, part in schema.items())
    return isinstance(schema, list) and any(map(_has_reference, schema))


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
