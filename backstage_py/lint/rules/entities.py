"""BPY1, first part: entities against the catalog's schemas and field formats."""

import re
from collections.abc import Iterator

from backstage_py.lint import placeholders
from backstage_py.lint.documents import TEMPLATE_VERSION, Entity
from backstage_py.lint.fixes import repair
from backstage_py.lint.nearest import misspelled, nearest
from backstage_py.lint.rule import Finding, Path, rule
from backstage_py.model import entity_schema, field_format
from backstage_py.model.field_format import FormatError
from backstage_py.model.json import Json

_COMPONENT = (
    "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: web\n"
    "spec:\n  type: service\n  lifecycle: production\n"
)
_GOOD = {"catalog-info.yaml": _COMPONENT + "  owner: team-a\n"}
_FIELD = re.compile(r'"?([\w.]+(?:\.[^" ]+)?)"? (?:is not valid|must have a value)')
_LEGACY = "backstage.io/v1beta2"
_NEVER = ("backstage.io/v1beta3", "scaffolder.backstage.io/v1beta2", "scaffolder.backstage.io/v1alpha1")


@rule(
    "BPY101",
    "entity-schema",
    "error",
    "entity",
    summary="An entity, or a template, does not have the shape of its kind.",
    why="The catalog refuses it: the entity does not appear, or keeps its last valid state.",
    bad={"catalog-info.yaml": _COMPONENT},
    good=_GOOD,
)
def entity_schema_rule(entity: Entity) -> Iterator[Finding]:
    """Check envelope, shared fields and the schema of the kind; the first problem of each."""
    if entity.api_version == _LEGACY:
        return
    seen = placeholders.pruned(entity.value)
    problem = entity_schema.envelope_problem(seen.value) or entity_schema.entity_problem(seen.value)
    if problem is None and entity.is_built_in:
        try:
            problem = entity_schema.kind_problem(seen.value)
        except LookupError:
            return
    if problem is not None and (problem.path or not problem.params.startswith("additionalProperty")):
        path = seen.original(_pointer(problem.path, seen.value))
        if placeholders.leads_to_placeholder(entity.value, path):
            return
        where = ".".join(str(part) for part in path) or "the entity"
        missing = problem.params.removeprefix("missingProperty: ") if "missingProperty" in problem.params else None
        extra = f" ({problem.params.partition(': ')[2]})" if "allowedValue" in problem.params else ""
        fix = f'Add "{missing}"' if missing else None
        yield Finding(f"{where} {problem.message}{extra}", path, fix=fix)


@rule(
    "BPY102",
    "field-format",
    "error",
    "entity",
    summary="A name, namespace, label, annotation, tag or link of an entity does not have its format.",
    why="The catalog refuses the entity.",
    bad={"catalog-info.yaml": _COMPONENT.replace("name: web", "name: my web app") + "  owner: team-a\n"},
    good=_GOOD,
)
def field_format_rule(entity: Entity) -> Iterator[Finding]:
    """Check what the field format policy checks."""
    if entity_schema.envelope_problem(entity.value) or entity_schema.entity_problem(entity.value):
        return
    try:
        field_format.check(entity.value)
    except FormatError as error:
        message = str(error).partition(" To learn more")[0]
        found = _FIELD.match(message)
        yield Finding(message.rstrip("."), _dotted(found[1] if found else ""))


@rule(
    "BPY103",
    "unknown-field",
    "error",
    "entity",
    summary="An entity has a field at its top level that no entity has.",
    why="The catalog refuses it. Fields of one's own belong below `spec`, or into annotations.",
    bad={"catalog-info.yaml": _COMPONENT + "  owner: team-a\nspecs:\n  a: b\n"},
    good=_GOOD,
)
def unknown_field(entity: Entity) -> Iterator[Finding]:
    """Name each unknown field."""
    for name in entity.value:
        if name not in ("apiVersion", "kind", "metadata", "spec", "relations", "status"):
            close = nearest(str(name), ("apiVersion", "kind", "metadata", "spec"))
            fix = f'Did you mean "{close}"?' if close else "Move it below spec, or remove it"
            yield Finding(
                f'Unknown field "{name}" at the top level of an entity',
                (name,),
                on_key=True,
                fix=fix,
                repair=repair.rename((name,), close, sure=close == misspelled(str(name), (close or "",))),
            )


@rule(
    "BPY104",
    "template-version",
    "warning",
    "entity",
    summary="A template is written for a version that the scaffolder does not run any more.",
    why="Only `scaffolder.backstage.io/v1beta3` runs; `backstage.io/v1beta2` was removed years ago. It is an error "
    "where a part of the right version is missing, which was never a version.",
    bad={
        "template.yaml": "apiVersion: backstage.io/v1beta2\nkind: Template\nmetadata:\n  name: old\n"
        "spec:\n  type: service\n  steps: []\n"
    },
    good={
        "template.yaml": f"apiVersion: {TEMPLATE_VERSION}\nkind: Template\nmetadata:\n  name: new\nspec:\n"
        "  type: service\n  owner: team-a\n  steps:\n    - id: log\n      action: debug:log\n"
    },
)
def template_version(entity: Entity) -> Iterator[Finding]:
    """Name the version to write."""
    if entity.kind == "Template" and entity.api_version != TEMPLATE_VERSION and "backstage.io/" in entity.api_version:
        yield Finding(
            f'The scaffolder does not run templates of apiVersion "{entity.api_version}"',
            ("apiVersion",),
            fix=f"Write {TEMPLATE_VERSION}" + ("" if entity.api_version in _NEVER else ", and expressions as ${{ }}"),
            severity="error" if entity.api_version in _NEVER else None,
            repair=repair.write(("apiVersion",), TEMPLATE_VERSION) if entity.api_version in _NEVER else None,
        )


def _pointer(pointer: str, value: Json) -> Path:
    path: list[str | int] = []
    node = value
    for raw in pointer.split("/")[1:]:
        part = raw.replace("~1", "/").replace("~0", "~")
        key: str | int = int(part) if isinstance(node, list) and part.isdigit() else part
        path.append(key)
        try:
            node = node[key]
        except (KeyError, IndexError, TypeError):
            break
    return tuple(path)


def _dotted(field: str) -> Path:
    """The path of a field as the policy names it: ``tags.0`` and ``labels.a/b`` are below ``metadata``."""
    first, _, rest = field.partition(".")
    if first in ("labels", "annotations", "tags", "links"):
        parts = [first, *(rest.split(".") if first in ("tags", "links") else [rest])]
        path: list[str | int] = ["metadata", *(int(part) if part.isdigit() else part for part in parts if part)]
        return tuple(path)
    return tuple(part for part in (first, rest) if part)
