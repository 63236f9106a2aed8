"""The stored specification of a task, as typed values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from backstage_py.errors import InputError
from backstage_py.model import json, template, web_url
from backstage_py.model.json import Json, JsonObject
from backstage_py.plugin import TemplateInfo, User

API_VERSION = "scaffolder.backstage.io/v1beta3"
_VAULT = "vault"
_SECRET_ROOTS = ("secrets", "environment", _VAULT)


class _Absent:
    """A key that the template does not write; ``null`` is something else."""


ABSENT = _Absent()


@dataclass(frozen=True)
class Step:
    """One step. ``condition`` and ``each`` are unrendered, and ABSENT when the template does not have them."""

    position: int
    id: str
    name: str
    action: str
    input: Json
    condition: Json
    each: Json

    @cached_property
    def size(self) -> int:
        """About how many bytes of templates the step has."""
        each = None if self.each is ABSENT else self.each
        condition = self.condition if isinstance(self.condition, str) else ""
        return len(json.dumps([self.input, each])) + len(condition)

    @cached_property
    def mentions_secrets(self) -> bool:
        """Whether an expression of the step can reach a secret: it has to name a root, or call ``vault``."""
        return any(root in self._text for root in _SECRET_ROOTS)

    @cached_property
    def mentions_vault(self) -> bool:
        """Whether an expression of the step may call ``vault``."""
        return _VAULT in self._text

    @cached_property
    def _text(self) -> str:
        return json.text([self.input, None if self.each is ABSENT else self.each])


@dataclass(frozen=True, slots=True)
class Spec:
    """What a task was asked to do."""

    steps: Sequence[Step]
    output: Json
    parameters: JsonObject
    user: User
    template_info: TemplateInfo | None


def steps_with_defaults(steps: Sequence[JsonObject]) -> list[JsonObject]:
    """Return a template's steps with id and name filled in, as a task's specification holds them."""
    return [
        {
            **step,
            "id": step["id"] if step.get("id") is not None else f"step-{number}",
            "name": step["name"] if step.get("name") is not None else step["action"],
        }
        for number, step in enumerate(steps, start=1)
    ]


def parse(spec: Mapping[str, Json]) -> Spec:
    """Read a specification.

    Raises:
        InputError: it was written for another version of the template language.
    """
    if spec.get("apiVersion") != API_VERSION:
        raise InputError(f"Unsupported Template apiVersion {spec.get('apiVersion')}")
    user = spec.get("user") or {}
    return Spec(
        steps=[_step(position, step) for position, step in enumerate(spec["steps"])],
        output=spec.get("output", {}),
        parameters=spec.get("parameters") or {},
        user=User(ref=user.get("ref"), entity=user.get("entity")),
        template_info=_template_info(spec.get("templateInfo")),
    )


def _step(position: int, step: JsonObject) -> Step:
    return Step(
        position=position,
        id=str(step["id"]),
        name=str(step["name"]),
        action=str(step["action"]),
        input=step.get("input"),
        condition=step.get("if", ABSENT),
        each=step.get("each", ABSENT),
    )


def _template_info(info: JsonObject | None) -> TemplateInfo | None:
    if not info:
        return None
    entity = info.get("entity")
    return TemplateInfo(entity_ref=info["entityRef"], base_url=_base_url(info, entity or {}), entity=entity)


def _base_url(info: JsonObject, entity: JsonObject) -> str | None:
    """Decide again by what the catalog recorded: earlier versions stored files that an author had named."""
    annotations = (entity.get("metadata") or {}).get("annotations") or {}
    stored = str(info.get("baseUrl") or "")
    return template.base_url(annotations) or (stored if web_url.is_http(stored) else None)
