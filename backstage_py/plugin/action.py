"""An action as a value: its id, its schemas, how to run it; and the decorator that makes it."""

import functools
import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict, TypeVar, Unpack, overload

from backstage_py import extras
from backstage_py.model.json import Json, JsonObject
from backstage_py.plugin import declaration
from backstage_py.plugin import schema as schemas
from backstage_py.plugin.context import ActionContext

Handler = Callable[..., Any]
InputT = TypeVar("InputT")
OutputT = TypeVar("OutputT")


@dataclass(frozen=True, slots=True)
class ActionExample:
    """An example as ``/v2/actions`` shows it.

    Attributes:
        description: one sentence.
        example: YAML text with ``steps``, as in a template's ``spec``.
        notes: Markdown, shown below the example.
    """

    description: str
    example: str
    notes: str | None = None


@dataclass(frozen=True, slots=True)
class ActionAttributes:
    """What a caller may assume; meaning and defaults are those of Backstage's actions registry.

    Attributes:
        read_only: it changes nothing anywhere; a stock Backstage runs such actions in its dry runs, too.
        idempotent: calling it again with the same input has no further effect.
        destructive: it may overwrite or remove what is there, rather than only add.
        pure: (ours) it makes its outputs of its input and the workspace alone. Where that input held a secret, outputs
            and log lines count as one: logs and results show of them only what stood in the input without it.
        local: (ours) it changes nothing but the workspace; ``scaffolder.policies`` are asked before those that may.
    """

    read_only: bool = False
    idempotent: bool = False
    destructive: bool = True
    pure: bool = False
    local: bool = False


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a ``TemporaryError`` or a ``ServiceUnavailableError`` is tried again, and after what waits.

    Attributes:
        attempts: all tries, the first one included; at least 1.
        first_wait: seconds before the second try; up to a tenth is added at random to each wait.
        factor: by which each wait is longer than the one before; at least 1.
        longest_wait: seconds that no wait exceeds, but for one that ``TemporaryError.retry_after`` asks for.
    """

    attempts: int = 3
    first_wait: float = 1.0
    factor: float = 2.0
    longest_wait: float = 30.0


@dataclass(frozen=True, slots=True)
class Action:
    """What ``@action`` returns and the registry holds.

    Attributes:
        input_schema: JSON Schema (draft 7) of the rendered input; it feeds ``/v2/actions``, lint and run time alike.
        output_schema: JSON Schema of the outputs, ``{}`` when none are declared.
        parse_input: turns checked input into what ``ctx.input`` is.
        handler: ``async def`` or ``def`` with the context as only argument; where it runs says ``scaffolder.executor``.
        timeout: seconds a single try may take, None for no bound besides the task's.
        needs_workspace: it reads or writes files of the task; called by another backend, it gets them with the input.
        secrets_schema: JSON Schema of the secrets that it needs when another backend calls it, ``{}`` for none.
        ignored_inputs: members of the input that are dropped before it is checked, since templates in the field pass
            them although no version of the schema has them (``allowedHosts`` of the actions that publish).
        is_trusted_on_loop: written with the service: an ``async def`` that never blocks runs on its event loop.
        extra: the extra of ``backstage-py`` that brings what it needs; where that is missing it is listed and refuses.
        source: where it is defined, for messages: ``module:line``.
    """

    id: str
    handler: Handler
    description: str = ""
    input_schema: JsonObject = field(default_factory=dict)
    output_schema: JsonObject = field(default_factory=dict)
    examples: tuple[ActionExample, ...] = ()
    supports_dry_run: bool = False
    attributes: ActionAttributes = ActionAttributes()
    retry: RetryPolicy | None = None
    timeout: float | None = None
    needs_workspace: bool = True
    secrets_schema: JsonObject = field(default_factory=dict)
    parse_input: Callable[[JsonObject], Any] = lambda value: value
    ignored_inputs: frozenset[str] = frozenset()
    is_trusted_on_loop: bool = False
    extra: str | None = None
    source: str = ""

    @property
    def is_async(self) -> bool:
        """Whether the handler is an ``async def``."""
        return inspect.iscoroutinefunction(self.handler)

    @property
    def is_on_service_loop(self) -> bool:
        """Whether it runs on the loop that serves requests."""
        return self.is_trusted_on_loop and self.is_async

    def describe(self) -> Json:
        """Return the action as an entry of ``GET /v2/actions``, with ``extra`` (ours) if it needs one."""
        examples = [
            {"description": e.description, "example": e.example} | ({"notes": e.notes} if e.notes else {})
            for e in self.examples
        ]
        schema = {"input": self.input_schema, "output": self.output_schema}
        unavailable = extras.missing(self.id, self.extra)
        return {
            "id": self.id,
            "description": f"{self.description}\n\nUnavailable: {unavailable}" if unavailable else self.description,
            "examples": examples,
            "schema": {key: value for key, value in schema.items() if value},
            **({"extra": self.extra} if self.extra else {}),
        }


class ActionOptions(TypedDict, total=False):
    """The optional arguments of ``action`` that its overloads have in common; their meaning is told there."""

    input_schema: JsonObject | None
    description: str | None
    examples: Sequence[ActionExample]
    dry_run: bool
    attributes: ActionAttributes | None
    retry: RetryPolicy | None
    timeout: float | None
    needs_workspace: bool
    secrets: Any


Outputs = JsonObject | None
"""What a function returns without a class for its outputs: JSON by name, or nothing."""


@overload
def action(
    id: str, input: type[InputT], *, output: type[OutputT], **options: Unpack[ActionOptions]
) -> Callable[[Callable[[ActionContext[InputT]], OutputT | Awaitable[OutputT | None] | None]], Action]: ...


@overload
def action(
    id: str, input: JsonObject | None = None, *, output: type[OutputT], **options: Unpack[ActionOptions]
) -> Callable[[Callable[[ActionContext[Any]], OutputT | Awaitable[OutputT | None] | None]], Action]: ...


@overload
def action(
    id: str, input: type[InputT], *, output: JsonObject | None = None, **options: Unpack[ActionOptions]
) -> Callable[[Callable[[ActionContext[InputT]], Outputs | Awaitable[Outputs]]], Action]: ...


@overload
def action(
    id: str, input: JsonObject | None = None, *, output: JsonObject | None = None, **options: Unpack[ActionOptions]
) -> Callable[[Callable[[ActionContext[Any]], Outputs | Awaitable[Outputs]]], Action]: ...


def action(
    id: str,  # noqa: A002  # the word of every Backstage template
    input: Any = None,  # noqa: A002  # as above
    *,
    output: Any = None,
    input_schema: JsonObject | None = None,
    description: str | None = None,
    examples: Sequence[ActionExample] = (),
    dry_run: bool = False,
    attributes: ActionAttributes | None = None,
    retry: RetryPolicy | None = None,
    timeout: float | None = None,
    needs_workspace: bool = True,
    secrets: Any = None,
) -> Callable[[Callable[..., Any]], Action]:
    """Make an action of a function that takes an ``ActionContext``.

    Args:
        id: the id templates name, ``family:verb`` by convention.
        input: a dataclass, a pydantic model, a TypedDict (its keys are the JSON names) or a JSON Schema; ``ctx.input``
            has that type.
        output: likewise. The function returns such a value or None, after calls of ``ctx.output(name, value)``; a type
            checker refuses a function that is annotated with anything else. Without a class it returns JSON by name.
        input_schema: the JSON Schema to publish when it says more than the class ``input`` can.
        description: shown to template authors; the function's docstring by default.
        examples: shown with the action.
        dry_run: the function heeds ``ctx.is_dry_run`` and may run in a dry run; otherwise it is skipped there.
        attributes: what a caller may assume.
        retry: try again after ``TemporaryError``.
        timeout: seconds one try may take.
        needs_workspace: False says that it leaves the task's files alone, so that other backends need not send them.
        secrets: a dataclass, a pydantic model or a JSON Schema of the secrets that a call of another backend brings;
            ``ctx.secrets`` has them. In a template of ours the template's own secrets are there.

    Raises:
        TypeError: a declaration is no class of these kinds and no schema, or the function does not take a context; the
            decorator raises it where the action is declared.
        ValueError: the id is empty or has white space in it, or a number is out of its range.
    """
    declaration.check_id(id)
    _check_options(id, retry=retry, timeout=timeout, attributes=attributes, examples=examples, dry_run=dry_run)

    def make(function: Callable[..., Any]) -> Action:
        declaration.check_function(id, function, input, is_told_apart=input_schema is not None)
        inner = function.func if isinstance(function, functools.partial) else function
        code = getattr(inner, "__code__", None)
        source = f"{inner.__module__}:{code.co_firstlineno}" if code else str(inner.__module__)
        return Action(
            id=id,
            handler=function,
            description=description if description is not None else inspect.cleandoc(inner.__doc__ or ""),
            input_schema=input_schema if input_schema is not None else declaration.schema_of(id, "input", input),
            output_schema=declaration.schema_of(id, "output", output),
            examples=tuple(examples),
            supports_dry_run=dry_run,
            attributes=attributes or ActionAttributes(),
            retry=retry,
            timeout=timeout,
            needs_workspace=needs_workspace,
            secrets_schema=declaration.schema_of(id, "secrets", secrets),
            parse_input=schemas.parser(input),
            source=source,
        )

    return make


def _check_options(
    id_: str,
    *,
    retry: RetryPolicy | None,
    timeout: float | None,
    attributes: ActionAttributes | None,
    examples: Sequence[ActionExample],
    dry_run: bool,
) -> None:
    check = functools.partial(declaration.check_option, id_)
    check("retry", retry, RetryPolicy, "RetryPolicy(attempts=3)")
    check("timeout", timeout, (int, float), "60 (seconds)")
    check("attributes", attributes, ActionAttributes, "ActionAttributes(read_only=True)")
    check("examples", examples, (list, tuple), '[ActionExample("…", "steps: …")]')
    check("dry_run", dry_run, bool, "True")
    for example in examples:
        check("examples", example, ActionExample, '[ActionExample("…", "steps: …")]')
    if timeout is not None and timeout <= 0:
        raise ValueError(f"The timeout of '{id_}' must be more than 0 seconds")
    if retry is not None and (retry.attempts < 1 or retry.first_wait < 0 or retry.factor < 1):
        raise ValueError(f"The retry policy of '{id_}' needs attempts >= 1, first_wait >= 0 and factor >= 1")
