"""External effects: what an action does outside of its workspace, done once although its step may run again.

Before an effect its *intent* is stored, behind it its result. A later run of the step that finds a result returns it.
One that finds an intent alone does not know: the process may have died, or the answer was lost on its way. It looks the
effect up by the *marker* that the intent holds and that ``create`` left on the thing, and takes what it finds for its
own; a thing that merely has the same name is never taken.

What the store refuses stops the action: an attempt at a task that is another worker's by now cannot store its intent,
so it has no effect either.
"""

import inspect
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeVar, cast

from backstage_py.errors import BackstageError, ConflictError, PermanentError
from backstage_py.model import json
from backstage_py.model.json import Json, JsonObject
from backstage_py.plugin import schema as schemas

JsonT = TypeVar("JsonT", bound=bool | int | float | str | list[Any] | Mapping[str, Any] | None)
"""JSON: a dataclass would come back as a dict when the step runs again."""

Create = Callable[[str], Awaitable[JsonT] | JsonT]
Find = Callable[[str], Awaitable[JsonT | None] | JsonT | None]
Unknown = Literal["stop", "create"]

_MARKER_BYTES = 4


class EffectStore(Protocol):
    """Where the states of a step's effects are kept; the newest of a key counts.

    A state is ``{"state": "intended" | "done" | "failed", "marker": …, "value": …}``; only ``done`` has a value.
    """

    def recall(self, key: str) -> JsonObject | None:
        """Return the state of an effect, None when the step never came to it."""

    async def note(self, key: str, state: JsonObject) -> None:
        """Store a state; it is on disk when this returns.

        Raises:
            ClaimLost: the task is another worker's by now. BackstageError: the step is over.
        """


class EffectLog(Protocol):
    """What an effect says about itself."""

    def info(self, message: str) -> None:
        """Say what was done."""

    def warning(self, message: str) -> None:
        """Say what a person should look at."""


@dataclass(frozen=True, slots=True)
class Effect(Generic[JsonT]):
    """One effect of a step; see ``ActionContext.effect``."""

    key: str
    store: EffectStore
    log: EffectLog
    create: Create[JsonT]
    find: Find[JsonT] | None
    if_unknown: Unknown

    async def once(self, task_id: str) -> JsonT:
        """Return the result that is stored, or that of the thing that is found, or else that of ``create``."""
        before = self.store.recall(self.key) or {"state": "failed"}
        if before["state"] == "done":
            return cast("JsonT", before["value"])
        if before["state"] == "intended":
            return await self._resume(str(before["marker"]))
        marker = f"{task_id}-{secrets.token_hex(_MARKER_BYTES)}"
        await self._note("intended", marker)
        return await self._create(marker, is_fresh=True)

    async def _resume(self, marker: str) -> JsonT:
        if (found := await self._found(marker)) is not None:
            return found
        if self.find is None:
            await self._accept_doubt(marker)
        return await self._create(marker, is_fresh=False)

    async def _accept_doubt(self, marker: str) -> None:
        """Go on with an effect that nobody can look up, if its author said so.

        Raises:
            ConflictError: its author did not. The person who reads it can look, and retries the task if need be.
        """
        unknown = f"It is not known whether an earlier run of this step did '{self.key}'"
        if self.if_unknown == "create":
            self.log.warning(f"{unknown}; doing it again")  # noqa: G004  # the task's log
            return
        await self._note("failed", marker)
        raise ConflictError(
            f"{unknown}, since it ended before there was an answer; it was not done again. Look whether it was done, "
            "and retry the task if it was not"
        )

    async def _create(self, marker: str, *, is_fresh: bool) -> JsonT:
        try:
            made = await _awaited(self.create(marker))
        except BackstageError as error:
            if not error.is_refusal:
                raise
            # what an earlier run sent may have arrived just now: then this refusal is about its name
            if not is_fresh and (found := await self._found(marker)) is not None:
                return found
            await self._note("failed", marker)
            raise
        return await self._done(marker, made)

    async def _found(self, marker: str) -> JsonT | None:
        if self.find is None:
            return None
        found = await _awaited(self.find(marker))
        if found is None:
            return None
        said = f"An earlier run of this step did '{self.key}' already; going on with what it made"
        self.log.info(said)
        return await self._done(marker, found)

    async def _done(self, marker: str, value: JsonT) -> JsonT:
        plain = _as_json(self.key, value)
        await self._note("done", marker, value=plain)
        return cast("JsonT", plain)

    async def _note(self, state: str, marker: str, **more: Json) -> None:
        await self.store.note(self.key, {"state": state, "marker": marker, **more})


async def _awaited(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


def _as_json(key: str, value: object) -> Json:
    try:
        return json.parse(json.dumps(schemas.dump(value)))
    except TypeError as error:
        raise PermanentError(
            f"The result of the effect '{key}' is not a JSON value: {error}; return strings, numbers, booleans, lists "
            "or objects"
        ) from error
