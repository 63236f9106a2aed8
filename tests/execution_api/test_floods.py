"""A step that says more than can be sent at once: nothing is lost or out of order, and it goes in few messages."""

import asyncio
from pathlib import Path

from backstage_py import threads
from backstage_py.execution import client
from backstage_py.execution.connection import Connection
from backstage_py.execution.messages import Log, Output
from tests.execution_api import talking

LINES = 2500


async def test_lines_that_wait_go_together(tmp_path: Path) -> None:
    goes_on = asyncio.Event()
    async with talking.serving(tmp_path) as api:
        session = api.session("task-a.1.1.0", goes_on=goes_on)
        url = f"{api.talker.url}/{session.key}"
        channel = await threads.remote_call("a pod", client.opened, url, session.ticket, tmp_path / "pod")
        connection = Connection(channel)
        connection.tell(Log((("info", "first"),)))
        while not api.heard:  # noqa: ASYNC110  # another thread's work
            await asyncio.sleep(0.01)
        for number in range(LINES):
            connection.tell(Log((("info", f"{number}"),)))
            if number == LINES // 2:
                connection.tell(Output("between", number))
        goes_on.set()
        await threads.remote_call("a pod", channel.close)
    heard = [message for _, message in api.heard]
    lines = [text for one in heard if isinstance(one, Log) for _, text in one.lines]
    assert lines == ["first", *map(str, range(LINES))]
    [at] = (number for number, one in enumerate(heard) if isinstance(one, Output))
    last = heard[at - 1]
    assert isinstance(last, Log)
    assert last.lines[-1][1] == f"{LINES // 2}"
    assert len(heard) <= 8, len(heard)
