import asyncio
import threading
import time

from backstage_py.scaffolder.executors.loop_watch import LoopWatch


def block_without_await() -> None:
    time.sleep(2)


async def test_what_blocks_the_loop_is_named_with_its_line() -> None:
    reported = threading.Event()
    places: list[str] = []

    def report(_seconds: float, where: str) -> None:
        places.append(where)
        reported.set()

    watch = LoopWatch(blocked_seconds=0.2, report=report)
    async with watch.running():
        await asyncio.sleep(0.1)
        block_without_await()
        await asyncio.to_thread(reported.wait, 10)
    assert len(places) == 1
    assert "test_loop_watch.py:9 block_without_await" in places[0]
