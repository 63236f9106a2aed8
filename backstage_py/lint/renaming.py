"""Another name for a step or a parameter, wherever the template speaks of it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from backstage_py.errors import InputError
from backstage_py.lint import documents, places
from backstage_py.lint.actions import Catalogue
from backstage_py.lint.fixes import resolve
from backstage_py.lint.fixes.edits import Edit
from backstage_py.lint.fixes.repair import Change, Path, Rename, Repair, Write, member_span
from backstage_py.lint.syntax import Parsed
from backstage_py.lint.view import Template, Vocabulary
from backstage_py.model import yaml
from backstage_py.model.json import Json
from backstage_py.model.yaml.nodes import Scalar

_NAME = re.compile(r"[A-Za-z_$][\w$-]*\Z")
_BRANCHES = ("oneOf", "anyOf", "allOf")
_CONDITIONS = ("if", "then", "else", "not")
_DEPENDENT = ("dependencies", "dependentRequired", "dependentSchemas")


@dataclass(frozen=True, slots=True)
class Target:
    """What stands at a place: the name, and where it is written there; offsets count characters from 0."""

    kind: Literal["step", "parameter"]
    name: str
    start: int
    end: int


def target(text: str, offset: int, catalogue: Catalogue) -> Target | None:
    """Return the step or parameter that is named at an offset, None if none is, or none of the template's own."""
    for template in _templates(text, catalogue):
        for kind, name in _names(template):
            for start, end in _mentions(template, kind, name):
                if start <= offset <= end:
                    return Target(kind, name, start, end)
    return None


def rename(text: str, offset: int, new: str, catalogue: Catalogue) -> tuple[Edit, ...]:
    """Return the edits by which what is named at an offset gets another name.

    Raises:
        InputError: nothing is named there, the name cannot be given, or it is another's.
    """
    for template in _templates(text, catalogue):
        found = target(text, offset, catalogue)
        if found is None or (found.kind, found.name) not in set(_names(template)):
            continue
        if not _NAME.match(new):
            raise InputError(f'"{new}" cannot be a name: take letters, digits, "_" and "-"')
        if new != found.name and (found.kind, new) in set(_names(template)):
            raise InputError(f'There is a {found.kind} "{new}" already')
        changes = tuple(_changes(template, found.kind, found.name, new))
        edits = resolve.edits(text, template.document, Repair("", changes))
        if edits is None:
            raise InputError(f'"{found.name}" cannot be renamed here: an anchor or a quote is in the way')
        return edits
    raise InputError("There is no step or parameter here that could be renamed")


def _templates(text: str, catalogue: Catalogue) -> Iterator[Template]:
    for entity in documents.entities(yaml.load_all(text), all_of_them=False):
        if entity.is_template:
            yield Template(entity.document, catalogue, Vocabulary())


def _names(template: Template) -> Iterator[tuple[Literal["step", "parameter"], str]]:
    yield from (("step", step.id) for step in template.steps if step.id)
    yield from (("parameter", name) for name in template.form.declared)


def _mentions(template: Template, kind: str, name: str) -> Iterator[tuple[int, int]]:
    """Where the name is written, as offsets of the whole text."""
    text = template.document.source.text
    for change in _changes(template, kind, name, name):
        if isinstance(change, Rename):
            if key := places.key(template.document, change.path):
                yield key.start, key.end
        elif isinstance(change, Write):
            node = places.find(template.document, change.path)
            if not isinstance(node, Scalar):
                continue
            if change.start is None or change.end is None:
                yield node.start, node.end
            else:
                raw = text[node.start : node.end]
                first, last = places.source_span(raw, node, change.start, change.end)
                yield node.start + first, node.start + last


def _changes(template: Template, kind: str, name: str, new: str) -> Iterator[Change]:
    if kind == "step":
        yield from (Write((*step.path, "id"), new) for step in template.steps if step.id == name)
        yield from _references(template, ("steps",), name, new)
        return
    declared = template.form.declared.get(name, ())
    for page, path in template.form.pages:
        yield from _in_schema(page, path, name, new)
    is_secret = any(one.schema.get("ui:field") == "Secret" for one in declared)
    yield from _references(template, ("parameters", "secrets") if is_secret else ("parameters",), name, new)


def _references(template: Template, roots: Sequence[str], name: str, new: str) -> Iterator[Write]:
    for use in template.uses:
        yield from _in_text(use.path, use.text, use.parsed, 0, roots, name, new)
    for one in template.page_conditions:
        yield from _in_text(one.path, one.template, one.parsed, one.shift, roots, name, new)


def _in_text(  # a text with its place, and what is looked for in it
    path: Path, text: str, parsed: Parsed, shift: int, roots: Sequence[str], name: str, new: str
) -> Iterator[Write]:
    """The changes of one text, the last one first, so that offsets stay right while they are made."""
    spans = {
        span
        for reference in parsed.free()
        if reference.names[0] in roots and len(reference.names) > 1 and reference.names[1] == name
        if (span := member_span(text, reference, 1, new))
    }
    for span in sorted(spans, reverse=True):
        yield Write(path, span.text, span.start + shift, span.end + shift)


def _in_schema(schema: Json, path: Path, name: str, new: str) -> Iterator[Change]:
    """Declarations of a parameter, and lists that name it, but not what is inside of other parameters."""
    if not isinstance(schema, dict):
        return
    for key in _CONDITIONS:
        yield from _in_schema(schema.get(key), (*path, key), name, new)
    for key in _BRANCHES:
        branches = schema.get(key)
        for index, branch in enumerate(branches if isinstance(branches, list) else ()):
            yield from _in_schema(branch, (*path, key, index), name, new)
    for key in _DEPENDENT:
        yield from _in_dependencies(schema.get(key), (*path, key), name, new)
    for key in ("required", "ui:order"):
        yield from _in_list(schema.get(key), (*path, key), name, new)
    properties = schema.get("properties")
    if isinstance(properties, dict) and name in properties:
        yield Rename((*path, "properties", name), new)


def _in_dependencies(dependencies: Json, path: Path, name: str, new: str) -> Iterator[Change]:
    if not isinstance(dependencies, dict):
        return
    for key, one in dependencies.items():
        yield from _in_list(one, (*path, key), name, new)
        yield from _in_schema(one, (*path, key), name, new)
    if name in dependencies:
        yield Rename((*path, name), new)


def _in_list(names: Json, path: Path, name: str, new: str) -> Iterator[Write]:
    for index, one in enumerate(names if isinstance(names, list) else ()):
        if one == name:
            yield Write((*path, index), new)
