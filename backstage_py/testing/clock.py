"""A clock that stands still until somebody waits."""

from datetime import UTC, datetime, timedelta


class FakeClock:
    """Takes the machine's clock's place: waiting costs no time, and moves the clock on.

    It starts at 2030-01-01 in UTC unless ``start`` says otherwise.

    Attributes:
        sleeps: the seconds of each wait, in their order.
    """

    def __init__(self, start: datetime = datetime(2030, 1, 1, tzinfo=UTC)) -> None:
        self.sleeps: list[float] = []
        self._start = start
        self._passed = 0.0

    def now(self) -> datetime:
        """Return the time, in UTC."""
        return self._start + timedelta(seconds=self._passed)

    def monotonic(self) -> float:
        """Return the seconds that have passed."""
        return self._passed

    async def sleep(self, seconds: float) -> None:
        """Move on by ``seconds`` and return at once."""
        self.sleeps.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Move on by ``seconds``; a clock does not go back."""
        self._passed += max(seconds, 0)
