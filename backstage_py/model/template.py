"""A template of version ``scaffolder.backstage.io/v1beta3``: parsed once, then trusted as its type."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backstage_py import bundled
from backstage_py.errors import InputError
from backstage_py.model import entity as entities
from backstage_py.model import entity_ref, parameter_pages, web_url
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.npm_jsonschema import Problem, Validator, compile_schema

API_VERSION = "scaffolder.backstage.io/v1beta3"
_NEEDED = {
    "type": "object",
    "required": ["kind", "metadata", "spec"],
    "properties": {
        "kind": {"type": "string", "minLength": 1},
        "metadata": {
            "type": "object",
            "required": ["name"],
            "properties": {"name": {"type": "string", "minLength": 1}, "annotations": {"type": ["object", "null"]}},
        },
        "spec": {
            "type": "object",
            "required": ["steps"],
            "properties": {
                "steps": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["action"],
                        "properties": {"action": {"type": "string"}, "input": {"type": ["object", "null"]}},
                    },
                },
                "parameters": {"type": ["object", "array", "null"]},
                "secrets": {"type": ["object", "null"]},
                "EXPERIMENTAL_recovery": {"type": ["object", "null"]},
            },
        },
    },
}
_validators: dict[str, Validator] = {}


@dataclass(frozen=True, slots=True)
class Template:
    """A template.

    Attributes:
        ref: the reference, complete and lower case.
        metadata: as it is in the entity.
        pages: the form's pages, each a JSON Schema with the form's own keywords and its ``when``.
        steps: as they are written.
        output: unrendered; ``{}`` when the template has none.
        secrets_schema: JSON Schema of the secrets that a task needs, None when it needs none.
        starts_over: the recovery strategy is ``startOver``.
        base_url: where relative URLs of steps start, None when the entity does not say where it comes from.
        spec: the entity's whole ``spec``.
    """

    ref: str
    metadata: JsonObject
    pages: Sequence[JsonObject]
    steps: Sequence[JsonObject]
    output: JsonObject
    secrets_schema: Json
    starts_over: bool
    base_url: str | None
    spec: JsonObject

    @property
    def form(self) -> JsonObject:
        """The form as ``GET …/parameter-schema`` answers it."""
        metadata, spec = self.metadata, self.spec
        answer: JsonObject = {"title": metadata.get("title") or metadata["name"]}
        if spec.get("presentation"):
            answer["presentation"] = spec["presentation"]
        _put(answer, "description", metadata.get("description"))
        _put(answer, "ui:options", metadata.get("ui:options"))
        answer["steps"] = [_page(page) for page in self.pages]
        decorators = spec.get("formDecorators")
        _put(answer, "formDecorators", spec.get("EXPERIMENTAL_formDecorators") if decorators is None else decorators)
        return answer


def problems(entity: Json) -> Sequence[Problem]:
    """Return what makes an entity no template, by its JSON Schema; paths lead into the entity."""
    if "template" not in _validators:
        _validators["template"] = compile_schema(bundled.schema("template-v1beta3"))
    return _validators["template"].problems(entity)


def parse(entity: Json) -> Template:
    """Parse an entity. What a run does not depend on is not looked at: the catalog that holds it has its own rules.

    Raises:
        InputError: it is no template; the first problem is named.
    """
    if "needed" not in _validators:
        _validators["needed"] = compile_schema(_NEEDED)
    if found := _validators["needed"].problems(entity):
        raise InputError(f"Input template is not a template: {found[0]}")
    metadata, spec = entity["metadata"], entity["spec"]
    parameters = spec.get("parameters") or []
    recovery = spec.get("EXPERIMENTAL_recovery") or {}
    return Template(
        ref=entity_ref.of(entity),
        metadata=metadata,
        pages=parameters if isinstance(parameters, list) else [parameters],
        steps=spec["steps"],
        output=spec.get("output") or {},
        secrets_schema=(spec.get("secrets") or {}).get("schema"),
        starts_over=recovery.get("EXPERIMENTAL_strategy") == "startOver",
        base_url=base_url(metadata.get("annotations") or {}),
        spec=spec,
    )


def base_url(annotations: Mapping[str, Json]) -> str | None:
    """Return where relative URLs of a template start, by the annotations of an entity in a catalog.

    ``source-location`` is the author's word, so only a web URL counts there, which is read as any other. A file counts
    as the location that the catalog recorded, and only if nobody registered it by URL; Backstage believes the author.
    """
    source, recorded, origin = (
        str(annotations.get(name) or "").partition(":")
        for name in (entities.SOURCE, entities.MANAGED_BY, entities.ORIGIN)
    )
    for kind, _, target in (source, recorded):
        if kind == "url" and web_url.is_http(target):
            return target
    if recorded[0] == "file" and recorded[2] and origin[0] != "url":
        return f"file://{recorded[2]}"
    return None


def _page(page: Json) -> JsonObject:
    named = page if isinstance(page, dict) else {}
    title = named.get("title")
    shown: JsonObject = {"title": "Please enter the following information" if title is None else title}
    _put(shown, "description", named.get("description"))
    _put(shown, "when", parameter_pages.condition_of(named))
    shown["schema"] = {key: value for key, value in named.items() if key != "when"} if named else page
    return shown


def _put(target: JsonObject, key: str, value: Json) -> None:
    if value is not None:
        target[key] = value
