"""Checkpoints of a handler elsewhere: its store takes a function, while the handler's function runs over there."""

import asyncio
from typing import Any

from backstage_py.execution.messages import ProtocolError
from backstage_py.model.json import Json
from backstage_py.plugin.context import OutputSink


class Checkpoints:
    """Lets a handler make the values that a step's store asks for.

    Args:
        sink: of the step.
    """

    def __init__(self, sink: OutputSink) -> None:
        self._sink = sink
        self._wanted: dict[int, asyncio.Future[Json]] = {}
        self._keeping: dict[int, asyncio.Task[Json]] = {}

    async def get(self, id_: int, key: str) -> Json:
        """Return ``{isKept: true, value}``, or ``{isKept: false}``: then the handler makes the value for this ``id_``.

        Raises:
            ClaimLost: the task is another attempt's, so that nothing is made any more. BackstageError.
        """
        asked: asyncio.Event = asyncio.Event()
        made: asyncio.Future[Json] = asyncio.get_running_loop().create_future()

        async def value() -> Json:
            asked.set()
            return await made

        keeping = asyncio.ensure_future(self._sink.checkpoint(key, value))
        wanted = asyncio.ensure_future(asked.wait())
        self._wanted[id_], self._keeping[id_] = made, keeping
        try:
            await asyncio.wait({keeping, wanted}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            wanted.cancel()
        if not asked.is_set():
            self._forget(id_)
            return {"isKept": True, "value": await keeping}
        return {"isKept": False}

    async def set(self, id_: int, value: Json) -> Json:
        """Keep the value that was made for ``id_`` and return it.

        Raises:
            ProtocolError: nobody asked for it. ClaimLost, BackstageError: it cannot be kept.
        """
        made, keeping = self._wanted.get(id_), self._keeping.get(id_)
        if made is None or keeping is None or made.done():
            raise ProtocolError("it sets a checkpoint that nobody asked for")
        made.set_result(value)
        try:
            return await keeping
        finally:
            self._forget(id_)

    def drop(self, id_: int) -> None:
        """Expect no value for ``id_`` any more."""
        if keeping := self._keeping.get(id_):
            keeping.cancel()
        self._forget(id_)

    def close(self) -> None:
        """Expect nothing any more."""
        for id_ in list(self._keeping):
            self.drop(id_)

    def _forget(self, id_: int) -> None:
        self._wanted.pop(id_, None)
        if keeping := self._keeping.pop(id_, None):
            keeping.add_done_callback(_retrieve)


def _retrieve(done: "asyncio.Future[Any]") -> None:
    """Retrieve an outcome that nobody may wait for, so that asyncio does not report it."""
    if not done.cancelled():
        done.exception()
