"""A connection to a cluster that nobody waits for any more is closed, whenever that was."""

import asyncio
import contextlib
import gc
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from backstage_py.integrations.kubernetes.clusters import Cluster
from backstage_py.integrations.kubernetes.connection import Connection, NoAnswerError, opened
from tests.patience import until


class Opened:
    """Stands for what is opened; its file of credentials is what a real one would leave."""

    def __init__(self) -> None:
        self.is_closed = threading.Event()

    def close(self) -> None:
        self.is_closed.set()


async def test_one_that_comes_when_nobody_waits_is_closed() -> None:
    made, begun, may_end = Opened(), threading.Event(), threading.Event()

    def slow() -> Any:
        begun.set()
        may_end.wait(60)
        return made

    open_: Callable[[], Connection] = slow
    waiting = asyncio.create_task(opened(open_))
    await until(begun.is_set)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not made.is_closed.is_set()
    may_end.set()
    await until(made.is_closed.is_set)


async def test_one_that_has_come_when_its_caller_is_cancelled_is_closed() -> None:
    made, is_there = Opened(), threading.Event()

    def quick() -> Any:
        is_there.set()
        return made

    open_: Callable[[], Connection] = quick
    waiting = asyncio.create_task(opened(open_))
    await asyncio.sleep(0)
    is_there.wait(60)  # the loop has not looked at the answer yet
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await until(made.is_closed.is_set)


async def test_one_that_somebody_waits_for_is_theirs() -> None:
    made = Opened()

    def quick() -> Any:
        return made

    open_: Callable[[], Connection] = quick
    found: Any = await opened(open_)
    assert found is made
    assert not made.is_closed.is_set()


_RESETS = """
import socket, struct
listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
while True:
    one, _ = listening.accept()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    one.close()
"""


def test_one_that_is_reset_before_a_word_of_tls_is_no_answer() -> None:
    with subprocess.Popen([sys.executable, "-c", _RESETS], stdout=subprocess.PIPE, text=True) as resetting:
        assert resetting.stdout is not None
        cluster = Cluster("dev", f"https://127.0.0.1:{int(resetting.stdout.readline())}", verify=False, token="t")
        with contextlib.closing(Connection(cluster)) as connection:
            for _ in range(10):
                with pytest.raises(NoAnswerError, match="The cluster 'dev' does not answer: "):
                    connection.call("GET", "/version")
        resetting.kill()
    gc.collect()  # what Python's own ssl leaves of it is told now, as of this test
