"""What one request or run may use up, and where it computes: what is surely small here, all else off the event loop.

Each dry run, task and check of a form has one budget of its own. A computation is first tried with a small allowance,
where it stands; one that needs more begins again in a thread, with what the budget has left.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

from backstage_py import threads
from backstage_py.errors import InputError
from backstage_py.js import budget
from backstage_py.js.budget import Bound, Budget, Exceeded
from backstage_py.metrics.scaffolder import BUDGET_REFUSALS
from backstage_py.model import json
from backstage_py.settings.sections import LimitSettings

T = TypeVar("T")

SMALL = 64 * 1024
"""Bytes of values that are handled on the event loop."""

_BREATH, _ROUND = 0.005, 64  # seconds, and steps, that a run may go on before others have a turn
_KEY = "scaffolder.limits"
_EVALUATION, _REGEX, _OUTPUT = "steps of evaluation", "steps of regular expressions", "bytes of output"
_ALLOWANCE = (
    Bound(4_000, _EVALUATION, "the event loop"),
    Bound(4_000, _REGEX, "the event loop"),
    Bound(4 * SMALL, _OUTPUT, "the event loop"),
)


class RunBudget:
    """The budget of one request or run, which the event loop's thread uses."""

    def __init__(self, limits: LimitSettings | None = None) -> None:
        self._limits = limits = limits or LimitSettings()
        self._drawn = Budget(
            Bound(limits.evaluation_steps, _EVALUATION, f"{_KEY}.evaluationSteps"),
            Bound(limits.regex_steps, _REGEX, f"{_KEY}.regexSteps"),
            Bound(limits.output_bytes, _OUTPUT, f"{_KEY}.outputBytes"),
        )
        self._seconds = limits.seconds
        self._steps = limits.steps
        self._turn_began = time.monotonic()

    def in_force(self) -> AbstractContextManager[None]:
        """Let all that is rendered within a block draw on the budget, in actions and their threads, too."""
        return budget.drawn_on(self._drawn)

    def spend_output(self, size: int) -> None:
        """Take bytes out.

        Raises:
            InputError: there are not as many left.
        """
        try:
            self._drawn.spend(output=size)
        except Exceeded as error:
            raise refusal(error) from None

    def spend_value(self, text: bytes) -> None:
        """Take out what a value in JSON counts as, which an action made and the run keeps.

        Raises:
            InputError: there is not as much left.
        """
        self.spend_output(json.weight(text))

    def expect_steps(self, number: int) -> None:
        """Refuse a run of more steps than are left, before it begins.

        Raises:
            InputError: there are too many.
        """
        if number > self._steps:
            BUDGET_REFUSALS.inc("steps")
            raise InputError(
                f"This takes more than {self._limits.steps:,} steps, each round of 'each' counted; {_KEY}.steps "
                "allows no more"
            )

    async def begin_step(self) -> None:
        """Count a step or a round of one, and let others have a turn when there was none for a while.

        Raises:
            InputError: there were too many.
        """
        self.expect_steps(1)
        self._steps -= 1
        now = time.monotonic()
        if now - self._turn_began > _BREATH or self._steps % _ROUND == 0:
            await asyncio.sleep(0)
            self._turn_began = time.monotonic()

    async def compute(self, function: Callable[[], T], *, is_small: bool) -> T:
        """Call a function that renders or checks, and that may be called twice.

        Args:
            function: what to call; it waits for nothing.
            is_small: whether the values that it works on are; it is not tried on the event loop otherwise.

        Raises:
            InputError: the budget is used up.
        """
        try:
            if is_small:
                allowance = Budget(*_ALLOWANCE)
                token = budget.current.set(allowance)
                try:
                    result = function()
                except Exceeded as error:
                    if error.budget is not allowance:
                        raise
                else:
                    self._drawn.take_from(allowance)
                    return result
                finally:
                    budget.current.reset(token)
            return await self._apart(function)
        except Exceeded as error:
            raise refusal(error) from None

    async def _apart(self, function: Callable[[], T]) -> T:
        def compute() -> T:
            with self.in_force():
                return function()

        began = time.monotonic()
        try:
            return await threads.render(compute, seconds=max(self._seconds, 0))
        except TimeoutError:
            BUDGET_REFUSALS.inc("seconds")
            raise InputError(
                f"This takes longer than {self._limits.seconds:g} seconds to render or check; {_KEY}.seconds "
                "allows no more"
            ) from None
        finally:
            self._turn_began = time.monotonic()
            self._seconds -= self._turn_began - began


def is_small(*values: object) -> bool:
    """Return whether values are few enough to be handled on the event loop."""
    return budget.size(values, SMALL) <= SMALL


def refusal(error: Exceeded) -> InputError:
    """Return what the caller is told."""
    BUDGET_REFUSALS.inc(error.limit)
    return InputError(str(error))
