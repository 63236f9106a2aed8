"""An action as a value: its id, its schemas, how to run it."""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from backstage_py.model.json import Json, JsonObject
from backstage_py.plugin import schema as schemas

Handler = Callable[..., Any]
HandlerT = TypeVar("HandlerT", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class ActionExample:
    """An example as ``/v2/actions`` shows it; ``example`` is YAML text with ``steps``."""

    description: str
    example: str
    notes: str | None = None


@dataclass(frozen=True, slots=True)
class ActionAttributes:
    """What a caller may assume, in the sense of Backstage's actions registry."""

    read_only: bool = False
    idempotent: bool = False
    destructive: bool = True


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a ``TemporaryError``, or a service that does not answer, is tried again.

    Waits grow by ``factor`` from ``first_wait`` seconds.
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
        handler: ``async def`` or ``def`` with the context as only argument; a plain function runs in a thread.
        timeout: seconds a single try may take, None for no bound besides the task's.
        needs_workspace: it reads or writes files of the task; called by another backend, it gets them with the input.
        secrets_schema: JSON Schema of the secrets that it needs when another backend calls it, ``{}`` for none.
        ignored_inputs: members of the input that are dropped before it is checked, since templates in the field pass
            them although no version of the schema has them (``allowedHosts`` of ``publish:github``).
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
    source: str = ""

    @property
    def is_async(self) -> bool:
        """Whether the handler runs on the event loop."""
        return inspect.iscoroutinefunction(self.handler)

    def describe(self) -> Json:
        """Return the action as an entry of ``GET /v2/actions``."""
        examples = [
            {"description": e.description, "example": e.example} | ({"notes": e.notes} if e.notes else {})
            for e in self.examples
        ]
        schema = {"input": self.input_schema, "output": self.output_schema}
        return {
            "id": self.id,
            "description": self.description,
            "examples": examples,
            "schema": {key: value for key, value in schema.items() if value},
        }


def action(
    id: str,  # noqa: A002  # the word of every Backstage template
    input: Any = None,  # noqa: A002  # as above
    *,
    output: Any = None,
    input_schema: JsonObject | None = None,
    description: str | None = None,
    examples: tuple[ActionExample, ...] = (),
    dry_run: bool = False,
    attributes: ActionAttributes | None = None,
    retry: RetryPolicy | None = None,
    timeout: float | None = None,
    needs_workspace: bool = True,
    secrets: Any = None,
) -> Callable[[Callable[..., Any] | Callable[..., Awaitable[Any]]], Action]:
    """Make an action of a function that takes an ``ActionContext``.

    Args:
        id: the id templates name, ``family:verb`` by convention.
        input: a dataclass, a pydantic model or a JSON Schema; ``ctx.input`` has that type.
        output: likewise. The function returns such a value or calls ``ctx.output(name, value)``.
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
        TypeError: a declaration is no class of these kinds and no schema.
        ValueError: the id is empty or has white space in it, or a number is out of its range.
    """
    _check(id, retry, timeout)

    def make(function: Callable[..., Any]) -> Action:
        code = getattr(function, "__code__", None)
        source = f"{function.__module__}:{code.co_firstlineno}" if code else function.__module__
        return Action(
            id=id,
            handler=function,
            description=description if description is not None else inspect.cleandoc(function.__doc__ or ""),
            input_schema=input_schema if input_schema is not None else schemas.of(input),
            output_schema=schemas.of(output),
            examples=examples,
            supports_dry_run=dry_run,
            attributes=attributes or ActionAttributes(),
            retry=retry,
            timeout=timeout,
            needs_workspace=needs_workspace,
            secrets_schema=schemas.of(secrets),
            parse_input=schemas.parser(input),
            source=source,
        )

    return make


def _check(id_: str, retry: RetryPolicy | None, timeout: float | None) -> None:
    if not id_ or any(letter.isspace() for letter in id_):
        raise ValueError(f"An action's id is one word like 'acme:greet', not '{id_}'")
    if timeout is not None and timeout <= 0:
        raise ValueError(f"The timeout of '{id_}' must be more than 0 seconds")
    if retry is not None and (retry.attempts < 1 or retry.first_wait < 0 or retry.factor < 1):
        raise ValueError(f"The retry policy of '{id_}' needs attempts >= 1, first_wait >= 0 and factor >= 1")
