"""JSON Schema compiled to closures that stop at the first problem, told in the words of the npm package ``ajv``.

The catalog checks each entity several times on its way in, so a check has to cost microseconds, and its words reach
people through ``status.items`` and ``/validate-entity``. Only the keywords that entity schemas use are known; another
one is refused when the schema is compiled. Keywords are looked at in ajv's order, so that the first problem here is the
first of ajv's list.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from backstage_py.js import regex
from backstage_py.model.json import Json, JsonObject


@dataclass(frozen=True, slots=True)
class Problem:
    """Where a value is wrong (a JSON pointer), and how."""

    path: str
    message: str
    params: str

    def below(self, part: str) -> "Problem":
        """Return the problem as seen from the object or list that holds the value."""
        return Problem(f"/{part}{self.path}", self.message, self.params)

    def full_message(self) -> str:
        """Return the one-line form of errors about kinds: path, message and parameters."""
        return f"{self.path or '<root>'} {self.message}{f' - {self.params}' if self.params else ''}"


Check = Callable[[Json], Problem | None]
"""Takes a value and returns the first problem, whose pointer begins at that value."""

_SILENT = {"$schema", "$id", "description", "examples", "default", "deprecated", "title", "definitions"}
_TYPES: dict[str, Callable[[Json], bool]] = {
    "string": lambda value: isinstance(value, str),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
}


def compile_schema(schema: JsonObject, others: Mapping[str, JsonObject] | None = None) -> Check:
    """Compile a schema.

    Args:
        schema: the schema, a JSON object.
        others: schemas that ``$ref`` may name by their ``$id``.

    Raises:
        ValueError: the schema has a keyword that this compiler does not know.
    """
    return _Compiler(schema, others or {}).compile(schema)


def _escape(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")


class _Compiler:
    def __init__(self, root: JsonObject, others: Mapping[str, JsonObject]) -> None:
        self._root = root
        self._others = others

    def compile(self, schema: JsonObject) -> Check:
        unknown = [key for key in schema if key not in _SILENT and key != "type" and key not in _KEYWORDS]
        if unknown:
            raise ValueError(f"Keyword '{unknown[0]}' is not known to the entity schemas")
        checks = [make(self, schema) for keyword, make in _KEYWORDS.items() if keyword in schema]
        if "type" not in schema:
            return _in_order(checks)
        return _typed(schema["type"], checks)

    def reference(self, name: str) -> Check:
        if not name.startswith("#"):
            other = self._others[name]
            return _Compiler(other, self._others).compile(other)
        target: Json = self._root
        for part in name.removeprefix("#/").split("/"):
            target = target[part]
        return self.compile(target)


def _in_order(checks: Sequence[Check]) -> Check:
    if len(checks) == 1:
        return checks[0]
    fixed = tuple(checks)

    def run(value: Json) -> Problem | None:
        for check in fixed:
            if problem := check(value):
                return problem
        return None

    return run


def _typed(declared: str | list[str], checks: Sequence[Check]) -> Check:
    names = [declared] if isinstance(declared, str) else declared
    label = ",".join(names)
    tests = [_TYPES[name] for name in names]
    matches = tests[0] if len(tests) == 1 else lambda value: any(test(value) for test in tests)
    rest = _in_order(checks) if checks else None

    def run(value: Json) -> Problem | None:
        if not matches(value):
            return Problem("", f"must be {label}", f"type: {label}")
        return rest(value) if rest else None

    return run


def _ref(compiler: _Compiler, schema: JsonObject) -> Check:
    return compiler.reference(schema["$ref"])


def _min_length(_compiler: _Compiler, schema: JsonObject) -> Check:
    limit = schema["minLength"]

    def run(value: Json) -> Problem | None:
        if isinstance(value, str) and len(value) < limit:
            return Problem("", f"must NOT have fewer than {limit} characters", f"limit: {limit}")
        return None

    return run


def _max_length(_compiler: _Compiler, schema: JsonObject) -> Check:
    limit = schema["maxLength"]

    def run(value: Json) -> Problem | None:
        if isinstance(value, str) and len(value) > limit:
            return Problem("", f"must NOT have more than {limit} characters", f"limit: {limit}")
        return None

    return run


def _pattern(_compiler: _Compiler, schema: JsonObject) -> Check:
    pattern = schema["pattern"]
    search = regex.tester(pattern)

    def run(value: Json) -> Problem | None:
        if isinstance(value, str) and not search(value):
            return Problem("", f'must match pattern "{pattern}"', f"pattern: {pattern}")
        return None

    return run


def _const(_compiler: _Compiler, schema: JsonObject) -> Check:
    only = schema["const"]

    def run(value: Json) -> Problem | None:
        if value != only:
            return Problem("", "must be equal to constant", f"allowedValue: {only}")
        return None

    return run


def _enum(_compiler: _Compiler, schema: JsonObject) -> Check:
    allowed = schema["enum"]

    def run(value: Json) -> Problem | None:
        if value not in allowed:
            return Problem("", "must be equal to one of the allowed values", f"allowedValues: {','.join(allowed)}")
        return None

    return run


def _one_of(compiler: _Compiler, schema: JsonObject) -> Check:
    options = [compiler.compile(option) for option in schema["oneOf"]]

    def run(value: Json) -> Problem | None:
        problems = [option(value) for option in options]
        passing = [index for index, problem in enumerate(problems) if problem is None]
        if len(passing) == 1:
            return None
        if not passing:  # ajv lists the problems of the options first
            return problems[0]
        return Problem(
            "", "must match exactly one schema in oneOf", f"passingSchemas: {','.join(map(str, passing[:2]))}"
        )

    return run


def _all_of(compiler: _Compiler, schema: JsonObject) -> Check:
    return _in_order([compiler.compile(part) for part in schema["allOf"]])


def _min_items(_compiler: _Compiler, schema: JsonObject) -> Check:
    limit = schema["minItems"]

    def run(value: Json) -> Problem | None:
        if isinstance(value, list) and len(value) < limit:
            return Problem("", f"must NOT have fewer than {limit} items", f"limit: {limit}")
        return None

    return run


def _items(compiler: _Compiler, schema: JsonObject) -> Check:
    check = compiler.compile(schema["items"])

    def run(value: Json) -> Problem | None:
        if isinstance(value, list):
            for index, item in enumerate(value):
                if problem := check(item):
                    return problem.below(str(index))
        return None

    return run


def _required(_compiler: _Compiler, schema: JsonObject) -> Check:
    names = tuple(schema["required"])

    def run(value: Json) -> Problem | None:
        if isinstance(value, dict):
            for name in names:
                if name not in value:
                    return Problem("", f"must have required property '{name}'", f"missingProperty: {name}")
        return None

    return run


def _additional_properties(compiler: _Compiler, schema: JsonObject) -> Check:
    known = frozenset(schema.get("properties", {}))
    patterns = [regex.tester(pattern) for pattern in schema.get("patternProperties", {})]
    allowed = schema["additionalProperties"]
    check = compiler.compile(allowed) if isinstance(allowed, dict) else None
    if allowed is True:
        return lambda _value: None

    def run(value: Json) -> Problem | None:
        if not isinstance(value, dict):
            return None
        for name in value:
            if name in known or any(search(name) for search in patterns):
                continue
            if check is None:
                return Problem("", "must NOT have additional properties", f"additionalProperty: {name}")
            if problem := check(value[name]):
                return problem.below(_escape(name))
        return None

    return run


def _properties(compiler: _Compiler, schema: JsonObject) -> Check:
    checks = tuple((name, compiler.compile(part)) for name, part in schema["properties"].items())

    def run(value: Json) -> Problem | None:
        if isinstance(value, dict):
            for name, check in checks:
                if name in value and (problem := check(value[name])):
                    return problem.below(_escape(name))
        return None

    return run


def _pattern_properties(compiler: _Compiler, schema: JsonObject) -> Check:
    checks = [(regex.tester(pattern), compiler.compile(part)) for pattern, part in schema["patternProperties"].items()]

    def run(value: Json) -> Problem | None:
        if not isinstance(value, dict):
            return None
        for search, check in checks:
            for name, item in value.items():
                if search(name) and (problem := check(item)):
                    return problem.below(_escape(name))
        return None

    return run


# In ajv's order: strings, what has no type, arrays, objects.
_KEYWORDS: dict[str, Callable[[_Compiler, JsonObject], Check]] = {
    "minLength": _min_length,
    "maxLength": _max_length,
    "pattern": _pattern,
    "$ref": _ref,
    "const": _const,
    "enum": _enum,
    "oneOf": _one_of,
    "allOf": _all_of,
    "minItems": _min_items,
    "items": _items,
    "required": _required,
    "additionalProperties": _additional_properties,
    "properties": _properties,
    "patternProperties": _pattern_properties,
}
