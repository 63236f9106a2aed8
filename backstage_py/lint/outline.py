"""What a file holds, as a tree of names with their places: pages, parameters and steps of templates, entities."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from backstage_py.lint import documents, places
from backstage_py.lint.rule import Path
from backstage_py.lint.view import Step
from backstage_py.model import yaml
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.yaml import Document
from backstage_py.model.yaml.nodes import Scalar

Kind = Literal["entity", "page", "parameter", "steps", "step", "output"]
_MOST_DEEP = 20


@dataclass(frozen=True, slots=True)
class Symbol:
    """A part of a file; all offsets count characters from 0.

    Attributes:
        start: where it begins, with its key.
        end: behind its last character.
        name_start: where what names it begins, within ``start`` and ``end``.
        name_end: behind that.
    """

    name: str
    detail: str
    kind: Kind
    start: int
    end: int
    name_start: int
    name_end: int
    children: "tuple[Symbol, ...]" = ()


def symbols(text: str) -> list[Symbol]:
    """Return the entities of a text, with what they hold; none of a text that is no YAML."""
    found = []
    for entity in documents.entities(yaml.load_all(text), all_of_them=True):
        document, value = entity.document, entity.value
        children = tuple(_template(document, value)) if entity.kind == "Template" else ()
        if made := _symbol(document, (), ("metadata", "name"), "entity", _name_of(value), entity.kind, children):
            found.append(made)
    return found


def _name_of(value: JsonObject) -> str:
    metadata = value.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return str(name or value.get("kind") or "entity")


def _template(document: Document, value: JsonObject) -> Iterator[Symbol]:
    spec = value.get("spec")
    if not isinstance(spec, dict):
        return
    parameters = spec.get("parameters")
    pages = parameters if isinstance(parameters, list) else [parameters]
    for index, page in enumerate(pages):
        path = ("spec", "parameters", index) if isinstance(parameters, list) else ("spec", "parameters")
        if isinstance(page, dict):
            title = str(page.get("title") or f"page {index + 1}")
            inner = tuple(_properties(document, page, path))
            yield from _present(_symbol(document, path, (*path, "title"), "page", title, "page", inner))
    steps = spec.get("steps")
    for index, step in enumerate(steps if isinstance(steps, list) else ()):
        if isinstance(step, dict):
            path = ("spec", "steps", index)
            made = Step(index, step, path)
            yield from _present(_symbol(document, path, (*path, "id"), "step", made.known_as, made.action or ""))
    if "output" in spec:
        yield from _present(_symbol(document, ("spec", "output"), ("spec", "output"), "output", "output", ""))


def _properties(document: Document, schema: JsonObject, path: Path, depth: int = 0) -> Iterator[Symbol]:
    properties = schema.get("properties")
    for name, inner in (properties if isinstance(properties, dict) and depth < _MOST_DEEP else {}).items():
        here = (*path, "properties", name)
        children = tuple(_properties(document, inner, here, depth + 1)) if isinstance(inner, dict) else ()
        yield from _present(_symbol(document, here, here, "parameter", str(name), _type(inner), children, on_key=True))


def _type(schema: Json) -> str:
    declared = schema.get("type") if isinstance(schema, dict) else None
    return declared if isinstance(declared, str) else ""


def _present(found: Symbol | None) -> Iterator[Symbol]:
    if found is not None:
        yield found


def _symbol(
    document: Document,
    path: Path,
    named_by: Path,
    kind: Kind,
    name: str,
    detail: str,
    children: tuple[Symbol, ...] = (),
    *,
    on_key: bool = False,
) -> Symbol | None:
    node = places.find(document, path)
    if node is None:
        return None
    key = places.key(document, path) if path and not isinstance(path[-1], int) else None
    start, end = min(node.start, key.start) if key else node.start, max(node.end, key.end if key else node.end)
    chosen = key if on_key else places.find(document, named_by)
    if not isinstance(chosen, Scalar) or not start <= chosen.start <= chosen.end <= end:
        chosen = key
    first, last = (chosen.start, chosen.end) if chosen else (start, start)
    return Symbol(name, detail, kind, start, end, first, last, children)
