"""Requests checked against an OpenAPI document, with the error texts of ``express-openapi-validator``.

The document is compiled once per operation, when the operation is first called. Undocumented operations are not
checked, as in Backstage.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request

from backstage_py.errors import InputError
from backstage_py.http import query_params
from backstage_py.http.body import content_type
from backstage_py.http.query_params import Coerce
from backstage_py.js.convert import to_string
from backstage_py.model.ajv import Check, Compiler, Problem
from backstage_py.model.json import Json, JsonObject

_NONE: Mapping[str, Json] = {}


@dataclass(frozen=True, slots=True)
class _Parameter:
    coerce: Coerce
    check: Check


@dataclass(frozen=True, slots=True)
class _Operation:
    query: dict[str, _Parameter]
    required: tuple[str, ...]
    bodies: dict[str, Check] | None
    body_required: bool


class OpenApiValidator:
    """Checks requests against one document.

    Args:
        document: an OpenAPI 3.0 document.
        prefix: what its paths begin with besides the plugin's own path, e.g. ``/api/catalog``.
    """

    def __init__(self, document: JsonObject, *, prefix: str = "") -> None:
        self._paths: JsonObject = {path.removeprefix(prefix): item for path, item in document["paths"].items()}
        self._compiler = Compiler(document)
        self._operations: dict[tuple[str, str], _Operation | None] = {}

    def check_request(self, path_template: str, method: str, request: Request, body: Json = None) -> Mapping[str, Json]:
        """Check query and body, and return the query parameters that were given, in the types of their schemas.

        Args:
            path_template: the path as it stands in the document, e.g. ``/v2/tasks/{taskId}``.
            method: in any case; HEAD is checked as GET.
            request: the request itself.
            body: what ``json_body`` returned, for operations that have a body.

        Raises:
            InputError: the text is that of Backstage, e.g. ``request/query/limit must be integer``.
        """
        key = (path_template, "get" if method == "HEAD" else method.lower())
        if key not in self._operations:
            self._operations[key] = self._compile(*key)
        operation = self._operations[key]
        if operation is None:
            return query_params.parse(request.scope["query_string"])
        check_body = _body_check(operation, request)
        query, problems = _query(operation, request.scope["query_string"])
        if check_body:
            problems += [_text("request/body", problem) for problem in check_body(body)]
        if problems:
            raise InputError(", ".join(problems))
        return query

    def _compile(self, path: str, method: str) -> _Operation | None:
        item = self._paths.get(path, {})
        if method not in item:
            return None
        declared = [self._parameter(one) for one in [*item.get("parameters", ()), *item[method].get("parameters", ())]]
        query = [one for one in declared if one["in"] == "query"]
        body = item[method].get("requestBody")
        if body and "$ref" in body:
            body = self._compiler.resolve(body["$ref"])
        return _Operation(
            query={
                one["name"]: _Parameter(
                    query_params.coercion(one["schema"], explode=one.get("explode", True)),
                    self._compiler.compile(one["schema"]),
                )
                for one in query
            },
            required=tuple(one["name"] for one in query if one.get("required")),
            bodies=body
            and {kind: self._compiler.compile(one.get("schema", {})) for kind, one in body["content"].items()},
            body_required=bool(body and body.get("required", True)),
        )

    def _parameter(self, declared: JsonObject) -> JsonObject:
        return self._compiler.resolve(declared["$ref"]) if "$ref" in declared else declared


def _query(operation: _Operation, raw: bytes) -> tuple[Mapping[str, Json], list[str]]:
    if not raw and not operation.required:
        return _NONE, []
    given = query_params.parse(raw)
    for name, value in given.items():
        if name not in operation.query:
            raise InputError(f"Unknown query parameter '{name}'")
        if value == "":
            raise InputError(f"Empty value found for query parameter '{name}'")
    for name in operation.required:
        if name not in given:
            return given, [f"request/query must have required property '{name}'"]
    coerced = {name: operation.query[name].coerce(value) for name, value in given.items()}
    for name, parameter in operation.query.items():
        if name in coerced and (problems := parameter.check(coerced[name])):
            return coerced, [_text(f"request/query/{name}", problem) for problem in problems]
    return coerced, []


def _text(place: str, problem: Problem) -> str:
    """Return a problem in the words of ``express-openapi-validator``, which adds the allowed values to Ajv's."""
    allowed = problem.values["allowedValues"] if problem.keyword == "enum" else None
    values = f": {', '.join(map(to_string, allowed))}" if allowed else ""
    return f"{place}{problem.path} {problem.message}{values}"


def _body_check(operation: _Operation, request: Request) -> Check | None:
    if operation.bodies is None:
        return None
    given, _ = content_type(request)
    for declared, check in operation.bodies.items():
        if given is not None and (declared in {given, "*/*"} or declared == f"{given.partition('/')[0]}/*"):
            return check
    if given is None and not operation.body_required:
        return None
    raise InputError(f"unsupported media type {given or 'undefined'}")
