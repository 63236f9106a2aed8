"""Faults that may pass, such as a pod that is not up yet, and those that stay."""

from collections.abc import Callable

from backstage_py.integrations.kubernetes.readiness import Judge, Verdict, pending
from backstage_py.model.json import JsonObject


class Unwell(Verdict):
    """Not well, though it may pass by itself; ``Lasting`` makes a failure of what does not."""


def unwell(text: str) -> Verdict:
    """It does not look as if it would come."""
    return Unwell(text)


class Lasting:
    """A judge that has patience: who is ``Unwell`` for some seconds without a break has failed.

    Args:
        judge: the one that says how it stands.
        seconds: how long.
        now: a clock in seconds.
    """

    def __init__(self, judge: Judge, seconds: float, now: Callable[[], float]) -> None:
        self._judge, self._seconds, self._now = judge, seconds, now
        self._since: float | None = None

    def __call__(self, value: JsonObject | None) -> Verdict:
        """Return how it stands."""
        verdict = self._judge(value)
        if not isinstance(verdict, Unwell):
            self._since = None
            return verdict
        now = self._now()
        self._since = now if self._since is None else self._since
        return Verdict(verdict.text, has_failed=True) if now - self._since >= self._seconds else pending(verdict.text)
