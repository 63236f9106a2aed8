"""What a template's form declares: the parameters with their schemas wherever they stand, and its secrets."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from backstage_py.lint import placeholders
from backstage_py.lint.rule import Path
from backstage_py.model.json import Json, JsonObject

_BRANCHES = ("oneOf", "anyOf", "allOf")
_CONDITIONAL = ("then", "else")
_DEEPEST = 40


@dataclass(frozen=True, slots=True)
class Property:
    """A declaration of a parameter; the same name may be declared in several branches."""

    name: str
    schema: JsonObject
    path: Path
    page: int
    top: bool
    """It is a value of the form itself, not a member of an object in it."""


@dataclass(frozen=True, slots=True)
class Form:
    """The pages and what they declare.

    Attributes:
        hidden: another file holds a part of the schemas, so that they declare more than is seen.
        takes_more: pages may have values that no schema in sight declares.
        decorated: form decorators set what they like, once the pages are filled in.
        secrets: names below ``secrets``; a custom field may add more.
    """

    pages: tuple[tuple[JsonObject, Path], ...]
    properties: tuple[Property, ...]
    declared: Mapping[str, tuple[Property, ...]]
    hidden: bool
    takes_more: bool
    decorated: bool
    secrets: frozenset[str]

    @property
    def open(self) -> bool:
        """Whether expressions may find parameters that nothing declares."""
        return self.takes_more or self.decorated

    @classmethod
    def of(cls, spec: JsonObject) -> "Form":
        """Read ``spec.parameters``, ``spec.secrets`` and the form decorators."""
        pages = tuple(_pages(spec.get("parameters")))
        properties = tuple(
            found for index, (page, path) in enumerate(pages) for found in _walk(page, path, index, page)
        )
        declared: dict[str, tuple[Property, ...]] = {}
        for found in properties:
            if found.top:
                declared[found.name] = (*declared.get(found.name, ()), found)
        decorated = bool(spec.get("formDecorators") or spec.get("EXPERIMENTAL_formDecorators"))
        hidden = placeholders.within(spec.get("parameters"))
        return cls(
            pages,
            properties,
            declared,
            hidden,
            hidden or any(_is_open(page) for page, _ in pages),
            decorated,
            frozenset(_secrets(spec, properties)),
        )


def schema_types(schema: JsonObject) -> frozenset[str]:
    """Return the names in ``type``."""
    declared = schema.get("type")
    names = declared if isinstance(declared, list) else [declared]
    return frozenset(name for name in names if isinstance(name, str))


def possible_values(schema: JsonObject) -> list[Json] | None:
    """Return the values that a schema allows, None where they are not listed."""
    if "const" in schema:
        return [schema["const"]]
    if isinstance(enum := schema.get("enum"), list):
        return enum
    if schema.get("type") == "boolean":
        return [True, False]
    if isinstance(branches := schema.get("oneOf"), list) and all(
        isinstance(one, dict) and "const" in one for one in branches
    ):
        return [one["const"] for one in branches]
    return None


def _pages(parameters: Json) -> Iterator[tuple[JsonObject, Path]]:
    if isinstance(parameters, dict):
        yield parameters, ("spec", "parameters")
    elif isinstance(parameters, list):
        for index, page in enumerate(parameters):
            if isinstance(page, dict):
                yield page, ("spec", "parameters", index)


def _walk(
    schema: Json, path: Path, page: int, root: JsonObject, *, top: bool = True, depth: int = 0
) -> Iterator[Property]:
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return
    deeper = depth + 1
    for name, child in _items(schema.get("properties")):
        where = (*path, "properties", name)
        yield Property(name, child if isinstance(child, dict) else {}, where, page, top)
        yield from _walk(child, where, page, root, top=False, depth=deeper)
    if isinstance(items := schema.get("items"), dict):
        yield from _walk(items, (*path, "items"), page, root, top=False, depth=deeper)
    for name, dependency in (*_items(schema.get("dependencies")), *_items(schema.get("dependentSchemas"))):
        yield from _walk(dependency, (*path, "dependencies", name), page, root, top=top, depth=deeper)
    for keyword in _BRANCHES:
        branches = schema.get(keyword)
        for index, branch in enumerate(branches if isinstance(branches, list) else ()):
            yield from _walk(branch, (*path, keyword, index), page, root, top=top, depth=deeper)
    for keyword in _CONDITIONAL:
        yield from _walk(schema.get(keyword), (*path, keyword), page, root, top=top, depth=deeper)
    target, where = _referenced(schema.get("$ref"), root)
    if target is not None:
        yield from _walk(target, where, page, root, top=top, depth=deeper + 8)


def _items(value: Json) -> list[tuple[str, Json]]:
    return list(value.items()) if isinstance(value, dict) else []


def _referenced(reference: Json, root: JsonObject) -> tuple[Json, Path]:
    if not (isinstance(reference, str) and reference.startswith("#/")):
        return None, ()
    node: Json = root
    parts = reference[2:].split("/")
    for part in parts:
        node = node.get(part) if isinstance(node, dict) else None
    return node, tuple(parts)


def _is_open(page: JsonObject) -> bool:
    return bool(page.get("patternProperties")) or page.get("additionalProperties") not in (None, False)


def _secrets(spec: JsonObject, properties: tuple[Property, ...]) -> Iterator[str]:
    declared = spec.get("secrets")
    schema = declared.get("schema") if isinstance(declared, dict) else None
    if isinstance(schema, dict) and isinstance(schema.get("properties"), dict):
        yield from schema["properties"]
    for found in properties:
        field = found.schema.get("ui:field")
        if isinstance(field, str) and "secret" in field.lower():
            yield found.name
        options = found.schema.get("ui:options")
        yield from _secret_keys(options)


def _secret_keys(value: Json) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key in ("secretsKey", "secretKey") and isinstance(item, str):
                yield item
            else:
                yield from _secret_keys(item)
