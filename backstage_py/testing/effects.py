"""The external effects of an action under test, and the faults that come between one and its record."""

from collections import UserDict

from backstage_py.errors import ServiceUnavailableError
from backstage_py.model.json import JsonObject


class Effects(UserDict[str, JsonObject]):
    """The states of effects by key, kept from run to run of an ``ActionRunner``.

    A state is ``{"state": "intended" | "done" | "failed", "marker": …}``, with the ``value`` of one that is done.

    ``runner.effects.lose_answer("ticket")`` lets the next ``create`` of an effect run and drops what it returned, as
    when the connection is cut or the process is killed behind it. ``stop_before("ticket")`` stops between intent and
    effect. Either ends the action with ``ServiceUnavailableError``; run it again to see what it makes of that.
    """

    def __init__(self) -> None:
        super().__init__()
        self._stopped: set[str] = set()
        self._lost: set[str] = set()

    def lose_answer(self, key: str) -> None:
        """Have the effect next time, and forget its result."""
        self._lost.add(key)

    def stop_before(self, key: str) -> None:
        """Note the intent next time, and end before the effect."""
        self._stopped.add(key)

    def with_state(self, state: str) -> set[str]:
        """Return the keys of the effects in a state, such as ``intended``: begun, and without a result."""
        return {key for key, found in self.items() if found["state"] == state}

    def __setitem__(self, key: str, state: JsonObject) -> None:
        """Keep a state, unless the test wants that it gets lost."""
        if state["state"] == "done" and key in self._lost:
            self._lost.remove(key)
            raise ServiceUnavailableError(f"The test lost the answer of the effect '{key}'")
        super().__setitem__(key, state)
        if state["state"] == "intended" and key in self._stopped:
            self._stopped.remove(key)
            raise ServiceUnavailableError(f"The test stopped before the effect '{key}'")
