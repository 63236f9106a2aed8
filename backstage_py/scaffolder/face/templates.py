"""Templates from the catalog, parsed and with the parts that every task of theirs has, kept by their etag."""

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

import orjson

from backstage_py.errors import InputError, NotFoundError
from backstage_py.model import entity_ref, json, template
from backstage_py.model.entity_ref import EntityRef
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.template import Template
from backstage_py.plugin.services import CatalogClient
from backstage_py.scaffolder.run.spec import steps_with_defaults

Narrow = Callable[[Template], Awaitable[Template]]
"""Leaves only those parts of a template that a caller may see."""

_MOST = 256
_MOST_GIVEN, _LARGEST_GIVEN = 64, 64 * 1024  # in number, in bytes of JSON


@dataclass(frozen=True, slots=True)
class KnownTemplate:
    """A template and the JSON text of its part in a task's specification."""

    template: Template
    steps: bytes
    output: bytes
    recovery: bytes | None
    info: bytes

    async def narrowed(self, narrow: Narrow | None) -> "KnownTemplate":
        """Return the template with only those parts that ``narrow`` leaves; all of it without one."""
        return self if narrow is None else _known(await narrow(self.template))

    def spec_text(self, values: Json, user: JsonObject) -> str:
        """Return the specification of a task, in the order of members that Backstage stores."""
        spec: dict[str, object] = {"apiVersion": template.API_VERSION, "steps": orjson.Fragment(self.steps)}
        if self.recovery is not None:
            spec["EXPERIMENTAL_recovery"] = orjson.Fragment(self.recovery)
        spec["output"] = orjson.Fragment(self.output)
        spec["parameters"] = values
        spec["user"] = user
        spec["templateInfo"] = orjson.Fragment(self.info)
        return json.text(spec)


class Templates:
    """Looks templates up and keeps what was made of them."""

    def __init__(self, catalog: CatalogClient) -> None:
        self._catalog = catalog
        self._known: OrderedDict[tuple[str, str], KnownTemplate] = OrderedDict()

    async def get(
        self, ref: EntityRef, *, token: str | None, beside: Sequence[str] = ()
    ) -> tuple[KnownTemplate, Sequence[JsonObject | None]]:
        """Return a template, and the entities ``beside`` it that the caller needs anyway (one question for all).

        Raises:
            InputError: the reference is not one of a template, or the entity is no usable template.
            NotFoundError: there is no such template, or the caller may not see it.
        """
        if ref.kind.lower() != "template":
            raise InputError("Invalid kind, only 'Template' kind is supported")
        entity, *others = await self._catalog.entities_by_refs([str(ref), *beside], token=token)
        if entity is None:
            raise NotFoundError(f"Template {ref} not found")
        return self._parsed(str(ref), entity), others

    def _parsed(self, ref: str, entity: JsonObject) -> KnownTemplate:
        key = (ref, str(entity["metadata"].get("etag")))
        known = self._known.get(key)
        if known is None:
            if entity.get("apiVersion") != template.API_VERSION:
                raise InputError(f"Unsupported apiVersion field in schema entity, {entity.get('apiVersion')}")
            known = _known(template.parse(entity))
            if entity["metadata"].get("etag"):
                self._known[key] = known
                if len(self._known) > _MOST:
                    self._known.popitem(last=False)
        return known


class RequestTemplates:
    """Templates that come with requests, checked once: an editor sends the same one with each try.

    What is kept serves for checks only; a run gets the request's own objects, which an action may change.
    """

    def __init__(self) -> None:
        self._checked: OrderedDict[bytes, Template] = OrderedDict()

    def parse(self, entity: Json) -> Template:
        """Return the template with its form's schemas being the same objects for the same content.

        Raises:
            InputError: it is no template.
        """
        text = json.dumps(entity)
        key = hashlib.sha256(text).digest()
        checked = self._checked.get(key)
        if checked is None:
            if template.problems(entity):
                raise InputError("Input template is not a template")
            checked = template.parse(entity)
            if len(text) <= _LARGEST_GIVEN:
                self._checked[key] = checked
                if len(self._checked) > _MOST_GIVEN:
                    self._checked.popitem(last=False)
        metadata, spec = entity["metadata"], entity["spec"]
        return replace(checked, metadata=metadata, spec=spec, steps=spec["steps"], output=spec.get("output") or {})


def _known(parsed: Template) -> KnownTemplate:
    recovery = parsed.spec.get("EXPERIMENTAL_recovery")
    info: JsonObject = {"entityRef": parsed.ref}
    if parsed.base_url is not None:
        info["baseUrl"] = parsed.base_url
    info["entity"] = {"metadata": parsed.metadata}
    return KnownTemplate(
        template=parsed,
        steps=json.dumps(steps_with_defaults(parsed.steps)),
        output=json.dumps(parsed.output),
        recovery=None if recovery is None else json.dumps(recovery),
        info=json.dumps(info),
    )


def reference(kind: str, namespace: str, name: str) -> EntityRef:
    """Return the reference of three path parts."""
    return EntityRef(kind, namespace, name)


def parse_reference(text: str) -> EntityRef:
    """Return the reference of a request's ``templateRef``; the kind may be left out."""
    return entity_ref.parse(text, default_kind="template")
