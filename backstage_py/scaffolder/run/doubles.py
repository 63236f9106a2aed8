"""What takes the place of a step's action in a run on an author's machine: a mock, or a reason to skip it."""

from dataclasses import dataclass
from typing import Protocol

from backstage_py.errors import BackstageError
from backstage_py.plugin import Action


@dataclass(frozen=True, slots=True)
class Double:
    """What a step does instead.

    Attributes:
        action: runs in place of the step's action.
        skipped: why the step is skipped instead, with an example of the action's output; None where it runs.
    """

    action: Action
    skipped: str | None = None


class Doubles(Protocol):
    """Knows what takes the place of actions, and how a failure is told to the template's author."""

    def find(self, step_id: str, action_id: str) -> Double | None:
        """Return what takes the place of a step's action, None where it runs as it is.

        Raises:
            NotFoundError: nobody knows the action; the message says how to make it known.
        """

    def explained(self, position: int, error: BackstageError) -> BackstageError:
        """Return the error of the step at a position, in an author's words; its texts are redacted."""
