"""Work that begins on the event loop and goes on in a thread when it takes longer than a moment."""

import math
import threading
from collections.abc import Iterator

import pytest

from backstage_py.plugin import short_work


def steps(count: int) -> Iterator[str]:
    for _ in range(count):
        yield threading.current_thread().name


async def test_work_of_a_moment_stays_on_the_loop() -> None:
    assert set(await short_work.collect(steps(20), moment=math.inf)) == {threading.current_thread().name}


async def test_longer_work_goes_on_in_a_thread_with_nothing_lost() -> None:
    here, *there = await short_work.collect(steps(5), moment=-1)
    assert here == threading.current_thread().name
    assert len(there) == 4
    assert here not in there


@pytest.mark.parametrize("moment", [math.inf, -1])
async def test_an_error_comes_out_wherever_it_happens(moment: float) -> None:
    done = []

    def failing() -> Iterator[None]:
        for name in steps(3):
            done.append(name)
            yield
        raise ValueError("broke")

    with pytest.raises(ValueError, match="broke"):
        await short_work.run(failing(), moment=moment)
    assert len(done) == 3
