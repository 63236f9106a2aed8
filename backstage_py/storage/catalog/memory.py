"""What was found in one generation of the catalog, kept until readers can see the next one."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

T = TypeVar("T")


class Memory:
    """Values that hold for one generation of the catalog. Reader threads share it: each step is one atomic call."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[tuple[int, Hashable], object] = OrderedDict()

    def peek(self, generation: int, key: Hashable) -> Any:
        """Return what was made for a key in this generation, None if nothing was."""
        return self._values.get((generation, key))

    def get(self, generation: int, key: Hashable, make: Callable[[], T]) -> T:
        """Return what was made for a key in this generation, made now if it was not."""
        full = (generation, key)
        missing = object()
        found = self._values.get(full, missing)
        if found is not missing:
            return cast("T", found)
        made = make()
        self._values[full] = made
        while len(self._values) > self._most:
            try:
                self._values.popitem(last=False)
            except KeyError:  # another thread was faster
                break
        return made
