"""What a handler returns or puts out: recorded as the step's outputs, or refused with a hint for the author."""

import inspect
from typing import Any

from backstage_py.errors import BackstageError, PermanentError
from backstage_py.model import json
from backstage_py.plugin import Action, ActionContext
from backstage_py.plugin import schema as schemas


def take_outputs(action: Action, context: ActionContext[Any], returned: Any) -> None:
    """Record what a handler returned as outputs of its step.

    Raises:
        PermanentError: it is no set of outputs.
        BackstageError: an output is not JSON.
    """
    if inspect.iscoroutine(returned):
        returned.close()
        raise PermanentError(
            f"Action {action.id} returned a coroutine instead of what it stands for; "
            "make the function 'async def' and write 'await' before it, or 'ctx.wait(…)' around it"
        )
    outputs = schemas.dump(returned)
    if outputs is None:
        return
    if not isinstance(outputs, dict):
        raise PermanentError(
            f"Action {action.id} returned a value of type {type(returned).__name__}; return its outputs by name, "
            'as {"name": value} or an object of its Output class, or nothing'
        )
    for name, value in outputs.items():
        context.output(name, value)


def output_json(name: str, value: object) -> bytes:
    """Return an output as JSON text.

    Raises:
        BackstageError: it is none.
    """
    try:
        return json.dumps(schemas.dump(value))
    except (TypeError, RecursionError) as error:
        raise BackstageError(
            f"Output '{name}' is not a JSON value: {error}; return strings, numbers, booleans, lists or objects"
        ) from error
