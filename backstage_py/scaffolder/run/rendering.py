"""The template language as a run uses it: its renderer, the contexts of a step, ``always()`` and ``failure()``."""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache

from backstage_py.errors import InputError
from backstage_py.js import budget
from backstage_py.js.convert import to_string
from backstage_py.model.json import Json, JsonObject
from backstage_py.plugin import Services
from backstage_py.scaffolder.run.budget import SMALL
from backstage_py.scaffolder.run.redaction import MASK
from backstage_py.scaffolder.run.spec import Spec, Step
from backstage_py.scaffolder.run.steps import Contexts
from backstage_py.templating import engine
from backstage_py.templating.engine import UNDEFINED, PreparedContext, Renderer, TemplateError


@dataclass(frozen=True, slots=True)
class Environment:
    """``scaffolder.defaultEnvironment``."""

    parameters: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, configured: Mapping[str, Json]) -> "Environment":
        """Read the section as it is configured."""
        return cls(
            parameters={key: str(value) for key, value in (configured.get("parameters") or {}).items()},
            secrets={key: str(value) for key, value in (configured.get("secrets") or {}).items()},
        )


_current: ContextVar["StepRenderer"] = ContextVar("current run")
"""Whose values are being rendered: one renderer serves all runs, so that it parses each expression once."""


def _always() -> bool:
    run = _current.get()
    run.asked_for_outcome = True
    return True


def _failure() -> bool:
    run = _current.get()
    run.asked_for_outcome = True
    return run.failed


def _vault(*reference: object) -> object:
    given = reference[0] if reference else UNDEFINED
    return _current.get().referenced("" if given is UNDEFINED else to_string(given))


