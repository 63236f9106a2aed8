"""How many runs have a process at a time; the rest wait in order."""

import asyncio
from collections import Counter, OrderedDict
from dataclasses import dataclass, field

_SHARE = 3 / 4


@dataclass(eq=False, slots=True)
class Place:
    """One of them; ``had`` is done when it is there."""

    owner: str
    had: "asyncio.Future[None]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Places:
    """Gives out ``limit`` places, three quarters of them at most for one owner, so that others always have some."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._share = max(int(limit * _SHARE), 1)
        self._taken: Counter[str] = Counter()
        self._waiting: OrderedDict[Place, None] = OrderedDict()

    @property
    def taken(self) -> int:
        """How many are taken."""
        return self._taken.total()

    def take(self, owner: str) -> Place:
        """Return a place that is there now or later; it is to be given back in any case."""
        place = Place(owner)
        if self._is_free(owner):
            self._give(place)
        else:
            self._waiting[place] = None
        return place

    def give_back(self, place: Place) -> None:
        """Let another have it; one that is still waited for is not wanted any more."""
        if place in self._waiting:
            del self._waiting[place]
            place.had.cancel()
            return
        self._taken -= Counter([place.owner])
        following = next((one for one in self._waiting if self._is_free(one.owner)), None)
        if following:
            del self._waiting[following]
            self._give(following)

    def _is_free(self, owner: str) -> bool:
        return self.taken < self._limit and self._taken[owner] < self._share

    def _give(self, place: Place) -> None:
        self._taken[place.owner] += 1
        place.had.set_result(None)
