"""``catalog:register``, ``catalog:write`` and ``catalog:fetch``."""

from dataclasses import dataclass

from backstage_py.plugin import (
    Action,
    ActionAttributes,
    ActionContext,
    BackstageError,
    InputError,
    Json,
    JsonObject,
    PermanentError,
)
from backstage_py.plugin.formats import entity_ref_of, parse_entity_ref
from backstage_py_actions._builtin import builtin

_SOURCE_TEMPLATE = "backstage.io/source-template"
_DEFAULT_FILE = "catalog-info.yaml"


@dataclass(frozen=True, slots=True)
class Register:
    """Where the catalog file is: its URL, or a repository and the path in it."""

    catalog_info_url: str | None = None
    repo_contents_url: str = ""
    catalog_info_path: str = "/catalog-info.yaml"
    optional: bool = False


@builtin("catalog:register", Register, needs_workspace=False)
async def catalog_register(ctx: ActionContext[Register]) -> JsonObject:
    """Register a location and name the entity in it that people will look for."""
    url = ctx.input.catalog_info_url or _in_repository(ctx)
    ctx.logger.info(f"Registering {url} in the catalog")
    outputs: JsonObject = {}

    async def add(_marker: str) -> bool:
        await ctx.catalog.add_location(url, token=ctx.token)
        return True

    async def find(_marker: str) -> bool | None:
        """A location is its URL: one that is there after an intent is as wanted, whoever was faster."""
        return True if (await ctx.catalog.preview_location(url, token=ctx.token)).get("exists") else None

    try:
        await ctx.effect(f"register.{url}", create=add, find=find)
    except BackstageError:
        if not ctx.input.optional:
            raise
    try:
        preview = await ctx.catalog.preview_location(url, token=ctx.token)
        if entities := preview.get("entities"):
            outputs["entityRef"] = entity_ref_of(main_entity(entities))
    except BackstageError:
        if not ctx.input.optional:
            raise
    return outputs | {"catalogInfoUrl": url}


def _in_repository(ctx: ActionContext[Register]) -> str:
    base = ctx.input.repo_contents_url
    if not ctx.integrations.by_url(base):
        raise InputError(f"No integration found for host {base}")
    return ctx.url_reader.resolve(ctx.input.catalog_info_path, base)


def main_entity(entities: list[JsonObject]) -> JsonObject:
    """Return the first Component, else the first entity that no processor made, else the first."""
    written = [entity for entity in entities if not str(entity["metadata"]["name"]).startswith("generated-")]
    components = [entity for entity in written if entity["kind"] == "Component"]
    return (components or written or entities)[0]


@dataclass(frozen=True, slots=True)
class Write:
    """The entity and the file to write it to."""

    entity: JsonObject
    file_path: str = _DEFAULT_FILE


@builtin("catalog:write", Write, dry_run=True, attributes=ActionAttributes(local=True))
def catalog_write(ctx: ActionContext[Write]) -> None:
    """Write the entity as YAML, annotated with the template."""
    ctx.logger.info(f"Writing {ctx.input.file_path}")
    target = ctx.workspace.path(ctx.input.file_path)
    target.parent.mkdir(parents=True, exist_ok=True)
    source = ctx.template_info.entity_ref if ctx.template_info else None
    target.write_text(_as_yaml(_annotated(ctx.input.entity, source)), encoding="utf-8")


def _as_yaml(value: Json) -> str:
    """Return block style YAML with lists indented, as Backstage writes it."""
    import yaml

    class Dumper(yaml.SafeDumper):
        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002  # PyYAML's
            super().increase_indent(flow, indentless=False)

    return yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=80)


def _annotated(entity: JsonObject, source: str | None) -> JsonObject:
    metadata = dict(entity.get("metadata") or {})
    if source:
        metadata["annotations"] = dict(metadata.get("annotations") or {}) | {_SOURCE_TEMPLATE: source}
    return {**entity, "metadata": metadata}


@dataclass(frozen=True, slots=True)
class Fetch:
    """One reference or several."""

    entity_ref: str | None = None
    entity_refs: list[str] | None = None
    optional: bool = False
    default_kind: str | None = None
    default_namespace: str | None = None

    def complete(self, ref: str) -> str:
        """Return a reference with nothing left out."""
        return str(parse_entity_ref(ref, default_kind=self.default_kind, default_namespace=self.default_namespace))


@builtin(
    "catalog:fetch",
    Fetch,
    dry_run=True,
    attributes=ActionAttributes(read_only=True, idempotent=True, destructive=False),
    needs_workspace=False,
)
async def catalog_fetch(ctx: ActionContext[Fetch]) -> JsonObject:
    """Read entities as the user who started the task."""
    wanted = ctx.input
    if not wanted.entity_ref and wanted.entity_refs is None:
        if wanted.optional:
            return {}
        raise PermanentError("Missing entity reference or references")
    outputs: JsonObject = {}
    if wanted.entity_ref:
        outputs["entity"] = (await _read(ctx, [wanted.entity_ref]))[0]
    if wanted.entity_refs is not None:
        outputs["entities"] = await _read(ctx, wanted.entity_refs)
    return outputs


async def _read(ctx: ActionContext[Fetch], refs: list[str]) -> list[Json]:
    found = await ctx.catalog.entities_by_refs([ctx.input.complete(ref) for ref in refs], token=ctx.token)
    for ref, entity in zip(refs, found, strict=True):
        if entity is None and not ctx.input.optional:
            raise PermanentError(f"Entity {ref} not found")
    return list(found)


ACTIONS: tuple[Action, ...] = (catalog_register, catalog_write, catalog_fetch)
