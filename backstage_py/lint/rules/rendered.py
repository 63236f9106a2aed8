"""BPY6, fourth part: catalog files of skeletons, as far as they are known before they are rendered."""

import re
from collections.abc import Iterator

from backstage_py.lint import documents, places
from backstage_py.lint.documents import Entity
from backstage_py.lint.rule import Finding, rule
from backstage_py.lint.rules import entities, relations
from backstage_py.lint.rules.skeletons import files_with
from backstage_py.lint.skeleton import Rendering
from backstage_py.model import yaml
from backstage_py.model.json import Json

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
)


@rule(
    "BPY616",
    "entity-in-skeleton",
    "warning",
    "skeleton",
    summary="A catalog file of a skeleton will not be a valid entity.",
    why="The catalog refuses what the step writes, or nothing reads a part of it. Expressions are taken for good, and "
    "a file that is no YAML before it is rendered is not looked at.",
    bad=files_with(_ENTITY.format("Componet") + _SPEC, "skeleton/catalog-info.yaml"),
    good=files_with(_ENTITY.format("Component") + _SPEC, "skeleton/catalog-info.yaml"),
)
def entity_in_skeleton(rendering: Rendering) -> Iterator[Finding]:
    """As the rules for entities say it."""
    if not _VERSION.search(rendering.text) or "{% raw" in rendering.text or rendering.parsed.problems:
        return
    opened = _without_code(rendering.text, _OPEN)
    read = yaml.load_all(opened)
    if any(one.errors for one in read):
        return
    values = [one.value for one in read]
    for index, entity in enumerate(documents.entities(yaml.load_all(opened.replace(_OPEN, "x")), all_of_them=False)):
        if entity.kind != "Template" and index < len(values):
            yield from _findings(rendering, entity, values[entity.document.index])


def _findings(rendering: Rendering, entity: Entity, value: Json) -> Iterator[Finding]:
    for one in _RULES:
        for found in one.check(entity):
            if not _is_open(value, found.path[:-1] if found.on_key else found.path):
                place = places.locate(entity.document, found.path, on_key=found.on_key, offset=found.offset)
                yield Finding(found.message, place=place, file=rendering.file, fix=found.fix)


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
