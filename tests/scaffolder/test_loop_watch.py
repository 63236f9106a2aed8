import threading
import time

from backstage_py.scaffolder.executors.loop_watch import LoopWatch
from tests import patience

reported = threading.Event()


def block_without_await() -> None:
    give_up = time.monotonic() + patience.SECONDS
    while not reported.is_set() and time.monotonic() < give_up:
        time.sleep(0.01)


async def test_what_blocks_the_loop_is_named_with_its_line() -> None:
    places: list[str] = []
    reported.clear()

    def report(_seconds: float, where: str) -> None:
        if "block_without_await" in where:  # a machine under load may hold the loop up elsewhere
            places.append(where)
            reported.set()

    async with LoopWatch(blocked_seconds=0.2, report=report).running():
        block_without_await()
    assert len(places) == 1
    assert "test_loop_watch.py:13 block_without_await" in places[0]
