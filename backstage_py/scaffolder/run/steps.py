"""What a step does, decided without doing it.

Everything here is pure: a step, a way to render and contexts go in; a decision comes out, which ``runner`` carries
out. The rules and their order are those of Backstage's workflow runner.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Generic, Protocol, TypeVar

from backstage_py.errors import InputError
from backstage_py.js import json_text
from backstage_py.js.convert import to_string, truthy
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.npm_jsonschema import Problem, Validator
from backstage_py.plugin import Action
from backstage_py.scaffolder.run import redaction
from backstage_py.scaffolder.run.spec import ABSENT, Spec, Step
from backstage_py.templating.engine import UNDEFINED

ContextT = TypeVar("ContextT")
SeenT_contra = TypeVar("SeenT_contra", contravariant=True)

StepWatcher = Callable[[str, str, Json], None]
"""Takes a step's id, ``inputs`` (one of each iteration) or ``output``, and the value without secrets."""


class InvalidInput(InputError):  # noqa: N818  # an error of the caller, which knows what is wrong by itself
    """A step's input does not fit the schema of its action.

    Attributes:
        problems: all that is wrong.
    """

    def __init__(self, message: str, problems: Sequence[Problem]) -> None:
        super().__init__(message)
        self.problems = problems


class Render(Protocol[SeenT_contra]):
    """Renders a JSON value; expressions that fail keep their text, and what is undefined comes back as UNDEFINED."""

    def __call__(self, value: Json, context: SeenT_contra) -> Json:
        """Render."""


@dataclass(frozen=True, slots=True)
class Contexts(Generic[ContextT]):
    """The context of a step for conditions (``plain``), for inputs (``full``), and for inputs without secrets.

    ``outputs_differ`` says that outputs of earlier steps hold secrets, so that they look different without them.
    """

    plain: ContextT
    full: ContextT
    without_secrets: ContextT
    with_each: Callable[[ContextT, JsonObject], ContextT]
    outputs_differ: bool = False


@dataclass(frozen=True, slots=True)
class Iteration:
    """One call of the step's action: with its rendered input, and the current item of ``each`` if there is one."""

    input: Json
    each: JsonObject | None = None
    runs: bool = True

    def label(self, action: str) -> str:
        """Return how a message names the iteration: ``fs:delete`` or ``fs:delete[0]``."""
        return f"{action}[{self.each['key']}]" if self.each else action

    def log_line(self) -> str:
        """Return how the log names one of ``each``: key and value as strings, objects as ``[object Object]``."""
        each = self.each or {}
        shown = json_text.text({"key": each.get("key"), "value": to_string(each.get("value"))})
        return f"{'Running' if self.runs else 'Skipping'} step each: {shown}"


@dataclass(frozen=True, slots=True)
class Plan:
    """The iterations of a step, and what in their inputs stems from secrets.

    Attributes:
        redactions: strings that do, as far as they are not known yet.
        difference: that of secrets in the inputs; None where they make none.
        ignored: members of the inputs that were dropped, since the action neither has nor refuses them.
    """

    iterations: Sequence[Iteration]
    redactions: frozenset[str] = frozenset()
    difference: "_Comparison | None" = None
    ignored: frozenset[str] = frozenset()

    def veil(self, action: Action) -> Collection[str] | None:
        """Return the texts that an output of the action may show; None where it need not be veiled."""
        return self.difference.public() if self.difference and action.attributes.pure else None

    def without(self, ignored: frozenset[str]) -> "Plan":
        """Return the plan without members of the inputs that an action neither has nor refuses."""
        if not ignored:
            return self
        iterations = [
            replace(iteration, input={name: value for name, value in iteration.input.items() if name not in ignored})
            for iteration in self.iterations
        ]
        given = frozenset(name for one in self.iterations for name in one.input if name in ignored)
        return replace(self, iterations=iterations, ignored=given)

    def tell_ignored(self, action: str, say: Callable[[str], None]) -> None:
        """Say which inputs were dropped; Backstage's own action refuses them."""
        for name in sorted(self.ignored):
            say(f"{action} has no input '{name}', and Backstage refuses it: remove it from the template; ignored here")


def announced(spec: Spec, *, is_dry_run: bool) -> int:
    """Return the number of steps that the first event names.

    Backstage collects a dry run's files in a step of its own behind the template's, and counts it: observed in the
    recording ``dryrun``.
    """
    return len(spec.steps) + is_dry_run


def is_skipped(step: Step, render: Render[ContextT], contexts: Contexts[ContextT]) -> bool:
    """Return whether the step's ``if`` is false. With ``each`` it is looked at for each item instead.

    A condition that is neither false nor text counts as true, as in Backstage.
    """
    if step.condition is False:
        return True
    if not isinstance(step.condition, str) or step.each is not ABSENT:
        return False
    return not _is_true(render(step.condition, contexts.plain))


def plan(
    step: Step,
    render: Render[ContextT],
    contexts: Contexts[ContextT],
    *,
    has_secrets: bool,
    shown: Callable[[str], str] = str,
) -> Plan:
    """Return the iterations of a step that is not skipped; ``shown`` masks the secrets that are known by now.

    Raises:
        InputError: ``each`` is neither a list nor an object. The wording is Backstage's.
    """
    compare = has_secrets and (step.mentions_secrets or contexts.outputs_differ)
    if step.each is ABSENT:
        rendered = _input(step, render, contexts.full)
        if not compare:
            return Plan((Iteration(rendered),))
        found = _Comparison(step, shown)
        found.add(rendered, _input(step, render, contexts.without_secrets))
        return found.plan([Iteration(rendered)])
    return _each_plan(step, render, contexts, shown if compare else None)


