"""BPY6, fourth part: catalog files of skeletons, as far as they are known before they are rendered."""

import re
from collections.abc import Iterator

from backstage_py.lint import documents, placeholders, places
from backstage_py.lint.documents import Entity
from backstage_py.lint.rule import Finding, rule
from backstage_py.lint.rules import annotations, entities, relations
from backstage_py.lint.rules.skeletons import files_with
from backstage_py.lint.skeleton import Rendering
from backstage_py.lint.view import Template
from backstage_py.model import yaml
from backstage_py.model.json import Json
from backstage_py.templating import tree

_ENTITY = "apiVersion: backstage.io/v1alpha1\nkind: {}\nmetadata:\n  name: ${{{{ values.name }}}}\n"
_SPEC = "spec:\n  type: service\n  lifecycle: production\n  owner: team-a\n"
_VERSION = re.compile(r"^apiVersion:\s*['\"]?backstage\.io/", re.MULTILINE)
_EXPRESSION = re.compile(r"\$\{\{.*?\}\}", re.DOTALL)
_TAG = re.compile(r"\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_OPEN = "\ue000"
"""Stands for what an expression gives, character by character, so that all else keeps its place."""

_RULES = (
    entities.entity_schema_rule,
    entities.field_format_rule,
    entities.unknown_field,
    entities.unknown_kind,
    entities.misspelled_metadata,
    relations.misspelled_spec,
    relations.bad_reference,
    relations.odd_kind,
    annotations.misspelled_annotation,
    annotations.annotation_value,
    annotations.api_definition,
)


@rule(
    "BPY616",
    "entity-in-skeleton",
    "warning",
    "skeleton",
    summary="A catalog file of a skeleton will not be a valid entity.",
    why="The catalog refuses what the step writes, or nothing reads a part of it. Expressions are taken for good, and "
    "a file with tags that is no YAML before it is rendered is not looked at.",
    bad=files_with(_ENTITY.format("Componet") + _SPEC, "skeleton/catalog-info.yaml"),
    good=files_with(_ENTITY.format("Component") + _SPEC, "skeleton/catalog-info.yaml"),
)
def entity_in_skeleton(rendering: Rendering) -> Iterator[Finding]:
    """As the rules for entities say it."""
    if not _VERSION.search(rendering.text) or "{% raw" in rendering.text or rendering.parsed.problems:
        return
    opened = _without_code(rendering.text, _OPEN)
    read = yaml.load_all(opened)
    broken = next((one.errors[0] for one in read if one.errors), None)
    if broken is not None:
        if not _TAG.search(rendering.text) and _OPEN not in broken.message:
            yield Finding(broken.message, place=broken.cause or (broken.line, broken.column), file=rendering.file)
        return
    values = [one.value for one in read]
    closed, folder = yaml.load_all(opened.replace(_OPEN, "x")), rendering.path.parent
    for index, entity in enumerate(documents.entities(closed, all_of_them=False, folder=folder)):
        if entity.kind != "Template" and index < len(values):
            yield from _findings(rendering, entity, values[entity.document.index])


def _findings(rendering: Rendering, entity: Entity, value: Json) -> Iterator[Finding]:
    for one in (*_RULES, relations.missing_file):
        for found in one.check(entity):
            if one is relations.missing_file and not found.repair:  # it may be made by another step
                continue
            begun = one in _BY_BEGINNING and _begins(value, found.path)
            if begun or not _is_open(value, found.path[:-1] if found.on_key else found.path):
                place = places.locate(entity.document, found.path, on_key=found.on_key, offset=found.offset)
                yield Finding(found.message, place=place, file=rendering.file, fix=found.fix)


_BY_BEGINNING = (relations.odd_kind, annotations.annotation_value)
"""Rules that judge what stands before a colon."""


def _begins(value: Json, path: tuple[str | int, ...]) -> bool:
    """Whether a text has a colon before what an expression gives."""
    for part in path:
        value = value[part]
    return isinstance(value, str) and ":" in value.partition(_OPEN)[0]


_WRITE = (
    "steps:\n  - id: write\n    action: catalog:write\n    input:\n      entity:\n"
    "        apiVersion: backstage.io/v1alpha1\n        kind: {}\n        metadata:\n          name: web\n"
    "        spec:\n          type: service\n          lifecycle: production\n          owner: team-a\n"
)


@rule(
    "BPY217",
    "entity-to-write",
    "warning",
    "template",
    summary="The entity that `catalog:write` gets will not be a valid one.",
    why="It is written as it is, and the catalog refuses it, or nothing reads a part of it. Expressions are taken for "
    "good.",
    bad=_WRITE.format("Componet"),
    good=_WRITE.format("Component"),
)
def entity_to_write(template: Template) -> Iterator[Finding]:
    """As the rules for entities say it."""
    for step in template.steps:
        value = step.input.get("entity")
        if step.action != "catalog:write" or not isinstance(value, dict) or placeholders.is_placeholder(value):
            continue
        path = (*step.path, "input", "entity")
        entity = Entity(template.document, _closed(value))
        for one in _RULES:
            for found in one.check(entity):
                if not _is_rendered(value, found.path[:-1] if found.on_key else found.path):
                    yield Finding(found.message, (*path, *found.path), on_key=found.on_key, fix=found.fix)


def _closed(value: Json) -> Json:
    """A value with ``x`` for what expressions give."""
    if isinstance(value, dict):
        return {key: _closed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_closed(item) for item in value]
    return "x" if isinstance(value, str) and tree.has_code(value) else value


def _is_rendered(value: Json, path: tuple[str | int, ...]) -> bool:
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            break
    return isinstance(value, str) and tree.has_code(value)


def _is_open(value: Json, path: tuple[str | int, ...]) -> bool:
    """Whether an expression gives what stands at a path, or above it."""
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return isinstance(value, str) and _OPEN in value
    return isinstance(value, str) and _OPEN in value


def _without_code(text: str, sign: str) -> str:
    """The text with ``sign`` for each character of an expression, and white space for tags."""
    plain = _EXPRESSION.sub(lambda found: re.sub(r"[^\n]", sign, found[0]), text)
    return _TAG.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), plain)
