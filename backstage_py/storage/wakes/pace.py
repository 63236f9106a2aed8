"""How fast one process tells the others: at once what is rare, and in parts of a hundredth of a second what is not."""

_GAP = 0.01
AT_ONCE = 10
PER_SECOND = 1 / _GAP


class Pace:
    """Lets ``AT_ONCE`` go without a wait, then ``PER_SECOND``; who is silent gains the former again at that rate."""

    def __init__(self) -> None:
        self._next = 0.0  # when the next one would be due if all kept to the rate

    def wait(self, now: float) -> float:
        """Return the seconds that the next one has to wait at a moment, and count it."""
        wait = max(self._next - (AT_ONCE - 1) * _GAP - now, 0.0)
        self._next = max(self._next, now + wait) + _GAP
        return wait
