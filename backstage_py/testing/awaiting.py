"""Finds an ``await`` that an author forgot: Python only warns of it, when nobody looks."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_NEVER_AWAITED = "was never awaited"


@contextmanager
def all_awaited(action_id: str) -> Iterator[None]:
    """Fail when a coroutine of the block is dropped without having run; other warnings go on their way."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        yield
    forgotten = [one for one in found if _NEVER_AWAITED in str(one.message)]
    for other in found:
        if other not in forgotten:
            warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)
    if forgotten:
        first = forgotten[0]
        raise AssertionError(
            f"{action_id}: {first.message} ({first.filename}:{first.lineno}); write 'await' before it, "
            "or 'ctx.wait(…)' around it in a plain function"
        )