def _each_plan(
    step: Step, render: Render[ContextT], contexts: Contexts[ContextT], shown: Callable[[str], str] | None
) -> Plan:
    """Return the iterations of a step with ``each``; without ``shown`` nothing is compared."""
    items = _entries(step, render(step.each, contexts.full))
    bare = _bare_entries(items, render(step.each, contexts.without_secrets)) if shown else {}
    bare_each = _bare_each(items, bare)
    iterations: list[Iteration] = []
    found = _Comparison(step, shown or str)
    if shown:
        found.add([list(one) for one in items.items()], [list(one) for one in bare.items()])
    for key, value in items.items():
        each = {"key": key, "value": value}
        context = contexts.with_each(contexts.full, each)
        runs = step.condition in (ABSENT, None, "", False) or _is_true(render(step.condition, context))
        rendered = _input(step, render, context)
        if shown:
            plain = contexts.with_each(contexts.without_secrets, bare_each.get(key, {"key": key, "value": None}))
            found.add(rendered, _input(step, render, plain))
        iterations.append(Iteration(rendered, each, runs))
    return found.plan(iterations)


class _Comparison:
    """What of a step's values stems from secrets."""

    def __init__(self, step: Step, shown: Callable[[str], str]) -> None:
        self._step = step
        self._shown = shown
        self._bare: list[Json] = []
        self._differs = False
        self._hidden: set[str] = set()

    def add(self, rendered: Json, bare: Json) -> None:
        """Compare a value with what it is without secrets."""
        self._bare.append(bare)
        if rendered != bare:
            self._differs = True
            self._hidden.update(redaction.differing_strings(rendered, bare, self._shown, self._is_written))

    def plan(self, iterations: Sequence[Iteration]) -> Plan:
        """Return the plan of a step with these iterations."""
        return Plan(tuple(iterations), frozenset(self._hidden), self if self._differs else None)

    def public(self) -> frozenset[str]:
        """Return the keys that the author wrote and all strings of the values as they are without secrets."""
        return self._written.union(redaction.all_strings(self._bare))

    @cached_property
    def _written(self) -> frozenset[str]:
        return frozenset(redaction.all_keys([self._step.input, self._step.each]))

    def _is_written(self, key: str) -> bool:
        return key in self._written


def _entries(step: Step, value: Json) -> Mapping[str, Json]:
    if value is UNDEFINED:
        raise InputError(
            f'Invalid value on action {step.action}.each parameter, "{to_string(step.each)}" '
            "cannot be resolved to a value"
        )
    if isinstance(value, list):
        return {str(index): item for index, item in enumerate(value)}
    if isinstance(value, dict):
        return value
    raise InputError(f"Invalid value on action {step.action}.each parameter, must resolve to an array or object")


def _bare_entries(items: Mapping[str, Json], bare: Json) -> Mapping[str, Json]:
    if isinstance(bare, list):
        return {key: bare[index] if index < len(bare) else None for index, key in enumerate(items)}
    return bare if isinstance(bare, dict) else {}


def _bare_each(items: Mapping[str, Json], bare: Mapping[str, Json]) -> Mapping[str, JsonObject]:
    """Return what ``each`` is without secrets, by the key with them: keys are paired by their place."""
    return {key: {"key": other, "value": value} for key, (other, value) in zip(items, bare.items(), strict=False)}


def _input(step: Step, render: Render[ContextT], context: ContextT) -> Json:
    """Return the rendered input; a step without one gets an empty object."""
    if not step.input:
        return {}
    rendered = render(step.input, context)
    return {} if rendered is UNDEFINED else rendered


def _is_true(value: Json) -> bool:
    return truthy(value) and value != []  # Backstage takes an empty list for false, JavaScript does not


def check_input(iteration: Iteration, action: str, validator: Validator) -> None:
    """Check an iteration's input against the action's schema.

    Raises:
        InputError: with all problems, in the wording of the npm package ``jsonschema``.
    """
    if problems := validator.problems(iteration.input):
        texts = ", ".join(str(problem) for problem in problems)
        raise InvalidInput(f"Invalid input passed to action {iteration.label(action)}, {texts}", problems)


def collect(outputs: JsonObject, name: str, value: Json, *, in_each: bool) -> None:
    """Add an output: with ``each`` the values of all iterations become a list."""
    if in_each:
        outputs.setdefault(name, []).append(value)
    else:
        outputs[name] = value


def visible_output(output: Json) -> Json:
    """Return a task's output without the links and texts whose ``if`` is false; ``if`` itself is dropped."""
    if not isinstance(output, dict):
        return output
    shown = dict(output)
    for name in ("links", "text"):
        if isinstance(shown.get(name), list):
            shown[name] = [_without_condition(item) for item in shown[name] if _is_shown(item)]
    return shown


def _is_shown(item: Json) -> bool:
    return not isinstance(item, dict) or "if" not in item or _is_true(item["if"])


def _without_condition(item: Json) -> Json:
    if not isinstance(item, dict):
        return item
    return {key: value for key, value in item.items() if key != "if"}


def example_output(schema: Json) -> Json:
    """Return the output that a dry run shows for an action that it skips, made from the action's output schema."""
    if not isinstance(schema, dict):
        return "<unknown>"
    if isinstance(examples := schema.get("examples"), list) and examples:
        return examples[0]
    kind = schema.get("type")
    if kind == "object":
        return {name: example_output(part) for name, part in (schema.get("properties") or {}).items()}
    if kind == "array":
        items = schema.get("items")
        first = items[0] if isinstance(items, list) and items else items
        return [example_output(first)] if first else []
    return {"string": "<example>", "number": 0, "boolean": False}.get(str(kind), "<unknown>")
