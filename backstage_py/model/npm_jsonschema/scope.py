"""Which schemas there are within a document, and which of them a reference names."""

from backstage_py.js import uri
from backstage_py.js.convert import truthy
from backstage_py.js.values import UNDEFINED
from backstage_py.model.json import Json
from backstage_py.model.npm_jsonschema import urls
from backstage_py.model.npm_jsonschema.javascript import FUNCTION, INHERITED, entries, member, same, to_text
from backstage_py.model.npm_jsonschema.problem import SchemaProblem, name_of

_BASE = "/undefined"  # what `new URL(undefined, 'resolve://')` makes of a base that nobody gave


class Scope:
    """Where a part of a schema stands: its base, without a fragment, and the schemas that are known there."""

    __slots__ = ("_children", "_is_path", "_schemas", "_siblings", "base")

    def __init__(self, base: str, schemas: dict[str, Json]) -> None:
        self.base = base.partition("#")[0]
        self._is_path = urls.is_path(self.base)
        self._schemas = schemas
        self._children: dict[int, Scope] = {}
        self._siblings: dict[str, Scope] = {}

    def child(self, schema: Json) -> "Scope":
        """Return the scope of a subschema, whose ``$id`` changes the base.

        Raises:
            SchemaProblem: it is null or missing, or its ``$id`` is no URL.
        """
        if schema is None or schema is UNDEFINED:
            kind = "null" if schema is None else "undefined"
            raise SchemaProblem(f"Cannot read properties of {kind} (reading '$id')")
        name = name_of(schema)
        if name is None:
            if not self._is_path:
                urls.resolve(self.base, "")
            return self
        found = self._children.get(id(schema))
        if found is None:
            base = urls.resolve(self.base, to_text(name))
            known = self._schemas if truthy(self._find(base)) else {**self._schemas, base: schema}
            found = self._children[id(schema)] = Scope(base, known)
        return found

    def resolve(self, reference: str) -> tuple[Json, "Scope"]:
        """Return the schema that a reference names, and its scope.

        Raises:
            SchemaProblem: there is none.
        """
        url = urls.resolve(self.base, reference)
        found = self._find(url)
        document, _, fragment = url.partition("#")
        if not truthy(found):
            if not fragment and not urls.is_absolute(url):
                raise SchemaProblem("Invalid URL")  # so says Node.js of what is resolved once more for its fragment
            if not fragment or not truthy(self._find(document)):
                raise SchemaProblem(f"no such schema <{url}>")
            found = _at(self._find(document), fragment)
            if found is UNDEFINED:
                raise SchemaProblem(f"no such schema #{fragment} located in <{document}>")
        if document == self.base:
            return found, self
        return found, self._siblings.setdefault(document, Scope(document, self._schemas))

    def _find(self, url: str) -> Json:
        return FUNCTION if url in INHERITED and url not in self._schemas else self._schemas.get(url)


def of_document(schema: Json) -> Scope:
    """Return the scope of a whole document.

    Raises:
        SchemaProblem: two parts have the same name, or one has a name that is no URL.
    """
    name = name_of(schema)
    base = urls.resolve(_BASE, "" if name is None else to_text(name))
    found: dict[str, Json] = {}
    _scan(base, schema, found)
    return Scope(base, {base: schema} | found)


def _at(node: Json, pointer: str) -> Json:
    for part in pointer.split("/")[1:]:
        text = part.replace("~0", "~", 1).replace("~1", "/")
        try:
            key = uri.decode_component(text)
        except ValueError as error:
            raise SchemaProblem("URI malformed") from error
        if not isinstance(node, dict | list) and node is not FUNCTION:
            raise SchemaProblem(f"Cannot use 'in' operator to search for '{key}' in {to_text(node)}")
        node = member(node, key)
        if node is UNDEFINED:
            break
    return node


def _scan(base: str, schema: Json, found: dict[str, Json]) -> None:
    """Find all schemas that have a name or a place, as far as the package looks for them."""
    if not isinstance(schema, dict | list):
        return
    parts = schema if isinstance(schema, dict) else {}
    if truthy(parts.get("$ref")):
        urls.resolve(base, to_text(parts["$ref"]))
        return
    name = name_of(schema)
    if name is not None:
        base = urls.resolve(base, to_text(name))
    elif not urls.is_path(base):
        urls.resolve(base, "undefined")
    if "#" not in base:
        base += "#"
    if (known := found.get(base)) is not None:
        if not same(known, schema):
            raise SchemaProblem(f"Schema <{base}> already exists with different definition")
        return
    found[base] = schema
    if base.endswith("#"):
        found[base[:-1]] = schema
    _scan_parts(base, parts, found)


def _scan_parts(base: str, parts: dict[str, Json], found: dict[str, Json]) -> None:
    if _SCANNED_NAMES.isdisjoint(parts):
        return
    for keyword in _SCANNED:
        part = parts.get(keyword)
        if not isinstance(part, dict | list):
            continue
        if keyword in _SCHEMAS or (keyword in _SCHEMA_OR_LIST and isinstance(part, dict)):
            _scan(f"{base}/{keyword}" + ("/0" if keyword in _SCHEMA_OR_LIST else ""), part, found)
        elif isinstance(part, list) or keyword in _OBJECTS:
            for key, value in entries(part):
                _scan(f"{base}/{keyword}/{key}", value, found)


_SCHEMA_OR_LIST = ("items", "extends")
_SCHEMAS = ("additionalItems", "additionalProperties", "not")
_OBJECTS = ("properties", "definitions", "patternProperties", "dependencies")
_SCANNED = (
    "items",
    "extends",
    "additionalItems",
    "properties",
    "additionalProperties",
    "definitions",
    "patternProperties",
    "dependencies",
    "disallow",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
)
_SCANNED_NAMES = frozenset(_SCANNED)
