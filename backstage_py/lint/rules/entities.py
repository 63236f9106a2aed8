"""BPY1, first part: entities against the catalog's schemas and field formats."""

import re
from collections.abc import Iterator

from backstage_py.lint import documents, placeholders
from backstage_py.lint.documents import TEMPLATE_VERSION, Entity
from backstage_py.lint.fixes import repair
from backstage_py.lint.nearest import misspelled, nearest, number_of, same_ignoring_style, slip_of
from backstage_py.lint.rule import Finding, Path, rule
from backstage_py.lint.vocabulary import SPEC_KEYS, STEP_KEYS
from backstage_py.model import entity_schema, field_format
from backstage_py.model.field_format import FormatError
from backstage_py.model.json import Json, JsonObject

_COMPONENT = (
    "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: web\n"
    "spec:\n  type: service\n  lifecycle: production\n"
)
_GOOD = {"catalog-info.yaml": _COMPONENT + "  owner: team-a\n"}
_FIELD = re.compile(r'"?([\w.]+(?:\..+?)?)"? (?:is not valid|must have a value)')
_LEGACY = "backstage.io/v1beta2"
_KNOWN_KEYS = SPEC_KEYS | STEP_KEYS | {"apiVersion", "kind", "metadata", "spec"}
_METADATA = ("name", "namespace", "title", "description", "labels", "annotations", "tags", "links")
_AKIN = 5
"""As many letters begin both ``childs`` and ``children``."""
_LINK = ("url", "title", "icon", "type")


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
        slip = _slip_of(missing, entity.value, path) if missing else None
        fix = f'Write "{missing}" for "{slip}"' if slip else f'Add "{missing}"' if missing else None
        place = (*path, slip) if slip else path
        on_key = slip is not None or _is_no_scalar(entity.value, path, problem.params)
        yield Finding(f"{where} {problem.message}{extra}", place, on_key=on_key, fix=fix)


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
    "error",
    "entity",
    summary="A template has a version that the scaffolder does not run.",
    why="Backstage takes only `scaffolder.backstage.io/v1beta3`; `backstage.io/v1beta2` was removed years ago.",
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
    version = entity.api_version
    wrong = version not in ("", TEMPLATE_VERSION)
    if wrong and (entity.kind == "Template" and ("backstage.io/" in version or entity.resembles_template)):
        yield Finding(
            f'The scaffolder does not run templates of apiVersion "{version}"',
            ("apiVersion",),
            fix=f"Write {TEMPLATE_VERSION}" + (", and expressions as ${{ }}" if version == _LEGACY else ""),
            repair=repair.write(("apiVersion",), TEMPLATE_VERSION) if version != _LEGACY else None,
        )


@rule(
    "BPY105",
    "unknown-kind",
    "error",
    "entity",
    summary="An entity has a kind of Backstage's that does not exist, or not in this version.",
    why="No processor of the catalog recognizes the entity, so it does not appear. A kind that is no misspelling is a "
    "warning: the catalog may have a processor of your own for it; name it in the configuration (`kinds`).",
    bad={"catalog-info.yaml": _COMPONENT.replace("Component", "Componnet") + "  owner: team-a\n"},
    good=_GOOD,
)
def unknown_kind(entity: Entity) -> Iterator[Finding]:
    """Only apiVersions of ``backstage.io`` and ``scaffolder.backstage.io``, and those nearly so."""
    group, _, _ = entity.api_version.partition("/")
    kinds = (*entity_schema.KINDS, *entity.kinds)
    if not entity.kind or group not in documents.GROUPS or entity.api_version == _LEGACY:
        if entity.kind in kinds and entity.kind != "Template" and (close := documents.group_meant(group)):
            yield Finding(f'Backstage has no group "{group}"', ("apiVersion",), fix=f'Did you mean "{close}"?')
        return
    if entity.kind not in kinds:
        close = "Template" if group.startswith("scaffolder") else _kind_meant(entity.kind, kinds)
        own = "If a processor of your own knows it, name it below `kinds` in .backstage-py.yaml"
        yield Finding(
            f'{group} has no kind "{entity.kind}"',
            ("kind",),
            fix=f'Did you mean "{close}"?' if close else own,
            severity=None if close else "warning",
        )
    elif entity.kind in entity.kinds or entity.kind == "Template":
        return
    elif entity.api_version not in (known := entity_schema.versions_of(entity.kind)):
        message = f'{entity.kind} has no apiVersion "{entity.api_version}"'
        yield Finding(message, ("apiVersion",), fix=f"Write {known[0]}")


@rule(
    "BPY106",
    "misspelled-metadata",
    "warning",
    "entity",
    summary="A key below `metadata`, or of a link, is a misspelling of one that entities have.",
    why="The catalog keeps what it does not know, and nothing reads it: the title or the tags are missing.",
    bad={"catalog-info.yaml": _COMPONENT.replace("  name: web\n", "  name: web\n  titel: Web\n") + "  owner: team-a\n"},
    good={
        "catalog-info.yaml": _COMPONENT.replace("  name: web\n", "  name: web\n  title: Web\n") + "  owner: team-a\n"
    },
)
def misspelled_metadata(entity: Entity) -> Iterator[Finding]:
    """Only what is surely a misspelling; metadata may have keys of one's own."""
    found = entity.value.get("metadata")
    metadata: JsonObject = found if isinstance(found, dict) else {}
    for key in metadata:
        close = misspelled(str(key), _METADATA) or number_of(str(key), _METADATA) if key not in _METADATA else None
        if close and close not in metadata and close != "name":
            message = f'Entities have no "metadata.{key}"'
            yield Finding(message, ("metadata", key), on_key=True, fix=f'Did you mean "{close}"?')
    links: Json = metadata.get("links")
    for index, link in enumerate(links if isinstance(links, list) else ()):
        for key in link if isinstance(link, dict) else ():
            close = slip_of(str(key), _LINK, link) if key not in _LINK else None
            if close and close != "url":
                path: Path = ("metadata", "links", index, key)
                yield Finding(f'Links have no "{key}"', path, on_key=True, fix=f'Did you mean "{close}"?')


def _is_no_scalar(value: Json, path: Path, params: str) -> bool:
    """Whether a list or a map stands where something else belongs: its key is what is wrong, not its first item."""
    if not path or not isinstance(path[-1], str) or not params.startswith("type:"):
        return False
    for part in path:
        value = value[part]
    return isinstance(value, list) or (isinstance(value, dict) and not any(str(key).startswith("$") for key in value))


def _kind_meant(kind: str, kinds: tuple[str, ...]) -> str | None:
    return misspelled(kind, kinds) or next((one for one in kinds if same_ignoring_style(one, kind)), None)


def _slip_of(missing: str, entity: Json, path: Path) -> str | None:
    """The key that was probably meant to be the missing one."""
    node = entity
    for part in path:
        node = node[part]
    unknown = [str(key) for key in node if key not in _KNOWN_KEYS] if isinstance(node, dict) else []
    akin = [one for one in unknown if one[:_AKIN] == missing[:_AKIN] and len(one) >= _AKIN]
    return nearest(missing, unknown) or (akin[0] if len(akin) == 1 else None)


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
