"""An upright axis with lines at round numbers, and a place below it for each name."""

from collections.abc import Sequence
from dataclasses import dataclass

from backstage_py.cli.platform_report.svg import WIDTH, element, label

HIGH = 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 12, 16, 28
_MOST_NAMES = 8
_MOST_LINES = 4
_ROUND = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Upright:
    """The axis.

    Attributes:
        names: from left to right.
        most: its end.
        step: from one line to the next.
        unit: of its numbers.
    """

    names: Sequence[str]
    most: float
    step: float
    unit: str

    @property
    def slot(self) -> float:
        """How wide the place of a name is."""
        return (WIDTH - _LEFT - _RIGHT) / max(len(self.names), 1)

    def x(self, n: int) -> float:
        """Return the middle of the place of the n-th name."""
        return _LEFT + self.slot * (n + 0.5)

    def y(self, value: float) -> float:
        """Return where a value is."""
        return HIGH - _BOTTOM - value / self.most * (HIGH - _TOP - _BOTTOM)

    def drawn(self) -> str:
        """Return its lines, numbers and names; of many names some."""
        parts = []
        for n in range(round(self.most / self.step) + 1):
            y, shown = self.y(n * self.step), f"{n * self.step:g} {self.unit}".strip()
            parts += [
                element("line", "grid", x1=_LEFT, y1=y, x2=WIDTH - _RIGHT, y2=y),
                label(_LEFT - 8, y + 4, shown, "axis left"),
            ]
        every = -(-len(self.names) // _MOST_NAMES)
        parts += [label(self.x(n), HIGH - 8, name, "axis") for n, name in enumerate(self.names) if n % every == 0]
        return "".join(parts)


def upright(names: Sequence[str], most: float, unit: str = "") -> Upright:
    """Return an axis that holds values up to ``most``."""
    steps = (float(one * 10**power) for power in range(12) for one in _ROUND)
    step = next(one for one in steps if most <= one * _MOST_LINES)
    return Upright(names, step * max(-(-most // step), 1), step, unit)
