"""A template as the rules see it: its steps, what its form declares, and every expression with its place."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from backstage_py.lint import placeholders, syntax
from backstage_py.lint.actions import Catalogue, KnownAction
from backstage_py.lint.fixes.repair import Repair
from backstage_py.lint.form import Form
from backstage_py.lint.rule import Finding, Path
from backstage_py.lint.syntax import Parsed, Reference
from backstage_py.model import parameter_pages
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.problem import Severity
from backstage_py.model.yaml import Document
from backstage_py.templating import tree

Where = Literal["if", "each", "input", "output"]


@dataclass(frozen=True)
class Use:
    """A text that Backstage renders."""

    path: Path
    text: str
    parsed: Parsed
    where: Where
    step: int | None

    def references(self) -> Iterator[Reference]:
        """References to what the text does not define itself."""
        return self.parsed.free()

    @cached_property
    def guarded(self) -> frozenset[tuple[str, ...]]:
        """Names that the text itself asks about, so that it copes with their absence elsewhere."""
        return frozenset(reference.names for reference in self.parsed.references if reference.optional)

    def is_optional(self, reference: Reference) -> bool:
        """Whether the text copes with the absence of what is referred to."""
        return reference.optional or any(reference.names[: len(names)] == names for names in self.guarded)


@dataclass(frozen=True)
class Step:
    """A step of the template; ``id`` is None where the author wrote none."""

    index: int
    value: JsonObject
    path: Path

    @cached_property
    def id(self) -> str | None:
        """The id as written."""
        found = self.value.get("id")
        return str(found) if isinstance(found, str | int | float) and not isinstance(found, bool) else None

    @property
    def known_as(self) -> str:
        """The id that expressions use."""
        return self.id or f"step-{self.index + 1}"

    @property
    def action(self) -> str | None:
        """The id of the action, if it is a text."""
        found = self.value.get("action")
        return found if isinstance(found, str) else None

    @property
    def input(self) -> JsonObject:
        """The input; empty if there is none."""
        found = self.value.get("input")
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True)
class PageCondition:
    """The ``when`` of a page, which the form renders, with the values of the pages before it."""

    page: int
    path: Path
    text: str
    template: str

    @cached_property
    def parsed(self) -> Parsed:
        """The condition as the template that the form makes of it."""
        return syntax.parse(self.template)

    @cached_property
    def shift(self) -> int:
        """What offsets in the template lack to be offsets in the text: it has more around it than was written."""
        lead = len(self.text) - len(self.text.lstrip())
        return lead - self.template.index(self.text.strip())

    def finding(
        self,
        message: str,
        offset: int | None,
        *,
        fix: str | None = None,
        severity: Severity | None = None,
        repair: Repair | None = None,
    ) -> Finding:
        """Return a finding at an offset in the template."""
        if offset is not None:
            offset = max(0, offset + self.shift)
        return Finding(message, self.path, offset, fix=fix, severity=severity, repair=repair)


@dataclass(frozen=True)
class Template:
    """One v1beta3 document of kind Template."""

    document: Document
    catalogue: Catalogue
    extra: "Vocabulary"

    @cached_property
    def value(self) -> JsonObject:
        """The whole entity."""
        return self.document.value if isinstance(self.document.value, dict) else {}

    @cached_property
    def spec(self) -> JsonObject:
        """Its ``spec``; empty if there is none."""
        found = self.value.get("spec")
        return found if isinstance(found, dict) else {}

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """Its steps, without those that are no objects, or that another file holds."""
        found = self.spec.get("steps")
        items = found if isinstance(found, list) else []
        return tuple(
            Step(i, item, ("spec", "steps", i))
            for i, item in enumerate(items)
            if isinstance(item, dict) and not placeholders.is_placeholder(item)
        )

    @cached_property
    def has_hidden_steps(self) -> bool:
        """Whether another file holds some of its steps, whose ids and expressions are therefore not known."""
        found = self.spec.get("steps")
        return any(placeholders.is_placeholder(one) for one in (found if isinstance(found, list) else [found]))

    @cached_property
    def form(self) -> Form:
        """What it asks for."""
        return Form.of(self.spec)

    @cached_property
    def uses(self) -> tuple[Use, ...]:
        """Every text that has code, in source order."""
        return tuple(self._uses())

    def _uses(self) -> Iterator[Use]:
        wheres: tuple[Where, ...] = ("if", "each", "input")
        for step in self.steps:
            for where in wheres:
                yield from _texts(step.value.get(where), (*step.path, where), where, step.index)
        yield from _texts(self.spec.get("output"), ("spec", "output"), "output", None)

    @cached_property
    def page_conditions(self) -> tuple[PageCondition, ...]:
        """The conditions of pages that are texts."""
        found = []
        for index, (page, path) in enumerate(self.form.pages):
            text = parameter_pages.condition_of(page)
            if isinstance(text, str) and (template := parameter_pages.expression_of(text)):
                found.append(PageCondition(index, (*path, "when"), text, template))
        return tuple(found)

    def step_of(self, use: Use) -> Step:
        """Return the step that a text belongs to; only texts of the output have none."""
        return self._steps_by_index[use.step]

    @cached_property
    def _steps_by_index(self) -> Mapping[int | None, Step]:
        return {step.index: step for step in self.steps}

    def action_of(self, step: Step) -> KnownAction | None:
        """Return what is known of a step's action."""
        return self.catalogue.get(step.action) if step.action else None

    @cached_property
    def steps_by_id(self) -> Mapping[str, list[Step]]:
        """Steps by the id that expressions use."""
        found: dict[str, list[Step]] = {}
        for step in self.steps:
            found.setdefault(step.known_as, []).append(step)
        return found


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Names that the configuration adds to those of stock Backstage."""

    filters: frozenset[str] = frozenset()
    globals: frozenset[str] = frozenset()
    fields: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()


def _texts(value: Json, path: Path, where: Where, step: int | None) -> Iterator[Use]:
    if isinstance(value, str):
        if tree.has_code(value):
            yield Use(path, value, syntax.parse(value), where, step)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, (*path, key), where, step)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, (*path, index), where, step)
