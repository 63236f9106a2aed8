"""A schema compiled once into closures: validating costs a call per keyword."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from urllib.parse import unquote

from backstage_py.errors import InputError
from backstage_py.js.regex import PatternError
from backstage_py.model import json
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.json_schema.keywords import KEYWORDS
from backstage_py.model.json_schema.problem import Check, Path, Problems, suffix

_IGNORED = {"id", "default", "description", "title", "additionalItems", "then", "else", "$schema", "$ref", "extends"}
_DEEPEST_REFERENCE = 64


class SchemaProblem(InputError, ValueError):  # noqa: N818  # a problem of the schema, beside those of a value
    """The schema itself cannot be used; the message says what is wrong with it."""


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
            raise SchemaProblem("the schema refers to itself without end, or the value is nested too deep") from None
        except PatternError as error:
            raise SchemaProblem(str(error)) from error
        return found

    def is_valid(self, instance: Json) -> bool:
        """Return whether there are no problems."""
        return not self.problems(instance)


def compile_schema(schema: Json) -> Validator:
    """Compile a schema; the caller keeps the result as long as the schema does not change.

    Raises:
        SchemaProblem: a pattern is no regular expression.
    """
    try:
        return Validator(schema, _Compiler(schema).check(schema))
    except PatternError as error:
        raise SchemaProblem(str(error)) from error


def validate(instance: Json, schema: Json) -> Problems:
    """Check once, without keeping the compiled schema."""
    return compile_schema(schema).problems(instance)


class _Compiler:
    """Compiles the parts of one document; parts are compiled when first reached, so recursion is no trouble."""

    def __init__(self, document: Json) -> None:
        self._document = document
        self._named: dict[str, Json] = {}
        self._compiled: dict[int, Check] = {}
        self._keep: list[Json] = []  # ids of parts are used as keys, so the parts must live
        _collect_ids(document, self._named)

    def check(self, schema: Json) -> Check:
        """Return the check of a subschema."""
        if schema is True:
            return _accept
        if schema is False:
            return partial(KEYWORDS["type"]({"type": []}, self))
        if not isinstance(schema, dict):
            return partial(_refuse_schema, schema)
        if (known := self._compiled.get(id(schema))) is not None:
            return known
        checks: list[Check] = []
        self._keep.append(schema)
        self._compiled[id(schema)] = run = partial(_run, checks)
        checks.extend(self._checks(self._extended(schema)))
        if len(checks) == 1:
            self._compiled[id(schema)] = checks[0]
            return checks[0]
        return run

    def accepts(self, schema: Json, instance: Json, path: Path) -> bool:
        """Return whether a subschema holds."""
        found: Problems = []
        self.check(schema)(instance, path, found)
        return not found

    def _checks(self, schema: JsonObject) -> list[Check]:
        if isinstance(reference := schema.get("$ref"), str):
            return [_LazyReference(self, reference)]
        checks = []
        for key in schema:
            make = KEYWORDS.get(key)
            if make and key not in _IGNORED:
                checks.append(make(schema, self))
        return checks

    def _extended(self, schema: JsonObject) -> JsonObject:
        extends = schema.get("extends")
        if not extends:
            return schema
        merged = schema
        for other in extends if isinstance(extends, list) else [extends]:
            target = self.resolve(other["$ref"]) if isinstance(other, dict) and "$ref" in other else other
            merged = _merged(merged, target)
        return merged

    def resolve(self, reference: str) -> Json:
        """Return the schema a reference names within the document.

        Raises:
            SchemaProblem: there is none; nothing is ever fetched.
        """
        if reference in self._named:
            return self._named[reference]
        document, _, fragment = reference.partition("#")
        node = self._named.get(document) if document else self._document
        if node is None or not (fragment == "" or fragment.startswith("/")):
            raise SchemaProblem(f"no such schema <{reference}>")
        for part in fragment.split("/")[1:]:
            key = unquote(part.replace("~1", "/").replace("~0", "~"))
            try:
                node = node[int(key)] if isinstance(node, list) else node[key]
            except (KeyError, IndexError, ValueError, TypeError):
                raise SchemaProblem(f"no such schema #{fragment} located in <{document or '/'}>") from None
        return node


class _LazyReference:
    """A reference, looked up when an instance first reaches it."""

    __slots__ = ("_check", "_compiler", "_reference")

    def __init__(self, compiler: _Compiler, reference: str) -> None:
        self._compiler = compiler
        self._reference = reference
        self._check: Check | None = None

    def __call__(self, instance: Json, path: Path, problems: Problems) -> None:
        if self._check is None:
            self._check = self._compiler.check(self._target())
        self._check(instance, path, problems)

    def _target(self) -> Json:
        reference = self._reference
        for _ in range(_DEEPEST_REFERENCE):
            target = self._compiler.resolve(reference)
            if not (isinstance(target, dict) and isinstance(target.get("$ref"), str)):
                return target
            reference = target["$ref"]
        raise SchemaProblem(f"the reference <{self._reference}> leads back to itself")


def _run(checks: Sequence[Check], instance: Json, path: Path, problems: Problems) -> None:
    for check in checks:
        check(instance, path, problems)


def _accept(_instance: Json, _path: Path, _problems: Problems) -> None:
    return


def _refuse_schema(schema: Json, _instance: Json, path: Path, _problems: Problems) -> None:
    where = "instance" + "".join(suffix(part) for part in path)
    raise SchemaProblem(f"the schema of {where} must be an object or a boolean, not {json.text(schema)}")


def _collect_ids(node: Json, named: dict[str, Json]) -> None:
    if isinstance(node, dict):
        name = node.get("$id") or node.get("id")
        if isinstance(name, str) and "$ref" not in node:
            named.setdefault(name, node)
            named.setdefault(name.removesuffix("#"), node)
        for value in node.values():
            _collect_ids(value, named)
    elif isinstance(node, list):
        for value in node:
            _collect_ids(value, named)


def _merged(target: Json, source: Json) -> Json:
    if isinstance(target, dict) and isinstance(source, dict):
        both = {key: _merged(target[key], value) for key, value in source.items() if key in target}
        return {**target, **source, **both}
    if isinstance(target, list) and isinstance(source, list):
        return [*target, *(item for item in source if item not in target)]
    return source
