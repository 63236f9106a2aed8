"""A schema compiled once into closures: validating costs a call per keyword."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from backstage_py.js import budget
from backstage_py.js.convert import truthy
from backstage_py.js.errors import Failure
from backstage_py.js.regex import PatternError
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.npm_jsonschema import arrays, combining, objects, scalars, scope
from backstage_py.model.npm_jsonschema.extends import extended, reference_of
from backstage_py.model.npm_jsonschema.javascript import is_schema
from backstage_py.model.npm_jsonschema.problem import (
    Check,
    Keywords,
    Path,
    Problems,
    SchemaProblem,
    accept,
    raising,
)
from backstage_py.model.npm_jsonschema.scope import Scope

_KEYWORDS: Keywords = {**combining.KEYWORDS, **objects.KEYWORDS, **arrays.KEYWORDS, **scalars.KEYWORDS}
_ENDLESS = "Maximum call stack size exceeded"
_NEVER: JsonObject = {"type": []}
"""What the schema ``false`` stands for."""


@dataclass(frozen=True, slots=True)
class Validator:
    """A compiled schema."""

    schema: Json
    check: Check

    def problems(self, instance: Json) -> Problems:
        """Return what is wrong with ``instance``, in the package's order; empty when it is valid.

        Raises:
            SchemaProblem: the schema is wrong in a part that this instance reaches.
        """
        found: Problems = []
        try:
            self.check(instance, (), found)
        except RecursionError:
            raise SchemaProblem(_ENDLESS) from None
        except (Failure, PatternError) as error:
            raise SchemaProblem(str(error)) from error
        return found

    def is_valid(self, instance: Json) -> bool:
        """Return whether there are no problems."""
        return not self.problems(instance)


def compile_schema(schema: Json) -> Validator:
    """Compile a schema; the caller keeps the result as long as the schema does not change."""
    if not is_schema(schema):
        return Validator(schema, raising("Expected `schema` to be an object or boolean"))
    try:
        return Validator(schema, _Compiler().check(schema, scope.of_document(schema)))
    except SchemaProblem as problem:
        return Validator(schema, raising(problem.message))
    except RecursionError:
        return Validator(schema, raising(_ENDLESS))


def validate(instance: Json, schema: Json) -> Problems:
    """Check once, without keeping the compiled schema."""
    return compile_schema(schema).problems(instance)


class _Compiler:
    """Compiles the parts of one document; a check is kept once it is whole, and references wait for their first use."""

    def __init__(self) -> None:
        self._compiled: dict[tuple[int, Scope], Check] = {}
        self._keep: list[Json] = []  # ids of parts are used as keys, so the parts must live

    def check(self, schema: Json, place: Scope) -> Check:
        """Return the check of a subschema for the same value."""
        if isinstance(schema, dict):
            key = (id(schema), place)
            if key not in self._compiled:
                self._compiled[key] = self._compile(schema, place)
                self._keep.append(schema)
            return self._compiled[key]
        if schema is False:
            return self._compile(_NEVER, place)
        if not truthy(schema):
            return raising("schema is undefined")
        return self._compile_whole(schema, place)

    def child(self, schema: Json, place: Scope) -> Check:
        """Return the check of a subschema that may open a scope of its own."""
        try:
            return self.check(schema, place.child(schema))
        except SchemaProblem as problem:
            return raising(problem.message)

    def answering(self, schema: Json, place: Scope) -> Json:
        """Return the schema that a violation of ``schema`` names: references lead elsewhere."""
        while True:
            reference = reference_of(extended(schema, place)) if isinstance(schema, dict) else reference_of(schema)
            if not reference:
                return schema
            schema, place = place.resolve(reference)

    def _compile(self, schema: JsonObject, place: Scope) -> Check:
        if "extends" in schema and truthy(schema["extends"]):  # which may be a schema that holds this one
            return _Deferred(lambda: self._compile_whole(extended(schema, place), place))
        return self._compile_whole(schema, place)

    def _compile_whole(self, schema: Json, place: Scope) -> Check:
        if not (isinstance(schema, dict) and "$ref" not in schema) and (reference := reference_of(schema)):
            return _Deferred(lambda: self.check(*place.resolve(reference)))
        if not isinstance(schema, dict):
            return accept
        checks = [make(schema, self, place) for key in schema if (make := _KEYWORDS.get(key))]
        return partial(_run, tuple(checks))


class _Deferred:
    """A check that is made when an instance first reaches it."""

    __slots__ = ("_check", "_make")

    def __init__(self, make: Callable[[], Check]) -> None:
        self._make = make
        self._check: Check | None = None

    def __call__(self, instance: Json, path: Path, problems: Problems) -> None:
        if self._check is None:
            self._check = self._make()
        self._check(instance, path, problems)


def _run(checks: Sequence[Check], instance: Json, path: Path, problems: Problems) -> None:
    if drawn := budget.current.get():
        drawn.spend(evaluation=1 + len(checks))  # two references to the next level, thirty times, are without end
    for check in checks:
        check(instance, path, problems)