class Reveal(Enum):
    """What ``vault()`` gives where something is rendered."""

    NOTHING = "nothing"
    VALUES = "values"
    MASKS = "masks"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a template sees."""

    context: PreparedContext
    vault: Reveal = Reveal.NOTHING


class _Language:
    """What the templates of a run may use, as the key of a cache: by identity.

    Services are the same for all runs of a process; filters and globals are, too, unless ``dev`` reloads them.
    """

    def __init__(self, services: Services) -> None:
        self.integrations = services.integrations
        self.filters = dict(services.filters)
        self.globals = dict(services.globals)
        self._services = services  # held, so that its id stays its own
        found = (self.filters, self.globals)
        self._identity = id(services), *(tuple((name, id(one)) for name, one in named.items()) for named in found)

    def __hash__(self) -> int:
        return hash(self._identity)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Language) and other._identity == self._identity


@lru_cache(maxsize=8)
def _renderer(language: _Language) -> Renderer:
    hosts = language.integrations

    def type_of(host: str) -> str | None:
        found = hosts.by_host(host) if hosts else None
        return found.type if found else None

    return engine.backstage_renderer(
        type_of if hosts else engine.default_integrations,
        language.filters,
        {"vault": _vault, **language.globals, "always": _always, "failure": _failure},
    )


class StepRenderer:
    """Renders a run's values and holds what templates see of it.

    Args:
        spec: the task's specification.
        workspace_name: what ``context.task.id`` is.
        environment: ``scaffolder.defaultEnvironment``.
        services: with the filters and globals that templates may use.

    Raises:
        InputError: the values hold a name that templates may not use, or are too large.
    """

    def __init__(self, spec: Spec, workspace_name: str, environment: Environment, services: Services) -> None:
        self.environment = environment
        self.failed = False
        self.asked_for_outcome = False
        self.resolved: dict[str, str] = {}  # what references of the current step stand for
        self.asked_for: set[str] = set()
        self._reveal = Reveal.NOTHING
        self._renderer = _renderer(_Language(services))
        self._plain = self._prepared(
            {
                "parameters": spec.parameters,
                "environment": {"parameters": dict(environment.parameters), "secrets": {}},
                "steps": {},
                "user": _user(spec),
                "context": {"task": {"id": workspace_name}},
            }
        )
        self._size = budget.size([spec.parameters, spec.user.entity], SMALL)
        self._overlays: dict[object, PreparedContext] = {}
        self._masked: PreparedContext | None = None  # the same with secrets hidden in outputs, once there are any

    def _prepared(self, context: JsonObject) -> PreparedContext:
        try:
            return self._renderer.prepare(context)
        except TemplateError as error:
            raise InputError(f"The values cannot be used in templates: {error}") from error

    def render(self, value: Json, context: Seen) -> Json:
        """Render a JSON value; an expression that fails keeps its text."""
        token = _current.set(self)
        self._reveal = context.vault
        try:
            return engine.render_template_value(self._renderer, value, context.context)
        finally:
            self._reveal = Reveal.NOTHING
            _current.reset(token)

    def referenced(self, reference: str) -> Json:
        """Return what ``vault()`` gives, and note that it was asked for: nothing while it was not read."""
        if self._reveal is Reveal.NOTHING:
            return UNDEFINED
        self.asked_for.add(reference)
        return MASK if self._reveal is Reveal.MASKS else self.resolved.get(reference, UNDEFINED)

    def is_small(self, more: int) -> bool:
        """Return whether what templates see, and so many bytes more, are few enough for the event loop."""
        return self._size + more <= SMALL

    def set_output(self, step_id: str, output: Json, shown: Json, *, size: int) -> None:
        """Let later steps read ``steps.<id>.output``; ``shown`` is the output with secrets hidden."""
        self._size += size
        if self._masked or shown != output:
            self._masked = (self._masked or self._plain).with_value(["steps", step_id], {"output": shown})
        self._plain = self._plain.with_value(["steps", step_id], {"output": output})

    def contexts(self, secrets: Mapping[str, str], *, dry_run: bool) -> Contexts[Seen]:
        """Return the contexts of the next step. In a dry run the environment's and Vault's secrets are not there."""
        shown = {} if dry_run else self.environment.secrets
        vault = Reveal.MASKS if dry_run else Reveal.VALUES
        return Contexts(
            plain=Seen(self._plain),
            full=Seen(self._with_secrets(self._plain, secrets, shown), vault),
            without_secrets=Seen(self._with_secrets(self._masked or self._plain, {}, {})),
            with_each=lambda seen, each: Seen(seen.context.with_value(["each"], each), seen.vault),
            outputs_differ=self._masked is not None,
        )

    def input_with_masked_secrets(self, step: Step, secrets: Mapping[str, str]) -> Json:
        """Return a step's input with ``***`` for each secret, as a dry run shows it."""
        if not step.input:
            return {}
        own, environment = dict.fromkeys(secrets, MASK), dict.fromkeys(self.environment.secrets, MASK)
        seen = Seen(self._with_secrets(self._masked or self._plain, own, environment), Reveal.MASKS)
        rendered = self.render(step.input, seen)
        return {} if rendered is UNDEFINED else rendered

    def asks_for_outcome(self, condition: str) -> bool:
        """Return whether a condition calls ``always()`` or ``failure()``."""
        self.asked_for_outcome = False
        self.render(condition, Seen(self._plain))
        return self.asked_for_outcome

    def output(self, output: Json) -> Json:
        """Return the task's output, without ``if`` looked at."""
        rendered = self.render(output, Seen(self._plain))
        return {} if rendered is UNDEFINED else rendered

    def masked_output(self, output: Json) -> Json:
        """Return the task's output as it is made of what may be shown; UNDEFINED when that is everything."""
        return self.render(output, Seen(self._masked)) if self._masked else UNDEFINED

    def _with_secrets(
        self, context: PreparedContext, secrets: Mapping[str, str], environment_secrets: Mapping[str, str]
    ) -> PreparedContext:
        """Return a context with secrets, which are prepared once: steps see the same ones."""
        key = (*secrets.items(), None, *environment_secrets.items())
        overlay = self._overlays.get(key)
        if overlay is None:
            environment = {"parameters": dict(self.environment.parameters), "secrets": dict(environment_secrets)}
            overlay = self._overlays[key] = self._renderer.prepare(
                {"environment": environment, "secrets": dict(secrets)}
            )
        return context.with_roots(overlay)


def _user(spec: Spec) -> JsonObject:
    user = {"entity": spec.user.entity, "ref": spec.user.ref}
    return {key: value for key, value in user.items() if value is not None}
