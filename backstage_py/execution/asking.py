"""The members of an action's context that live with the service: each says or asks over the call's connection."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from backstage_py.errors import BackstageError
from backstage_py.execution import allowed, values
from backstage_py.execution.connection import Scope
from backstage_py.execution.messages import (
    LARGEST,
    MOST_VALUES,
    Ask,
    Begin,
    CheckpointGet,
    CheckpointSet,
    Drop,
    FromHandler,
    Log,
    Note,
    Output,
    Recall,
)
from backstage_py.execution.outputs import output_json
from backstage_py.model import json
from backstage_py.model.json import Json, JsonObject
from backstage_py.plugin import Action, ActionContext, Services
from backstage_py.plugin import schema as schemas
from backstage_py.tracing import spans

_LONGEST_LINE = LARGEST // 8  # letters: six bytes each as JSON at worst


@dataclass(frozen=True, slots=True)
class Logger:
    """The step's log."""

    scope: Scope

    def debug(self, message: str) -> None:
        """Say what only helps to find a fault."""
        self._say("debug", message)

    def info(self, message: str) -> None:
        """Say what was done."""
        self._say("info", message)

    def warning(self, message: str) -> None:
        """Say what a person should look at."""
        self._say("warning", message)

    def error(self, message: str) -> None:
        """Say what failed."""
        self._say("error", message)

    def _say(self, level: str, message: str) -> None:
        text = str(message)
        if len(text) > _LONGEST_LINE:  # not cut: the service, which hides secrets, would not find half of one
            text = f"A line of {len(text)} letters is left out; a line may have {_LONGEST_LINE}"
        self.scope.tell(Log(((level, text),)))


@dataclass(frozen=True, slots=True)
class Sink:
    """The step's outputs, checkpoints and effects."""

    scope: Scope

    def output(self, name: str, value: Json) -> None:
        """Record an output.

        Raises:
            BackstageError: it is no JSON, or larger than a message may be.
        """
        data = output_json(name, value)
        if len(data) > LARGEST // 2:
            told = f"has {len(data)} bytes, more than the {LARGEST // 2} that one may have"
            raise BackstageError(f"Output '{name}' {told}")
        if json.has_more(data, MOST_VALUES // 2):
            raise BackstageError(f"Output '{name}' has more than the {MOST_VALUES // 2} values that one may have")
        self.scope.tell(Output(name, json.parse(data)))

    async def checkpoint(self, key: str, function: Callable[[], Awaitable[Json]]) -> Json:
        """Return what is kept, or what the function returns once it is kept."""
        asked = 0

        def question(id_: int) -> FromHandler:
            nonlocal asked
            asked = id_
            return CheckpointGet(id_, key)

        found = await self.scope.asked(question)
        if found["isKept"]:
            return found["value"]
        try:
            value = schemas.dump(await function())
        except BaseException:
            self.scope.tell(Drop(asked))
            raise
        return await self.scope.asked(lambda id_: CheckpointSet(id_, asked, value))

    def recall(self, key: str) -> JsonObject | None:
        """Return the state of an effect."""
        found: JsonObject | None = self.scope.ask(lambda id_: Recall(id_, key)).result()
        return found

    async def note(self, key: str, state: JsonObject) -> None:
        """Store the state of an effect."""
        await self.scope.asked(lambda id_: Note(id_, key, state))


class _Asked:
    """A service: its methods ask; what is ``async def`` there is awaited, what is not returns its answer at once."""

    def __init__(self, scope: Scope, service: str) -> None:
        self._scope = scope
        self._service = service
        self._methods = allowed.methods(service)

    def __getattr__(self, name: str) -> Any:
        is_async = self._methods.get(name)
        if is_async is None:
            raise AttributeError(name)

        def question(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Callable[[int], FromHandler]:
            packed = [values.packed(one) for one in args], {key: values.packed(one) for key, one in kwargs.items()}
            headers: dict[str, str] = {}
            spans.hand_on(headers)
            return lambda id_: Ask(id_, self._service, name, tuple(packed[0]), packed[1], headers)

        async def asked(*args: Any, **kwargs: Any) -> Any:
            return self._value(await self._scope.asked(question(args, kwargs)))

        def asked_at_once(*args: Any, **kwargs: Any) -> Any:
            return self._value(self._scope.ask(question(args, kwargs)).result())

        return asked if is_async else asked_at_once

    def _value(self, answer: Json) -> Any:
        return values.unpacked(answer, self._offered)

    def _offered(self, found: JsonObject) -> Action:
        async def run(context: ActionContext[Any]) -> Json:
            return await getattr(self, allowed.RUN)(found["id"], schemas.dump(context.input), context.token)

        return values.described_action(found, run)


def services(begin: Begin, scope: Scope, local: Services) -> Services:
    """Return the services of a call: those that the service has, over its connection; plugins of this process."""
    there: dict[str, Any] = {name: _Asked(scope, name) for name in begin.services if name in allowed.SERVICES}
    if allowed.OWN_TOKEN in begin.services:
        there[allowed.OWN_TOKEN] = getattr(_Asked(scope, allowed.OWN_TOKEN), allowed.OWN_TOKEN)
    return replace(local, config=begin.config, **there)
