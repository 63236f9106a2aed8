"""How a controller of a test behaves."""

import time
from dataclasses import dataclass, field


@dataclass
class Behaviour:
    """Well by default: ready as soon as its children are.

    Attributes:
        slow: seconds until a child is ready.
        never: it does not become ready.
        flaps: how often it goes from ready to not ready before it stays.
        flap_seconds: how long each of these states lasts.
        refused: a message with which it refuses what it should do, for good (``Synced=False``).
        broken: the name of a child that fails, and the message with which it does.
        lies: it says that it is ready although a child has failed.
        unobserved: its status stays that of an earlier generation.
    """

    slow: float = 0.0
    never: bool = False
    flaps: int = 0
    flap_seconds: float = 0.6
    refused: str = ""
    broken: tuple[str, str] | None = None
    lies: bool = False
    unobserved: bool = False
    _since: dict[str, float] = field(default_factory=dict)
    _flips: dict[str, int] = field(default_factory=dict)

    def is_time(self, uid: str) -> bool:
        """Whether an object that was first asked about some time ago has come so far."""
        return time.monotonic() - self._since.setdefault(uid, time.monotonic()) >= self.slow

    def flips(self, uid: str) -> bool:
        """Whether an object that is ready shall say that it is not, this time."""
        turn = self._flips.get(uid, 0)
        self._flips[uid] = turn + 1
        return turn < 2 * self.flaps and turn % 2 == 1
