"""Compiled templates, remembered up to a total size of their sources."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Item = TypeVar("Item")

_OVERHEAD = 1024
"""What an entry weighs besides its source, so that many tiny templates are bounded too."""


class SizedCache(Generic[Item]):
    """Least recently used entries go first; safe for threads."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._size = 0
        self._entries: OrderedDict[Hashable, tuple[int, Item]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, size: int, make: Callable[[], Item]) -> Item:
        """The entry for a key; ``make`` runs outside of the lock, and perhaps twice."""
        with self._lock:
            found = self._entries.get(key)
            if found is not None:
                self._entries.move_to_end(key)
                return found[1]
        made = make()
        weight = size + _OVERHEAD
        if weight * 4 <= self._capacity:
            with self._lock:
                if key not in self._entries:
                    self._entries[key] = (weight, made)
                    self._size += weight
                while self._size > self._capacity:
                    self._size -= self._entries.popitem(last=False)[1][0]
        return made
